"""A model under test, with what it gives for the same episodes step by step and in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tsreward.episodes import Episode
from tsreward.functional.arrays import as_tensor
from tsreward.model import RewardModel
from tsreward.online import OnlineReward, StepReward
from tsreward.relabelling import relabel
from tsreward.testing.encoders import noise

_EPISODES, _STEPS = 3, 40


@dataclass
class ModelCase:
    model: RewardModel
    given: Sequence[Episode] | None

    @cached_property
    def episodes(self) -> list[Episode]:
        """At most three episodes of at most forty steps, with rewards."""
        if self.given is None:
            draws = [noise(self.model.encoder, _STEPS + 1, seed).numpy() for seed in range(_EPISODES)]
            found = [Episode(obs) for obs in draws]
        else:
            found = [_begin(episode) for episode in self.given[:_EPISODES]]
        paid = np.random.default_rng(0)
        return [
            episode if episode.rewards is not None else replace(episode, rewards=paid.normal(size=len(episode)))
            for episode in found
        ]

    @cached_property
    def bulk(self) -> list[StepReward]:
        return relabel(self.model, self.episodes)

    @cached_property
    def online(self) -> list[StepReward]:
        return [_stepped(self.model, episode) for episode in self.episodes]

    @cached_property
    def windows(self) -> Tensor:
        """Feature windows [B, K, D]."""
        features = self.model.encode(as_tensor(self.episodes[0].obs))
        rows = torch.arange(len(features))[:, None] - torch.arange(self.model.window - 1, -1, -1)
        return features[rows.clamp_min(0)]

    @cached_property
    def normal_scores(self) -> Tensor:
        return self.model.calibration.scores[: int(self.model.calibration.count)]


def _begin(episode: Episode) -> Episode:
    rewards = None if episode.rewards is None else episode.rewards[:_STEPS]
    return Episode(episode.obs[: _STEPS + 1], rewards)


def _stepped(model: RewardModel, episode: Episode) -> StepReward:
    online, obs = OnlineReward(model, 1), as_tensor(episode.obs)
    rewards = as_tensor(np.asarray(episode.rewards))
    online.start(obs[:1])
    steps = [online.step(obs[t + 1 : t + 2], rewards[t : t + 1]) for t in range(len(episode))]
    return StepReward(*(torch.cat(part) for part in zip(*steps, strict=True)))
