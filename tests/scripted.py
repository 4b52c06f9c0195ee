"""Scripted environments, which give what is known beforehand whatever is done in them, and small models for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from tsreward.encoders.base import Identity
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions


def small_model(
    shape: tuple[int, ...] = (3,),
    mode: str = "penalty",
    smoothing: float = 0.0,
    frame_skip: int = 1,
    window: int = 4,
    every: int = 1,
) -> RewardModel:
    """Return a model for observations of a shape, fitted on noise; a penalty flags four of ten normal windows."""
    scorer = DeepSVDD(window, DeepSVDDOptions(hidden=16, embedding=4))
    reward = {
        "penalty": lambda: Penalty(PenaltyOptions(form="raw", false_alarm_rate=0.4, smoothing=smoothing)),
        "likeness": lambda: Likeness(LikenessOptions(smoothing=smoothing, every=every)),
        "lagrangian": lambda: Lagrangian(LagrangianOptions(false_alarm_rate=0.4, smoothing=smoothing)),
    }[mode]()
    model = RewardModel(scorer, reward, Identity(shape), frame_skip=frame_skip)
    normal = np.random.default_rng(7).normal(size=(6, 20, *shape)).astype(np.float32)
    model.fit(list(normal), rewards=np.ones(1), options=TrainOptions(windows_per_epoch=None, epochs=1))
    return model


def script(rng: np.random.Generator, length: int, shape: tuple[int, ...] = (3,), dtype: Any = np.float32) -> Episode:
    """Return an episode of `length` steps; its rewards and costs are exact in float32. A uint8 one is of images."""
    size = (length + 1, *shape)
    return Episode(
        obs=rng.integers(0, 256, size, dtype) if dtype is np.uint8 else rng.normal(scale=1.2, size=size).astype(dtype),
        rewards=rng.integers(-16, 17, length) / 8,
        costs=rng.integers(0, 2, length).astype(float),
        terminated=bool(rng.integers(2)),
    )


def scripts(seed: int, num_envs: int, lengths: Sequence[int] = (2, 1, 9, 5), **kind: Any) -> list[list[Episode]]:
    """Return for every environment its episodes: the same lengths, begun at another place in each environment."""
    rng = np.random.default_rng(seed)
    turns = [index % len(lengths) for index in range(num_envs)]
    return [[script(rng, length, **kind) for length in (*lengths[turn:], *lengths[:turn])] for turn in turns]


def box(episode: Episode) -> Box:
    """Return the space of an episode's observations: unlimited, or of images."""
    low, high = (0, 255) if episode.obs.dtype == np.uint8 else (-np.inf, np.inf)
    return Box(low, high, episode.obs.shape[1:], episode.obs.dtype.type)


class ScriptedEnv(gymnasium.Env):
    """Plays its episodes one after the other, and begins again after the last; `info` tells episode, step and cost."""

    def __init__(self, episodes: Sequence[Episode], space: Space | None = None) -> None:
        self.episodes = episodes
        self.observation_space = box(episodes[0]) if space is None else space
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self._episode, self._step = -1, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:  # the same seed begins at the same episode
            self._episode = seed % len(self.episodes) - 1
        self._episode, self._step = (self._episode + 1) % len(self.episodes), 0
        return self.episodes[self._episode].obs[0].copy(), {"episode_number": self._episode, "cost": 0.0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        episode, at = self.episodes[self._episode], self._step
        assert at < len(episode), "stepped after the end of the episode"
        self._step += 1
        done = self._step == len(episode)
        assert episode.rewards is not None and episode.costs is not None
        info = {"episode_number": self._episode, "cost": float(episode.costs[at])}
        return (
            episode.obs[self._step].copy(),
            float(episode.rewards[at]),
            done and episode.terminated,
            done and not episode.terminated,
            info,
        )


class DenseFinalObsEnv(VectorEnv):
    """SAME_STEP as in AtariVectorEnv: every row of `final_obs` is there, without a mask and without `final_info`."""

    autoreset_mode = AutoresetMode.SAME_STEP

    def __init__(self, envs: Sequence[ScriptedEnv]) -> None:
        self.envs, self.num_envs = envs, len(envs)
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = envs[0].observation_space, envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return np.stack([env.reset()[0] for env in self.envs]), {"lives": np.zeros(self.num_envs, int)}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        steps = [env.step(action) for env, action in zip(self.envs, actions, strict=True)]
        rewards, terminated, truncated = (np.array([step[part] for step in steps]) for part in (1, 2, 3))
        infos: dict[str, Any] = {"lives": np.zeros(self.num_envs, int)}
        obs, ended = np.stack([step[0] for step in steps]), terminated | truncated
        if ended.any():
            infos["final_obs"] = np.zeros_like(obs)
            infos["final_obs"][ended] = obs[ended]
        for index in np.flatnonzero(ended):
            obs[index] = self.envs[index].reset()[0]
        return obs, rewards, terminated, truncated, infos


@dataclass
class Earned:
    """What one environment's transitions earned in one episode."""

    reward: list[float] = field(default_factory=list)
    original_reward: list[float] = field(default_factory=list)
    anomaly_score: list[float] = field(default_factory=list)
    anomaly_p_value: list[float] = field(default_factory=list)
    is_anomaly: list[bool] = field(default_factory=list)

    def add(self, reward: float, info: dict[str, Any]) -> None:
        self.reward.append(float(reward))
        for key in ("original_reward", "anomaly_score", "anomaly_p_value"):
            getattr(self, key).append(float(info[key]))
        self.is_anomaly.append(bool(info["is_anomaly"]))


def play_single(env: gymnasium.Env, steps: int, seed: int | None = None) -> list[tuple[Any, ...]]:
    """Return everything that an environment gives, reset after every end; each entry is a reset's or a step's."""
    env.action_space.seed(seed)
    given: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(steps):
        given.append(env.step(env.action_space.sample()))
        if given[-1][2] or given[-1][3]:
            given.append(env.reset())
    return given
