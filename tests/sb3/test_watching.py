"""One episode of an agent with its frames: the pictures and figures of every step, of the seed that was asked."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from tests.worlds import waves
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.penalty import Penalty
from tsreward.sb3.saved_agent import LoadedAgent, acting
from tsreward.sb3.training import AgentOptions, train_agent
from tsreward.sb3.watching import _drawing_env, watch
from tsreward.scorers.mahalanobis import Mahalanobis

OPTIONS = AgentOptions("ppo", steps=64, num_envs=1, hidden=8, rollout=32)


class Clock(gymnasium.Env):
    """Counts to nine, and draws as grey as it has counted."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's own attribute
    observation_space = gymnasium.spaces.Box(-99, 99, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.at, self.start = 0, float(self.np_random.normal())
        return self._obs(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.at += 1
        return self._obs(), 2.0, self.at == 9, False, {"cost": float(self.at > 6)}

    def render(self) -> np.ndarray:
        return np.full((20, 30, 3), 10 * self.at, np.uint8)

    def _obs(self) -> np.ndarray:
        return np.array([self.at, self.start], np.float32)


class Drawless(Clock):
    """The same, and cannot draw."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own attribute


gymnasium.register("WatchedClock-v0", entry_point=lambda **options: Clock(**options), disable_env_checker=True)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return RewardModel(Mahalanobis(2), Penalty()).fit(waves(0, dim=2), rewards=np.ones(3))


@pytest.fixture(scope="module")
def agent(model: RewardModel) -> LoadedAgent:
    return acting(train_agent("WatchedClock-v0", OPTIONS, model))


def test_frames_rewards_and_costs_of_every_step(agent: LoadedAgent, model: RewardModel) -> None:
    seen = watch(agent, model, seed=4)
    assert seen.frames.shape == (10, 20, 30, 3)
    assert seen.frames[:, 0, 0, 0].tolist() == [10 * step for step in range(10)]
    assert seen.episode.costs is not None and seen.episode.costs.tolist() == [0.0] * 6 + [1.0] * 3
    earned = relabel(model, seen.episode)
    assert seen.earned is not None and seen.earned.reward.tolist() == earned.reward.tolist()
    assert seen.figures()["true_return"] == 18.0 and seen.rate == 20


def test_the_seed_decides_and_an_episode_can_be_cut(agent: LoadedAgent) -> None:
    first, again, other = watch(agent, seed=4), watch(agent, seed=4), watch(agent, seed=5, longest=3)
    np.testing.assert_array_equal(first.episode.obs, again.episode.obs)
    assert first.episode.obs[0, 1] != other.episode.obs[0, 1]
    assert len(other.frames) == 4 and first.earned is None


def test_fewer_pictures_than_steps_show_the_one_before(agent: LoadedAgent) -> None:
    seen = watch(agent, seed=4, pictures=10)  # of 20 steps a second
    assert seen.frames[:, 0, 0, 0].tolist() == [0, 0, 20, 20, 40, 40, 60, 60, 80, 90]
    assert len(watch(agent, seed=4, longest=3, pictures=1).frames) == 4


def test_mujoco_does_not_smooth_edges_that_a_film_shrinks() -> None:
    env = _drawing_env("InvertedPendulum-v5", 1)
    assert env.unwrapped.model.vis.quality.offsamples == 0  # type: ignore[attr-defined]
    env.close()


def test_what_does_not_draw_itself_is_refused(model: RewardModel) -> None:
    gymnasium.register("Drawless-v0", entry_point=lambda **options: Drawless(**options), disable_env_checker=True)
    with pytest.raises(OptionError, match="Drawless-v0 cannot be watched: it has no render_mode"):
        watch(acting(train_agent("Drawless-v0", OPTIONS, model)), model)
