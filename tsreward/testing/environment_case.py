"""What an environment gave while somebody acted at random in it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from tsreward.episodes import Episode
from tsreward.errors import OptionError
from tsreward.model import RewardModel
from tsreward.online import StepReward
from tsreward.relabelling import relabel
from tsreward.testing.random_state import touched


@dataclass(frozen=True)
class EnvironmentOptions:
    """How long the environment is tried."""

    steps: int = 200
    """Steps in all."""
    cut: int = 7
    """The first episode is reset after so many steps, in the middle where it is longer."""
    seed: int = 0
    """Of the first reset and of the actions."""

    def __post_init__(self) -> None:
        for name in ("steps", "cut"):
            if getattr(self, name) < 1:
                raise OptionError(f"EnvironmentOptions.{name} must be at least 1, got {getattr(self, name)}.")


@dataclass
class Played:
    """One episode: what `reset` and every `step` returned."""

    reset: Any
    steps: list[Any] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the environment ended it."""
        return bool(self.steps and (self.steps[-1][2] or self.steps[-1][3]))

    def column(self, key: str) -> list[Any]:
        """Return what the infos of its steps hold under a key."""
        return [step[4][key] for step in self.steps]


@dataclass
class EnvironmentCase:
    """An environment under test."""

    env: Any
    model: RewardModel
    options: EnvironmentOptions

    @cached_property
    def played(self) -> list[Played]:
        """The episodes that were played, each of at least one step."""
        return self.play()

    def play(self) -> list[Played]:
        """Act at random from the first seed on."""
        options, env = self.options, self.env
        env.action_space.seed(options.seed)
        episodes = [Played(_kept(env.reset(seed=options.seed)))]
        for _ in range(options.steps):
            now = episodes[-1]
            if now.ended or (len(episodes) == 1 and len(now.steps) == options.cut):
                episodes.append(now := Played(_kept(env.reset())))
            now.steps.append(_kept(env.step(env.action_space.sample())))
        return episodes

    @cached_property
    def wanted(self) -> list[StepReward]:
        """What the model gives for the same observations and rewards in bulk."""
        return relabel(self.model, [self._episode(played) for played in self.played])

    @cached_property
    def drawn(self) -> list[str]:
        """The global generators whose state playing changed."""
        return touched(self.play)

    @cached_property
    def changed(self) -> list[str]:
        """The tensors of the model that playing changed."""
        before = copy.deepcopy(self.model.state_dict())
        self.play()
        after: dict[str, Tensor] = self.model.state_dict()
        return [name for name, value in before.items() if not value.equal(after[name])]

    def _episode(self, played: Played) -> Episode:
        obs = np.stack([np.asarray(played.reset[0]), *(np.asarray(step[0]) for step in played.steps)])
        return Episode(obs, np.array(played.column("original_reward"), dtype=np.float64))


def _kept(given: Any) -> Any:
    """Return a copy: some environments write into the arrays that they gave before."""
    return copy.deepcopy(given)
