"""`LearnedRewardCallback` on-policy: rollouts, statistics and agents are bit-identical with rewards in every step."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecMonitor, VecNormalize
from torch import Tensor

from tests.sb3.stacks import Crash, Doubling, Meddler, lazy, learning, scripted
from tests.scripted import small_model
from tsreward.errors import ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.vec_env import LearnedRewardVecEnv

ROLLOUT = 17  # steps; episodes of 2, 1, 9, 5, 30 and 7 steps cross the borders of rollouts, and end in all places


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


class Rollouts(BaseCallback):
    """Keeps what every rollout was learned from."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []
        self.truncated = self.terminated = 0
        self.stop_at = stop_at

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            self.truncated += bool(done and info["TimeLimit.truncated"])
            self.terminated += bool(done and not info["TimeLimit.truncated"])
        return self.n_calls != self.stop_at

    def _on_rollout_end(self) -> None:
        buffer = self.locals["rollout_buffer"]
        parts = (buffer.observations, buffer.rewards, buffer.values, buffer.returns, buffer.advantages)
        self.seen.append(tuple(part.tolist() for part in parts))


def trained(
    later: bool,
    model: RewardModel,
    algorithm: Any = PPO,
    normalise: dict[str, Any] | None = None,
    learn: tuple[dict[str, Any], ...] = ({"total_timesteps": 200},),
    stop_at: int | None = None,
) -> tuple[Any, Rollouts]:
    venv = LearnedRewardVecEnv(scripted(3), model, lazy=later)
    outer = venv if normalise is None else VecNormalize(venv, **normalise)
    batch = {"batch_size": ROLLOUT, "n_epochs": 2} if algorithm is PPO else {}
    agent = algorithm("MlpPolicy", outer, n_steps=ROLLOUT, gamma=0.9, seed=3, device="cpu", **batch)
    watch = Rollouts(stop_at)
    for times in learn:
        agent.learn(**times, callback=[LearnedRewardCallback(venv), watch])
    return agent, watch


def check_equal(step: tuple[Any, Rollouts], later: tuple[Any, Rollouts]) -> None:
    for one, other in zip(step[1].seen, later[1].seen, strict=True):
        assert one == other
    weights = [agent.policy.state_dict() for agent, _ in (step, later)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    normalisers = [agent.get_vec_normalize_env() for agent, _ in (step, later)]
    if normalisers[0] is not None:
        one, other = normalisers
        assert vars(one.ret_rms) == vars(other.ret_rms)
        assert type(other.ret_rms) is RunningMeanStd
        assert one.returns.tolist() == other.returns.tolist()
        assert one.obs_rms.mean.tolist() == other.obs_rms.mean.tolist()


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize(
    "normalise",
    [None, {}, {"norm_reward": False}, {"training": False}, {"gamma": 0.5, "clip_reward": 0.3}],
    ids=["plain", "normalised", "observations", "frozen", "clipped"],
)
def test_agents_are_the_same_to_the_bit(algorithm: Any, normalise: dict[str, Any] | None, model: RewardModel) -> None:
    step, later = (trained(way, model, algorithm, normalise) for way in (False, True))
    assert len(later[1].seen) == 4
    assert later[1].truncated > 5
    assert later[1].terminated > 5
    check_equal(step, later)


@pytest.mark.parametrize(("mode", "smoothing", "frame_skip"), [("penalty", 0.0, 3), ("likeness", 0.9, 1)])
def test_agents_are_the_same_with_every_kind_of_reward(mode: str, smoothing: float, frame_skip: int) -> None:
    model = small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip)
    check_equal(*(trained(way, model, normalise={}) for way in (False, True)))


def test_the_learned_rewards_matter(model: RewardModel) -> None:
    """So that equality above is not the equality of environments that pay the same."""
    plain = PPO("MlpPolicy", scripted(3), n_steps=ROLLOUT, batch_size=ROLLOUT, gamma=0.0, seed=3, device="cpu")
    watch = Rollouts()
    plain.learn(50, callback=watch)
    assert trained(True, model)[1].seen[0][1] != watch.seen[0][1]


@pytest.mark.parametrize(
    "learn",
    [
        ({"total_timesteps": 60}, {"total_timesteps": 60, "reset_num_timesteps": False}),
        ({"total_timesteps": 60}, {"total_timesteps": 60}),
    ],
    ids=["going on", "anew"],
)
@pytest.mark.parametrize("stop_at", [None, 5, 17, 25])
def test_training_may_stop_anywhere_and_go_on(
    learn: tuple[dict[str, Any], ...], stop_at: int | None, model: RewardModel
) -> None:
    check_equal(*(trained(way, model, normalise={}, learn=learn, stop_at=stop_at) for way in (False, True)))


def test_a_training_that_crashed_can_be_done_again(model: RewardModel) -> None:
    venv = lazy(scripted(3), model)
    normaliser = VecNormalize(venv)
    agent = PPO("MlpPolicy", normaliser, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    with pytest.raises(RuntimeError, match="crash"):
        agent.learn(100, callback=[LearnedRewardCallback(venv), Crash()])
    agent.learn(100, callback=LearnedRewardCallback(venv))
    assert type(normaliser.ret_rms) is RunningMeanStd
    assert normaliser.ret_rms.count > 100


def test_a_checkpoint_in_mid_rollout_is_a_plain_one(model: RewardModel) -> None:
    class Checkpoint(BaseCallback):
        loaded: VecNormalize

        def _on_step(self) -> bool:
            if self.n_calls == ROLLOUT + 5:
                self.loaded = pickle.loads(pickle.dumps(self.training_env))
                self.agent = io.BytesIO()
                self.model.save(self.agent)
            return True

    venv, checkpoint = lazy(scripted(3), model), Checkpoint()
    agent = PPO("MlpPolicy", VecNormalize(venv), n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    agent.learn(100, callback=[LearnedRewardCallback(venv), checkpoint])
    assert type(checkpoint.loaded.ret_rms) is RunningMeanStd
    assert checkpoint.loaded.ret_rms.count == pytest.approx(3 * ROLLOUT, abs=0.01)  # all rollouts that are complete
    checkpoint.agent.seek(0)
    PPO.load(checkpoint.agent, scripted(3), device="cpu").learn(20)  # nothing of this package is in it


def test_the_logger_gets_the_learned_reward(model: RewardModel) -> None:
    from stable_baselines3.common.logger import Logger

    class Kept(Logger):
        def __init__(self) -> None:
            super().__init__(None, [])
            self.rows: list[dict[str, Any]] = []

        def dump(self, step: int = 0) -> None:
            self.rows.append(dict(self.name_to_value))

    venv, kept = lazy(VecMonitor(scripted(3)), model), Kept()
    agent = PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, gamma=0.0, device="cpu")
    agent.set_logger(kept)
    watch = Rollouts()
    agent.learn(100, callback=[LearnedRewardCallback(venv), watch])
    for row, seen in zip(kept.rows, watch.seen, strict=True):
        assert row["rollout/learned_reward"] == pytest.approx(np.mean(seen[1]))
        assert 0 <= row["rollout/is_anomaly"] <= 1
        assert "rollout/ep_rew_mean" in row


def test_frames_may_be_stacked_outside(model: RewardModel) -> None:
    venv = lazy(scripted(3), model)
    agent = PPO("MlpPolicy", VecFrameStack(venv, 2), n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    agent.learn(100, callback=LearnedRewardCallback(venv))


def test_what_cannot_work_is_refused(model: RewardModel) -> None:
    def learn(agent: Any, venv: LearnedRewardVecEnv) -> None:
        agent.learn(2 * ROLLOUT, callback=LearnedRewardCallback(venv))

    def ppo(venv: VecEnv) -> PPO:
        return PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")

    later, other = (lazy(scripted(3), model) for _ in range(2))
    with pytest.raises(ProtocolError, match=r"VecMonitor stands outside .*: put it inside"):
        learn(ppo(VecMonitor(later)), later)
    with pytest.raises(ProtocolError, match="VecNormalize stands outside"):
        learn(ppo(VecNormalize(VecNormalize(later))), later)
    with pytest.raises(ProtocolError, match="give the callback the one that the algorithm trains on"):
        learn(ppo(later), other)
    with pytest.raises(ProtocolError, match="nobody takes them: train with"):
        ppo(later).learn(2 * ROLLOUT)


def test_steps_that_are_not_of_the_training_are_refused(model: RewardModel) -> None:
    venv = lazy(scripted(3), model)
    agent = PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    with pytest.raises(ProtocolError, match="was stepped 18 times in a rollout of 17 steps"):
        agent.learn(100, callback=[LearnedRewardCallback(venv), Meddler()])


STEPS = 16


def taught(venv: VecEnv, callback: Any, steps: int = 96, algorithm: Any = PPO) -> tuple[Any, Rollouts]:
    agent, watch = algorithm("MlpPolicy", venv, n_steps=STEPS, batch_size=STEPS, seed=3, device="cpu"), Rollouts()
    agent.learn(steps, callback=[callback, watch])
    return agent, watch


def test_every_rollout_is_paid_by_the_model_before_it_learns() -> None:
    learner = learning(every=12, recent=60)
    venv = lazy(scripted(3), learner.model)
    states: list[Any] = []
    windows: list[Tensor] = []
    sources: list[Tensor] = []
    refresh, take = learner.refresh, venv.take

    def watched_take() -> Any:
        taken = take()
        windows.append(venv.windows())
        states.append((learner.refreshes, taken[0].copy(), learner.model.rate(windows[-1]).reward.float().numpy()))
        return taken

    def watched_refresh(source: Any) -> None:
        refresh(lambda number: (sources.append(source(number)), sources[-1])[1])

    venv.take, learner.refresh = watched_take, watched_refresh  # type: ignore[method-assign]
    _, watch = taught(venv, LearnedRewardCallback(venv, learner), steps=144)
    assert [refreshes for refreshes, _, _ in states] == [0, 4, 8]
    assert learner.refreshes == 12
    for (_, given, expected), rollout in zip(states, watch.seen, strict=True):
        np.testing.assert_allclose(given.flatten(), expected, rtol=1e-4, atol=1e-5)
        assert np.shape(rollout[1]) == (STEPS, 3)
    assert not np.allclose(states[0][2], learner.model.rate(windows[0]).reward.float().numpy())
    recent = torch.cat(windows)[-60:]
    assert all((recent == window).all(2).all(1).any() for window in sources[-1])
    assert len(torch.cat(sources[-16:]).unique(dim=0)) > 48  # of more than the last rollout


def test_the_bonus_is_added_and_learns_from_every_window_once() -> None:
    model, bonus = small_model(mode="likeness"), Doubling()

    def rewards(**kind: Any) -> list[Any]:
        venv = lazy(scripted(3), model, **kind)
        return taught(venv, LearnedRewardCallback(venv), 48)[1].seen[0][1]

    plain = rewards()
    assert rewards(bonus=bonus) == plain  # before any update it pays nothing
    assert [len(windows) for windows in bonus.updated] == [48]
    np.testing.assert_allclose(np.array(rewards(bonus=bonus)), np.array(plain) + 2, rtol=1e-5)


class OwnWay(PPO):
    """Collects rollouts in a way of its own."""

    def collect_rollouts(self, *given: Any, **kind: Any) -> bool:
        return super().collect_rollouts(*given, **kind)


def test_rollouts_that_are_collected_in_another_way_are_refused_before_the_first_step(model: RewardModel) -> None:
    venv = lazy(scripted(3), model)
    agent = OwnWay("MlpPolicy", venv, n_steps=STEPS, batch_size=STEPS, device="cpu")
    with pytest.raises(ProtocolError, match=r"OwnWay collects rollouts in a way of its own.*: use .*lazy=False"):
        agent.learn(STEPS, callback=LearnedRewardCallback(venv))
    assert agent.num_timesteps == 0
    venv = LearnedRewardVecEnv(scripted(3), model)
    agent = OwnWay("MlpPolicy", venv, n_steps=STEPS, batch_size=STEPS, device="cpu")
    agent.learn(STEPS, callback=LearnedRewardCallback(venv))


def test_rollouts_of_the_twin_on_jax_are_valued_by_what_follows_them() -> None:
    sbx = pytest.importorskip("sbx")
    model = small_model(mode="likeness")
    bulk = lazy(scripted(3), model)
    own = taught(bulk, LearnedRewardCallback(bulk), 96, sbx.PPO)[1].seen
    watch = Rollouts()
    agent = sbx.PPO("MlpPolicy", LearnedRewardVecEnv(scripted(3), model), n_steps=STEPS, batch_size=STEPS, seed=3)
    agent.learn(96, callback=watch)
    for one, other in zip(own, watch.seen, strict=True):
        for part, expected in zip(one, other, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-5)
