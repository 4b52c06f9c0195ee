"""Likeness of the last frames to a goal video: the video reward of GenReward (arXiv 2512.00961)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tsreward.options import option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class GoalVideoOptions(ScorerOptions):
    """Options of `GoalVideo`."""

    videos: int = option(4, high=256)
    """Goal videos that are kept, at most."""
    features: Literal["standardised", "raw"] = "standardised"
    """standardised: in units of the goal videos' own moments. raw: as they are, for latents of a clip encoder."""


@SCORERS.register("goal_video")
class GoalVideo(Scorer[GoalVideoOptions]):
    """1 − the largest cosine between the features of a window, side by side, and those of a goal video.

    Normal episodes are goal videos, each resampled to the K steps of a window; `frame_skip` says how many steps apart
    those of the agent lie, so that K = 16 with frame_skip 8 looks back 121 steps. With a `ClipVideoEncoder`, whose
    observations are clips (`tsreward.stack_clips`), K is 1, and a goal video counts by its last clip. GenReward's
    α · cosine is 1 − score, in every step.

    >>> video = torch.linspace(0, 1, 40)[:, None] * torch.tensor([[1.0, -1.0]])
    >>> scorer = GoalVideo(window=4).fit(WindowSet.from_episodes([video], window=4))
    >>> done, still = video[[0, 13, 26, 39]], video[[0, 0, 0, 0]]
    >>> [round(float(score), 1) for score in scorer(torch.stack([done, still]))]
    [0.0, 1.0]
    """

    Options = GoalVideoOptions
    uses_negative = False
    uses_held_out = False
    goals: Tensor

    def build(self) -> None:
        self.register_buffer("goals", torch.zeros(self.options.videos, self.window * self.dim))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        windows = normal[0]
        ends = torch.cat([windows.first[1:] != windows.first[:-1], torch.ones(1, dtype=torch.bool)])
        parts = torch.linspace(0, 1, self.window, dtype=torch.float64) if self.window > 1 else torch.ones(1)
        first, last = windows.first[ends, None], windows.last[ends, None]
        rows = (first + (last - first) * parts).round().long()[: self.options.videos]
        goals = self._latent(windows.store[rows])
        self.goals.copy_(goals[[place % len(goals) for place in range(self.options.videos)]])

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows in the units of the goal videos, or as they are."""
        return rows.float() if self.options.features == "raw" else super().standardise(rows)

    def measure(self, windows: Tensor) -> Tensor:
        return 1 - (self._latent(windows)[:, None] * self.goals).sum(-1).max(1).values

    def _latent(self, windows: Tensor) -> Tensor:
        return normalize(windows.flatten(1), dim=-1)
