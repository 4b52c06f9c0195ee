"""Learned rewards for several agents, in PettingZoo's two interfaces: every agent has a window of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import OptionError, missing_extra
from tsreward.functional.tensors import as_tensor
from tsreward.io.hub import as_model
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.wrappers.checks import check_driven
from tsreward.wrappers.infos import INFO_KEYS
from tsreward.wrappers.obs_parts import ObsKey
from tsreward.wrappers.reward_obs import RewardObs

try:
    from pettingzoo.utils import BaseParallelWrapper, BaseWrapper  # pyright: ignore[reportMissingImports]
except ImportError:  # the constructors say so: this module is read without PettingZoo too, for its documentation
    BaseParallelWrapper = BaseWrapper = object

Model = RewardModel | str | Path
Models = Model | Mapping[str, Model]
"""One model that all agents share, or agent -> model; agents without one keep the environment's reward."""


class _Windows:
    """The windows of all agents; that of an agent ends with its death."""

    def __init__(self, who: str, env: Any, models: Models, obs_key: ObsKey | None, driven: bool) -> None:
        if BaseWrapper is object:
            raise missing_extra("pettingzoo", "pettingzoo")
        agents = list(env.possible_agents)
        if isinstance(models, Mapping):
            if unknown := set(models) - set(agents):
                raise OptionError(f"{who} has a model for {min(unknown)!r}, and the agents are {agents}.")
            given = {agent: as_model(model) for agent, model in models.items()}
        else:
            shared = as_model(models)
            given = dict.fromkeys(agents, shared)
        for model in given.values():
            check_driven(who, model, driven)
        self._streams = {agent: RewardStream(model, 1) for agent, model in given.items()}
        self._read = {
            agent: RewardObs(who, model, env.observation_space(agent), obs_key) for agent, model in given.items()
        }
        self._running: set[str] = set()

    def begin(self) -> None:
        """Forget all agents."""
        self._running.clear()

    def arrived(self, agent: str, obs: Any, paid: float, info: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Return what an agent earns on its arrival, and its info; the first observation begins its window."""
        if agent not in self._streams:
            return paid, dict(info)
        row = self._row(agent, obs)
        if agent not in self._running:
            self._streams[agent].start(row)
            self._running.add(agent)
            return paid, dict(info)
        earned = self._streams[agent].step(row, torch.tensor([paid], dtype=torch.float64))
        said = (paid, earned.score.item(), earned.p_value.item(), earned.is_anomaly.item())
        return earned.reward.item(), {**info, **dict(zip(INFO_KEYS, said, strict=True))}

    def ended(self, agent: str) -> None:
        """End the window of an agent."""
        self._running.discard(agent)

    def _row(self, agent: str, obs: Any) -> Tensor:
        return as_tensor(np.asarray(self._read[agent].of_one(obs)))[None]


class LearnedRewardParallel(BaseParallelWrapper):  # pyright: ignore[reportGeneralTypeIssues]
    """Pay learned rewards to the agents of a parallel environment of PettingZoo.

    Every agent has a window of its own observations, which begins with its first one and ends with its death. The info
    of an agent gets `original_reward`, `anomaly_score`, `anomaly_p_value` and `is_anomaly`. An agent that appears later
    gets the environment's reward in the step in which it appears.

    Args:
        env: a parallel environment.
        models: one model that all agents share, or agent -> model; models, paths, zoo:NAME or owner/name.
        obs_key: what the models look at, as in `LearnedReward`.
        driven: a loop of your own calls `model.mode.update`.

    Raises:
        MissingExtraError: PettingZoo is not installed.
        OptionError: a model for an agent that there is not.
        NotFittedError, ShapeError: a model is not fitted, or reads other observations.
    """

    def __init__(self, env: Any, models: Models, *, obs_key: ObsKey | None = None, driven: bool = False) -> None:
        self._windows = _Windows(type(self).__name__, env, models, obs_key, driven)
        super().__init__(env)

    def reset(self, seed: int | None = None, options: dict | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset the environment, and begin the windows of its agents."""
        obs, infos = super().reset(seed=seed, options=options)
        self._windows.begin()
        for agent, seen in obs.items():
            self._windows.arrived(agent, seen, 0.0, {})
        return obs, infos

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """Return what the environment gives, with learned rewards in place of its own."""
        obs, rewards, terminated, truncated, infos = super().step(actions)
        rewards, infos = dict(rewards), dict(infos)
        for agent, seen in obs.items():
            paid, info = float(rewards.get(agent, 0.0)), infos.get(agent, {})
            rewards[agent], infos[agent] = self._windows.arrived(agent, seen, paid, info)
            if terminated.get(agent) or truncated.get(agent):
                self._windows.ended(agent)
        return obs, rewards, terminated, truncated, infos


class LearnedRewardAEC(BaseWrapper):  # pyright: ignore[reportGeneralTypeIssues]
    """Pay learned rewards to the agents of a PettingZoo environment in which agents act in turns.

    The window of an agent holds what it observed at its own turns. `last()` gives the learned reward of the agent's
    last action, which is known at its next turn; the environment's reward since then is `info["original_reward"]`, and
    a penalty is taken off it. `env.rewards` stays the environment's.

    Args:
        env: an environment of the AEC interface.
        models: as in `LearnedRewardParallel`.
        obs_key: what the models look at, as in `LearnedReward`.
        driven: a loop of your own calls `model.mode.update`.

    Raises:
        OptionError, NotFittedError, ShapeError: as `LearnedRewardParallel`.
    """

    def __init__(self, env: Any, models: Models, *, obs_key: ObsKey | None = None, driven: bool = False) -> None:
        self._windows = _Windows(type(self).__name__, env, models, obs_key, driven)
        self._turn: tuple[Any, ...] | None = None
        super().__init__(env)

    def reset(self, seed: int | None = None, options: dict | None = None) -> None:
        """Reset the environment, and forget the windows."""
        super().reset(seed=seed, options=options)
        self._windows.begin()
        self._turn = None

    def step(self, action: Any) -> None:
        """Let the agent whose turn it is act; one that is dead leaves."""
        agent = self.env.agent_selection
        dead = self.env.terminations.get(agent) or self.env.truncations.get(agent)
        self.last()  # its window goes on also where nobody asked
        super().step(action)
        self._turn = None
        if dead:
            self._windows.ended(agent)

    def last(self, observe: bool = True) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return observation, learned reward, terminated, truncated and info of the agent whose turn it is."""
        if self._turn is None:
            obs, paid, terminated, truncated, info = self.env.last(observe=True)
            reward, info = self._windows.arrived(self.env.agent_selection, obs, float(paid), info)
            self._turn = obs, reward, terminated, truncated, info
        obs, *rest = self._turn
        return (obs if observe else None, *rest)  # type: ignore[return-value]
