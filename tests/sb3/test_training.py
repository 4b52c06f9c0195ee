"""Training repeats itself under a seed, touches no global state, and refuses what cannot work before it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from tests.envs.test_random_state import draw
from tests.tiny import TinyEnv
from tsreward.encoders.base import Identity
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import MissingExtraError, OptionError, ProtocolError
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import RandomNetworkDistillation
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sb3.environment_checks import check_environment
from tsreward.sb3.playing import act_at_random
from tsreward.sb3.saved_agent import save_agent
from tsreward.sb3.training import AgentOptions, roll_out, train_agent
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.training import TrainOptions

SMALL = AgentOptions(steps=256, num_envs=4, hidden=8)


@pytest.fixture(scope="module")
def models() -> dict[str, RewardModel]:
    """Return models that know the left half of the line."""
    draws = np.random.default_rng(0)
    normal = [(draws.uniform(-1, 0.3, (40, 1)) * np.ones(3)).astype(np.float32) for _ in range(6)]
    fitted = {
        "penalty": RewardModel(Mahalanobis(2), Penalty(PenaltyOptions(unit=1.0))),
        "lagrangian": RewardModel(Mahalanobis(2), Lagrangian(LagrangianOptions(unit=1.0))),
    }
    for model in fitted.values():
        model.fit(normal)
    return fitted


@pytest.mark.parametrize("algorithm", ["ppo", "td3", "sac"])
def test_the_same_seed_gives_the_same_training_and_no_global_state_moves(algorithm):
    options = AgentOptions(algorithm, steps=96, num_envs=2, hidden=8, gradient_steps=1)
    with kept_random_state():
        before = draw()
    first, second = (train_agent("Tiny/Cost-v0", options) for _ in range(2))
    with kept_random_state():
        assert draw() == before
    assert [e.rewards.tolist() for e in first.record.finished] == [e.rewards.tolist() for e in second.record.finished]
    other = train_agent("Tiny/Cost-v0", replace(options, seed=1))
    assert first.record.finished[0].rewards.tolist() != other.record.finished[0].rewards.tolist()


def test_the_record_is_below_the_learned_reward(models):
    told = []
    agent = train_agent(
        "Tiny/Cost-v0", SMALL, models["penalty"], needs_cost=True, report=lambda done, total: told.append((done, total))
    )
    rows = [episode.obs[1:, 0] for episode in agent.record.finished]
    rewards = [episode.rewards for episode in agent.record.finished]
    assert np.abs(np.concatenate(rewards) - np.concatenate(rows)).max() < 0.1  # the place, less the noise of the sensor
    assert told[0] == (4, 256)
    assert told[-1] == (256, 256)


def test_the_multiplier_follows_the_flags(models):
    mode = models["lagrangian"].mode
    assert isinstance(mode, Lagrangian)
    assert float(mode.multiplier) == 0
    train_agent("Tiny/Cost-v0", AgentOptions(steps=2048, num_envs=8, hidden=8), models["lagrangian"])
    assert float(mode.multiplier) > 0


class Counted(BaseCallback):
    """Counts the steps that it is told of."""

    def _on_step(self) -> bool:
        return True


def test_callbacks_are_told_of_every_step():
    own = Counted()
    agent = train_agent("Tiny/Cost-v0", SMALL, callbacks=[own])
    assert own.n_calls == 64 and own.model is agent.algorithm


def learner(**options: Any) -> ActiveLearner:
    """Return a learner whose expert stays on the right half of the line."""
    draws = np.random.default_rng(0)
    expert = [(draws.uniform(0.3, 1, (30, 1)) * np.ones(3)).astype(np.float32) for _ in range(6)]
    model = RewardModel(DeepSVDD(2, DeepSVDDOptions(hidden=16)), Likeness(LikenessOptions(transform="odds")))
    return ActiveLearner(model, expert, ActiveLearnerOptions(batch_size=32, **options))


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_an_active_scorer_learns_with_the_agent_and_repeats_itself(algorithm):
    options = AgentOptions(algorithm, steps=512, num_envs=4, hidden=8, gradient_steps=1, rollout=64)
    states, records = [], []
    for _ in range(2):
        active = learner()
        start = {name: value.clone() for name, value in active.model.state_dict().items()}
        agent = train_agent("Tiny/Cost-v0", options, active=active, bonus=RandomNetworkDistillation(2, 3))
        assert active.refreshes == 16
        assert not torch.equal(active.model.state_dict()["scorer.embed.1.weight"], start["scorer.embed.1.weight"])
        states.append(active.model.state_dict())
        records.append(np.concatenate([episode.rewards for episode in agent.record.finished]))
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert records[0].tolist() == records[1].tolist()
    places = torch.tensor([[-1.0], [0.6]])[:, None].expand(2, 2, 3).contiguous()
    left, right = active.model.rate(places).reward.tolist()
    assert right > left


def test_what_does_not_fit_an_active_scorer_is_refused(models):
    active = learner()
    with pytest.raises(OptionError, match="got a model and an ActiveLearner of another one: leave out the model"):
        train_agent("Tiny/Cost-v0", SMALL, models["penalty"], active=active)
    with pytest.raises(OptionError, match="adds a bonus to a learned reward only: give model or active too"):
        train_agent("Tiny/Cost-v0", SMALL, bonus=RandomNetworkDistillation(2, 3))
    with pytest.raises(OptionError, match=r"is asked once per rollout, not in every step: leave AgentOptions\.lazy"):
        train_agent("Tiny/Cost-v0", replace(SMALL, lazy=False), active=active)
    with pytest.raises(OptionError, match="is asked once per rollout, not in every step"):
        train_agent("Tiny/Cost-v0", SMALL, models["lagrangian"], bonus=RandomNetworkDistillation(2, 3))


class Framed(TinyEnv):
    """Puts a picture of the place into the info."""

    def reset(self, **kind: Any) -> tuple[Any, dict[str, Any]]:
        obs, info = super().reset(**kind)
        return obs, {**info, "frame": self.frame()}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, terminated, truncated, {**info, "frame": self.frame()}

    def frame(self) -> np.ndarray:
        return np.full((2, 2, 1), np.clip(128 + 60 * self.place, 0, 255), np.uint8)


gymnasium.register("Tiny/Framed-v0", Framed, max_episode_steps=12, disable_env_checker=True)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
@pytest.mark.parametrize("learns", [True, False])
def test_the_model_may_look_at_frames_while_the_agent_sees_sensors(algorithm, learns):
    frames = np.random.default_rng(0).integers(120, 200, (6, 30, 1, 1, 1)) * np.ones((2, 2, 1))
    model = RewardModel(DeepSVDD(2, DeepSVDDOptions(hidden=16)), Likeness(), Identity((2, 2, 1)))
    model.fit(list(frames.astype(np.float32)), options=TrainOptions(epochs=1, windows_per_epoch=256))
    active = (
        ActiveLearner(model, list(frames.astype(np.float32)), ActiveLearnerOptions(batch_size=16)) if learns else None
    )
    options = AgentOptions(algorithm, steps=128, num_envs=2, hidden=8, gradient_steps=1)
    agent = train_agent("Tiny/Framed-v0", options, None if learns else model, active=active, reward_obs="frame")
    assert agent.record.finished[0].obs.shape[1:] == (3,)
    assert active is None or active.refreshes == 4
    with pytest.raises(ProtocolError, match=r"gave no info\['frame'\]"):
        train_agent("Tiny/Cost-v0", options, model, reward_obs="frame")


def test_roll_out_runs_whole_episodes(models):
    agent = train_agent("Tiny/Cost-v0", SMALL)
    first, second = (roll_out(agent, "Tiny/Cost-v0", episodes=5, seed=3) for _ in range(2))
    assert len(first.finished) >= 5
    assert [e.rewards.tolist() for e in first.finished] == [e.rewards.tolist() for e in second.finished]
    assert max(map(len, first.finished)) == 12


def test_roll_out_holds_actions_as_long_as_in_training():
    agent = train_agent("Tiny/Cost-v0", replace(SMALL, action_repeat=3))
    lengths = [len(episode) for episode in roll_out(agent, "Tiny/Cost-v0", episodes=8, seed=3).finished]
    assert max(lengths) == max(len(episode) for episode in agent.record.finished) == 4  # of 12 steps


def test_files_hold_all_that_the_agent_needs(tmp_path):
    agent = train_agent("Tiny/Cost-v0", SMALL)
    save_agent(agent, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "agent.json",
        "agent.safetensors",
        "agent.zip",
        "normaliser.npz",
    ]
    loaded = PPO.load(tmp_path / "agent.zip", device="cpu")
    obs = np.array([[0.4, 0.5, 0.6]], np.float32)
    with np.load(tmp_path / "normaliser.npz", allow_pickle=False) as moments:
        seen = (obs - moments["mean"]) / np.sqrt(moments["variance"] + moments["epsilon"])
        seen = np.clip(seen, -moments["clip"], moments["clip"]).astype(np.float32)
    np.testing.assert_array_equal(seen, agent.normaliser.normalize_obs(obs))
    expected = agent.algorithm.predict(agent.normaliser.normalize_obs(obs), deterministic=True)[0]
    np.testing.assert_array_equal(loaded.predict(seen, deterministic=True)[0], expected)


def test_random_actions_repeat_under_a_seed():
    told = []
    records = [act_at_random("Tiny/Cost-v0", 50, 4, seed, lambda *at: told.append(at)) for seed in (3, 3, 4)]
    first, same, other = ([e.rewards.tolist() for e in record.all_episodes()] for record in records)
    assert first == same
    assert first != other
    assert sum(map(len, first)) == 52
    assert told[12] == (50, 50)


def test_odd_numbers_of_steps_train_without_a_warning():
    train_agent("Tiny/Cost-v0", AgentOptions(steps=1, num_envs=1, hidden=8))
    train_agent("Tiny/Discrete-v0", AgentOptions(steps=100, num_envs=3, hidden=8))


def test_check_environment_finds_what_does_not_suit():
    assert check_environment("Tiny/Cost-v0", "sac", needs_cost=True) == (3,)
    assert check_environment("Tiny/Plain-v0") == (3,)
    with pytest.raises(OptionError, match=r"Unknown environment 'Tiny/Cots-v0': did you mean 'Tiny/Cost-v0'\?"):
        check_environment("Tiny/Cots-v0")
    with pytest.raises(OptionError, match=r"td3 needs continuous actions, but Tiny/Discrete-v0 has Discrete\(2\)"):
        check_environment("Tiny/Discrete-v0", "td3")
    assert check_environment("Taxi-v3") == (500,)  # one number per value
    assert check_environment("Blackjack-v1") == (32 + 11 + 2,)
    with pytest.raises(ProtocolError, match=r"Tiny/Plain-v0 gave no info\['cost'\] nor .*--cost-key"):
        check_environment("Tiny/Plain-v0", needs_cost=True)


def test_a_package_that_an_environment_lacks_is_named(monkeypatch):
    import gymnasium

    def lacking(id, **options):
        raise gymnasium.error.DependencyNotInstalled('box2d is not installed, run `pip install "gymnasium[box2d]"`')

    monkeypatch.setattr("gymnasium.make", lacking)
    with pytest.raises(MissingExtraError, match=r"LunarLander-v3 needs a package .* `pip install .gymnasium.box2d..`"):
        check_environment("LunarLander-v3")
