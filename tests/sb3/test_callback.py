"""`LearnedRewardCallback` off-policy: agents are those of rewards in every step, and samples follow what learns."""

from __future__ import annotations

import pickle
import warnings
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import TransformObservation
from stable_baselines3 import A2C, SAC, TD3
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize
from torch import Tensor

from tests.sb3.stacks import Crash, Doubling, Meddler, Stop, lazy, learning, scripted
from tests.scripted import small_model
from tests.walk import Walk, played
from tsreward.errors import OptionError, ProtocolError
from tsreward.named_warnings import gathered
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.replay_buffer import LearnedReplayBuffer
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions

LEAN = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


def trained(
    later: bool,
    model: RewardModel,
    algorithm: Any = SAC,
    num_envs: int = 2,
    normalised: bool = False,
    learn: tuple[dict[str, Any], ...] = ({"total_timesteps": 160},),
    stop_at: int | None = None,
    **options: Any,
) -> Any:
    venv = LearnedRewardVecEnv(scripted(num_envs), model, lazy=later)
    outer = VecNormalize(venv, norm_reward=False) if normalised else venv
    options = {"buffer_size": 500, "learning_starts": 60, "batch_size": 8, **options}
    agent = algorithm("MlpPolicy", outer, seed=3, device="cpu", policy_kwargs={"net_arch": [8]}, **options)
    stop = Stop(stop_at)
    for times in learn:
        agent.learn(**times, callback=[LearnedRewardCallback(venv), stop])
    return agent


def check_equal(step: Any, later: Any) -> None:
    one, other = step.replay_buffer, later.replay_buffer
    assert type(other) is ReplayBuffer
    assert (one.pos, one.full) == (other.pos, other.full)
    for name in ("observations", "actions", "rewards", "dones", "timeouts"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    weights = [agent.policy.state_dict() for agent in (step, later)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_envs": 1},
        {"num_envs": 3, "normalised": True},
        {"buffer_size": 40},
        {"buffer_size": 4, "num_envs": 3},
        {**LEAN, "buffer_size": 40},
        {"train_freq": 7, "gradient_steps": 2},
        {"train_freq": (2, "episode"), "num_envs": 1},
    ],
    ids=["plain", "one", "normalised", "full", "tiny", "lean", "seldom", "episodes"],
)
def test_agents_are_the_same_to_the_bit(algorithm: Any, options: dict[str, Any], model: RewardModel) -> None:
    check_equal(*(trained(later, model, algorithm, **options) for later in (False, True)))


@pytest.mark.parametrize("again", [{"reset_num_timesteps": False}, {}], ids=["going on", "anew"])
@pytest.mark.parametrize("stop_at", [None, 1, 11, 45])
def test_training_may_stop_anywhere_and_go_on(again: dict[str, Any], stop_at: int | None, model: RewardModel) -> None:
    learn = ({"total_timesteps": 100}, {"total_timesteps": 100, **again})
    check_equal(*(trained(later, model, learn=learn, stop_at=stop_at) for later in (False, True)))


def test_transitions_are_scored_together_and_only_when_needed(model: RewardModel) -> None:
    takes: list[int] = []

    class Counting(LearnedRewardVecEnv):
        def take(self) -> Any:
            takes.append(self.pending)
            return super().take()

    venv = Counting(scripted(2), model, lazy=True)
    agent = SAC("MlpPolicy", venv, buffer_size=5000, learning_starts=10_000, device="cpu")
    agent.learn(600, callback=LearnedRewardCallback(venv))
    assert takes == [128, 128, 44]  # nothing was sampled: chunks of 256 transitions, and the rest at the end
    takes.clear()
    agent.learning_starts, agent.batch_size = 0, 2
    agent.learn(600, callback=LearnedRewardCallback(venv))
    assert sum(takes) == 300
    assert 5 < len(takes) < 200


def test_a_saved_buffer_is_a_plain_one_with_all_rewards(model: RewardModel) -> None:
    class Save(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 30:
                self.loaded = pickle.loads(pickle.dumps(self.model.replay_buffer))
            return True

    venv, save = lazy(scripted(2), model), Save()
    agent = SAC("MlpPolicy", venv, buffer_size=500, learning_starts=40, batch_size=8, seed=3, device="cpu")
    agent.learn(100, callback=[LearnedRewardCallback(venv), save])
    assert type(save.loaded) is ReplayBuffer
    assert save.loaded.pos == 29  # callbacks come before the transition is stored
    assert save.loaded.rewards[:29].tolist() == agent.replay_buffer.rewards[:29].tolist()


def test_a_training_that_crashed_can_be_done_again(model: RewardModel) -> None:
    venv = lazy(scripted(2), model)
    agent = SAC("MlpPolicy", venv, buffer_size=500, learning_starts=400, seed=3, device="cpu")
    with pytest.raises(RuntimeError, match="crash"):
        agent.learn(100, callback=[LearnedRewardCallback(venv), Crash()])
    agent.learn(100, callback=LearnedRewardCallback(venv))
    buffer = agent.replay_buffer
    assert type(buffer) is ReplayBuffer
    assert buffer.pos == 19 + 50
    assert np.isfinite(buffer.rewards[: buffer.pos]).all()


def test_what_cannot_work_is_refused(model: RewardModel) -> None:
    venv = lazy(scripted(2), model)

    def learn(agent: Any) -> None:
        agent.learn(10, callback=LearnedRewardCallback(venv))

    def sac(venv: VecEnv, **options: Any) -> SAC:
        return SAC("MlpPolicy", venv, buffer_size=99, device="cpu", **options)

    with pytest.raises(ProtocolError, match=r"use VecNormalize\(venv, norm_reward=False\)"):
        learn(sac(VecNormalize(venv)))
    with pytest.raises(ProtocolError, match="fills a plain ReplayBuffer, got NStepReplayBuffer"):
        learn(sac(venv, replay_buffer_class=NStepReplayBuffer))
    with pytest.raises(ProtocolError, match="give the callback the one that the algorithm trains on"):
        learn(sac(scripted(2)))
    with pytest.raises(ProtocolError, match="nobody takes them: train with"):
        sac(venv).learn(10)


def test_what_cannot_learn_is_refused() -> None:
    learner = learning()
    venv = lazy(scripted(2), learner.model)
    with pytest.raises(ProtocolError, match="a learner of another model than its venv's: give both the same"):
        LearnedRewardCallback(lazy(scripted(2), small_model()), learner)
    with pytest.raises(OptionError, match=r"learns needs lazy rewards: use .*lazy=True"):
        LearnedRewardCallback(LearnedRewardVecEnv(scripted(2), learner.model), learner)
    with pytest.raises(OptionError, match=r"learns needs lazy rewards: use .*lazy=True"):
        LearnedRewardCallback(LearnedRewardVecEnv(scripted(2), learner.model, Doubling()))
    with pytest.raises(
        ProtocolError, match="that is empty, got NStepReplayBuffer with 0 rows: make the algorithm anew"
    ):
        taught(venv, learner, replay_buffer_class=NStepReplayBuffer)
    with pytest.raises(ProtocolError, match="is not the LearnedRewardVecEnv that its callback was given"):
        taught(lazy(scripted(2), learner.model), learner, outer=lambda _: scripted(2))
    smoothed = small_model(smoothing=0.5)
    with pytest.raises(OptionError, match=r"smooths scores over time"):
        taught(lazy(scripted(2), smoothed, bonus=Doubling()))


@pytest.mark.parametrize("algorithm", [A2C, SAC])
def test_a_mode_that_moves_follows_flags_and_lengths(algorithm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, moves = small_model(mode="lagrangian"), []
    monkeypatch.setattr(model.mode, "update", lambda *found: moves.append(found))
    venv = LearnedRewardVecEnv(scripted(2), model)
    agent = algorithm("MlpPolicy", VecMonitor(venv), device="cpu", **({"buffer_size": 99} if algorithm is SAC else {}))
    with pytest.raises(ProtocolError, match="nothing moves its Lagrangian"):
        agent.learn(10)
    agent.learn(120, callback=LearnedRewardCallback(venv, mode_every=40))
    # The first reset, of the training that was refused, began the episodes of 2 and 1 steps.
    assert [found[1] for found in moves] == [np.mean([1, 9, 5, 9, 5]), None, np.mean([30, 7, 2, 1])]
    assert all(0 < found[0] < 1 for found in moves)


def test_steps_that_are_not_of_the_training_are_refused(model: RewardModel) -> None:
    venv = lazy(scripted(2), model)
    agent = SAC("MlpPolicy", venv, buffer_size=99, device="cpu")
    with pytest.raises(ProtocolError, match="was stepped 4 times, but 3 transitions were stored"):
        agent.learn(100, callback=[LearnedRewardCallback(venv), Meddler()])


def taught(
    venv: LearnedRewardVecEnv,
    learner: ActiveLearner | None = None,
    algorithm: Any = SAC,
    steps: int = 160,
    stop_at: int | None = None,
    outer: Any = None,
    **options: Any,
) -> Any:
    options = {"buffer_size": 500, "learning_starts": 60, "batch_size": 8, **options}
    agent = algorithm(
        "MlpPolicy",
        venv if outer is None else outer(venv),
        seed=3,
        device="cpu",
        policy_kwargs={"net_arch": [8]},
        **options,
    )
    agent.learn(steps, callback=[LearnedRewardCallback(venv, learner), Stop(stop_at)])
    return agent


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_refreshes_come_every_so_many_decisions_on_what_is_stored(
    num_envs: int, algorithm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, seen = learning(every=12, updates=1, recent=30), []
    refresh = learner.refresh

    def watched(source: Any) -> None:
        refresh(lambda number: (seen.append(source(number)), seen[-1])[1])

    monkeypatch.setattr(learner, "refresh", watched)
    venv = lazy(scripted(num_envs), learner.model)
    agent = taught(venv, learner, algorithm=algorithm, steps=120)
    assert learner.refreshes == len(seen) == 10
    buffer = agent.replay_buffer
    assert isinstance(buffer, LearnedReplayBuffer) and buffer.added * num_envs == 120
    # The last refresh was asked before the last step was stored, for windows of the rows before.
    stored = buffer.latest(1 + 30 // num_envs)[:-num_envs]
    assert all((stored == window).all(2).all(1).any() for window in seen[-1])


def test_the_agent_learns_from_the_model_of_the_moment() -> None:
    learner = learning(every=8)
    venv = lazy(scripted(2), learner.model)
    buffer = taught(venv, learner).replay_buffer
    rows, envs = np.arange(10), np.zeros(10, int)
    expected = learner.model.rate(buffer.windows(rows, envs)).reward.float()
    assert buffer.rewards_of(rows, envs).tolist() == expected.tolist()


def test_the_seed_decides_everything() -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        learner = learning(every=8, seed=seed)
        agent = taught(lazy(scripted(2), learner.model), learner)
        return {**agent.policy.state_dict(), **learner.model.state_dict()}

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize("learns", [True, False])
def test_the_bonus_learns_from_every_window_once(learns: bool) -> None:
    bonus, learner = Doubling(), learning(every=32)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    venv = lazy(scripted(2), learner.model, bonus=bonus)
    buffer = taught(venv, learner if learns else None).replay_buffer
    if not learns:
        assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
    assert [len(windows) for windows in bonus.updated] == [30, 32, 32, 32, 32]
    rows, envs = np.repeat(np.arange(79), 2), np.tile(np.arange(2), 79)
    standardised = learner.model.scorer.standardise(buffer.windows(rows, envs))
    assert torch.equal(torch.cat(bonus.updated), standardised)  # in the units in which it is asked for what it pays


def test_training_goes_on_with_what_is_there() -> None:
    learner = learning(every=8)
    venv = lazy(scripted(2), learner.model)
    agent = taught(venv, learner, stop_at=25)
    assert agent.replay_buffer.added == 24
    with pytest.raises(ProtocolError, match="nobody takes them"):
        venv.step(np.zeros((2, 1), np.float32))
    for again in (False, True):
        agent.learn(40, callback=LearnedRewardCallback(venv, learner), reset_num_timesteps=again)
    assert agent.replay_buffer.added == 24 + 20 + 20
    assert learner.refreshes > 8


def test_observations_may_be_normalised_outside() -> None:
    learner = learning(every=8)
    agent = taught(lazy(scripted(2), learner.model), learner, outer=partial(VecNormalize, norm_reward=False))
    buffer = agent.replay_buffer
    arrived = buffer.windows(np.arange(80), np.zeros(80, int))[:, -1]
    np.testing.assert_allclose(arrived, buffer.next_observations[:80, 0], rtol=1e-3, atol=1e-4)


def test_the_twin_on_jax_learns_from_it_too() -> None:
    sbx = pytest.importorskip("sbx")
    learner = learning(every=8)
    venv = lazy(scripted(2), learner.model)
    agent = taught(venv, learner, algorithm=sbx.SAC, gradient_steps=2)
    assert learner.refreshes == 20 and isinstance(agent.replay_buffer, LearnedReplayBuffer)


def test_a_learner_is_told_of_units_and_not_of_an_agent_that_behaves_otherwise() -> None:
    expert = [episode.obs for episode in played(Walk(), 20, seed=1)]

    def trained_on(scale: float) -> list[tuple[str, str]]:
        scorer = DeepSVDD(4, DeepSVDDOptions(hidden=16, embedding=4))
        model = RewardModel(scorer, Likeness(LikenessOptions(transform="odds")))
        learner = ActiveLearner(model, expert, ActiveLearnerOptions(every=200, updates=1, batch_size=16))

        def make() -> gymnasium.Env:
            return TransformObservation(Walk(), lambda obs: (scale * obs).astype(np.float32), None)

        venv = lazy(DummyVecEnv([make] * 4), model)
        agent = A2C("MlpPolicy", venv, n_steps=64, seed=0, device="cpu", policy_kwargs={"net_arch": [8]})
        with gathered() as log, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agent.learn(1100, callback=LearnedRewardCallback(venv, learner))
        assert learner.refreshes
        return [(one.name, one.text) for one in log.given]

    assert trained_on(1.0) == []  # random actions at first
    ((name, text),) = trained_on(1000.0)
    assert name == "outside training range" and "about 2,000 times as large" in text  # and wider
