"""Likeness to a goal video and nearness of its goal as one score: both rewards of GenReward (arXiv 2512.00961)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tsreward.functional.tensors import in_chunks
from tsreward.options import option
from tsreward.scorers.base import SCORERS
from tsreward.scorers.forward_backward import ForwardBackward, ForwardBackwardOptions
from tsreward.scorers.goal_video import GoalVideo, GoalVideoOptions, check_moving
from tsreward.scorers.gradient import GradientScorer
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


@dataclass(frozen=True)
class GoalVideoAndFrameOptions(ForwardBackwardOptions):
    """Options of `GoalVideoAndFrame`: those of `ForwardBackward`, and of the likeness to the video."""

    video_weight: float = 1.0
    """α, weight of the likeness to the video."""
    frame_weight: float = 1.0
    """β, weight of the nearness of the goal."""
    videos: int = option(4, high=256)
    """Goal videos that are kept, at most."""
    frames: int | None = option(None, high=4096)
    """Steps of a window, spread evenly over it, that are compared with the video; None compares all."""

    def check(self) -> None:
        if self.video_weight == self.frame_weight == 0:
            self.refuse("frame_weight", "above 0 where video_weight is 0")


@SCORERS.register("goal_video_and_frame")
class GoalVideoAndFrame(GradientScorer[GoalVideoAndFrameOptions]):
    """α · score of `GoalVideo` + β · score of `ForwardBackward`, each in its standard deviations along the goal videos.

    GenReward's r = α · cosine + β · min(F₁·z, F₂·z) with α = .01 and β = 1e-5 leaves the units to the two networks;
    here equal weights mean that both tell the steps of a goal video apart by as much. The units are measured anew
    whenever an `ActiveLearner` calibrates. `ForwardBackward` reads the last two steps of a window, `frame_skip` apart.

    >>> draw = torch.Generator().manual_seed(0)
    >>> walks = [torch.randn(50, 2, generator=draw).cumsum(0) for _ in range(8)]
    >>> windows = WindowSet.from_episodes(walks, window=9)
    >>> scorer = GoalVideoAndFrame(9, GoalVideoAndFrameOptions(frames=3, hidden=16, latent=8))
    >>> from tsreward.training import TrainOptions
    >>> scorer.fit(windows, windows, TrainOptions(epochs=1, windows_per_epoch=64))(torch.zeros(4, 9, 2)).shape
    torch.Size([4])
    """

    Options = GoalVideoAndFrameOptions
    needs_negative = True
    min_window = 2
    units: Tensor

    def build(self) -> None:
        own = self.options
        self.video = GoalVideo(self.window, GoalVideoOptions(videos=own.videos, frames=own.frames))
        inherited = {each.name: getattr(own, each.name) for each in fields(ForwardBackwardOptions)}
        self.frame = ForwardBackward(self.window, ForwardBackwardOptions(**inherited))
        for part in (self.video, self.frame):
            part.dim = self.dim
            part.build()
        self.register_buffer("units", torch.ones(2))

    def before_fit(self, normal: WindowSet) -> None:
        check_moving(self)
        self.video.learn((normal, normal), None, TrainOptions(), None)
        self.frame.before_fit(normal)

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        return self.frame.objective(normal, negative, noise)

    @torch.no_grad()
    def after_fit(self, normal: WindowSet) -> None:
        parts = torch.cat([in_chunks(self._parts, batch, self.chunk) for batch in normal.batches(1024)])
        self.units.copy_(parts.std(0, correction=0).clamp_min(1e-6))

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows in the units of the goal videos, or as they are."""
        return rows.float() if self.options.features == "raw" else super().standardise(rows)

    def measure(self, windows: Tensor) -> Tensor:
        weights = torch.tensor([self.options.video_weight, self.options.frame_weight], device=windows.device)
        return (weights * self._parts(windows) / self.units).sum(1)

    def _parts(self, windows: Tensor) -> Tensor:
        """Return the scores [B, 2] of the two, without units."""
        return torch.stack([self.video.measure(windows), self.frame.measure(windows)], 1)
