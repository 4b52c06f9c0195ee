"""Likeness of the last frames to a goal video: the video reward of GenReward (arXiv 2512.00961)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tsreward.errors import DataError, OptionError
from tsreward.options import option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class GoalVideoOptions(ScorerOptions):
    """Options of `GoalVideo`."""

    videos: int = option(4, high=256)
    """Goal videos that are kept, at most."""
    frames: int | None = option(None, high=4096)
    """Steps that are compared, spread evenly over the K of a window and of the video; None compares all K."""
    features: Literal["standardised", "raw"] = "standardised"
    """standardised: in units of the goal videos' own moments. raw: as they are, for latents of a clip encoder, and
    where a goal is one picture."""


def check_moving(scorer: Scorer) -> None:
    """Check that goal videos have moments to standardise by, where a goal scorer does so.

    Raises:
        DataError: no feature ever changes in them, as in one picture of a goal.
    """
    if scorer.std is not None and (scorer.std == 0).all() and getattr(scorer.options, "features", "") != "raw":
        raise DataError(
            f"The goal videos stand still, so nothing that an agent sees can be measured in their standard deviations: "
            f"give {type(scorer.options).__name__}(features='raw'), or videos that move."
        )


@SCORERS.register("goal_video")
class GoalVideo(Scorer[GoalVideoOptions]):
    """1 − the largest cosine between the features of a window, side by side, and those of a goal video.

    Normal episodes are goal videos, each resampled to the K steps of a window; `frame_skip` says how many steps apart
    those of the agent lie, so that K = 16 with frame_skip 8 looks back 121 steps. GenReward's last 128 steps resampled
    to 16 are K = 128 with `frames=16`. With a `ClipVideoEncoder`, whose
    observations are clips (`tsreward.stack_clips`), K is 1, and a goal video counts by its last clip. GenReward's
    cosine is 1 − score; `LikenessOptions.every` pays it every M steps, as there.

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
        frames = self.options.frames or self.window
        if frames > self.window:
            raise OptionError(
                f"GoalVideo compares {frames} frames and its windows have {self.window} steps: give window >= {frames}."
            )
        self.compared = frames
        self.register_buffer("goals", torch.zeros(self.options.videos, frames * self.dim))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        check_moving(self)
        windows = normal[0]
        ends = torch.cat([windows.first[1:] != windows.first[:-1], torch.ones(1, dtype=torch.bool)])
        first, last = windows.first[ends, None], windows.last[ends, None]
        rows = (first + self._spread(last - first))[: self.options.videos]
        goals = normalize(windows.store[rows].flatten(1), dim=-1)
        self.goals.copy_(goals[[place % len(goals) for place in range(self.options.videos)]])

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows in the units of the goal videos, or as they are."""
        return rows.float() if self.options.features == "raw" else super().standardise(rows)

    def measure(self, windows: Tensor) -> Tensor:
        steps = self._spread(torch.tensor(self.window - 1, device=windows.device))
        latent = normalize(windows[:, steps].flatten(1), dim=-1)
        return 1 - (latent[:, None] * self.goals).sum(-1).max(1).values

    def _spread(self, last: Tensor) -> Tensor:
        """Return as many steps [..., frames] as are compared, evenly from 0 to the `last`, which alone is better."""
        if self.compared == 1:
            return last.reshape(*last.shape[:-1], 1) if last.ndim else last[None]
        parts = torch.linspace(0, 1, self.compared, dtype=torch.float64, device=last.device)
        return (last * parts).round().long()
