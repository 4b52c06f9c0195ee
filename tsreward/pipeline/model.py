"""`RewardModel`: encoder + scorer + calibration + reward mode; what is fitted, saved, loaded and shared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tsreward.encoders.base import Encoder, Identity
from tsreward.errors import OptionError, ShapeError
from tsreward.functional.shaping import smooth_episodes
from tsreward.functional.tensors import in_chunks
from tsreward.rewards.base import RewardMode
from tsreward.rewards.calibration import Calibration
from tsreward.scorers.base import Scorer
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions

Windows = WindowSet | Sequence[np.ndarray] | Sequence[Tensor]


class RewardModel(nn.Module):
    """A pipeline from observations to rewards.

    `encoder` defaults to the identity over flat observations of the scorer's width. Encoding and scoring always run in
    batches of `chunk` rows, padded, so that step-by-step and bulk rewards are bit-equal on CPU; None takes the
    scorer's smallest safe number.
    """

    def __init__(
        self,
        scorer: Scorer,
        mode: RewardMode,
        encoder: Encoder | None = None,
        frame_skip: int = 1,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        chunk = scorer.chunk if chunk is None else chunk
        if frame_skip < 1 or chunk < 1:
            raise OptionError(
                f"RewardModel needs frame_skip >= 1 and chunk >= 1, got frame_skip={frame_skip}, chunk={chunk}."
            )
        self.encoder = Identity((scorer.dim,)) if encoder is None else encoder
        if self.encoder.dim != scorer.dim:
            raise ShapeError(
                f"The encoder gives {self.encoder.dim} features but the scorer expects {scorer.dim}: construct the "
                f"scorer with dim={self.encoder.dim}."
            )
        self.scorer, self.mode, self.calibration = scorer, mode, Calibration()
        self.frame_skip, self.chunk = frame_skip, chunk

    @property
    def window(self) -> int:
        """Steps K in a window."""
        return self.scorer.window

    @property
    def obs_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        return self.encoder.obs_shape

    def fit(
        self,
        normal: Windows,
        negative: Windows | None = None,
        rewards: np.ndarray | Tensor | None = None,
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        calibration_share: float = 0.25,
        report: Report | None = None,
        probes: Windows | None = None,
    ) -> None:
        """Fit scorer, calibration and reward mode.

        `normal` and `negative` are windows over raw observations, or episodes [T, *obs] that are all normal or all bad.
        A share of the normal episodes is never shown to the scorer: calibration and thresholds come from it. `rewards`
        are environment rewards of any shape; their mean absolute value is the unit of a penalty. `probes` are windows
        of behaviour that must not be rewarded, from which some modes take their scale; None takes the negative ones.

        Raises:
            DataError: too little or damaged data.
            ShapeError: observations of another shape than the encoder's.
        """
        learned, held = self.features(normal).split(calibration_share, options.seed + 1)
        bad = None if negative is None else self.features(negative)
        probe = bad if probes is None else self.features(probes)
        probe = probe if self.mode.uses_probes else None
        self.scorer.fit(learned, bad, options, report)
        self.scorer.to("cpu")
        self.calibration.fit(smooth_episodes(self._score_set(held), held.first, self.mode.options.smoothing))
        unit = None if rewards is None else float(torch.as_tensor(rewards, dtype=torch.float64).abs().mean())
        self.mode.fit(self.calibration, unit, None if probe is None else self._score_set(probe))

    def features(self, windows: Windows) -> WindowSet:
        """Return windows of features, of windows over raw observations or of episodes [T, *obs]; each row encoded once.

        Raises:
            DataError: damaged episodes, or none.
            ShapeError: observations of another shape than the encoder's, or windows of another length.
        """
        if not isinstance(windows, WindowSet):
            windows = WindowSet.from_episodes(windows, self.window, self.frame_skip)
        if windows.window != self.window or windows.frame_skip != self.frame_skip:
            raise ShapeError(
                f"RewardModel reads windows of {self.window} steps with frame_skip {self.frame_skip}, got "
                f"{windows.window} and {windows.frame_skip}: build the WindowSet with the model's."
            )
        return windows.map(lambda store: torch.cat([self.encoder(part) for part in store.split(4096)]))

    @torch.inference_mode()
    def encode(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs], each encoded once."""
        return in_chunks(self.encoder, obs, self.chunk)

    @torch.inference_mode()
    def score(self, windows: Tensor) -> Tensor:
        """Return scores [B] of feature windows [B, K, D]; higher is stranger."""
        return in_chunks(self.scorer, windows, self.chunk)

    @torch.inference_mode()
    def reward(self, windows: Tensor, env_reward: Tensor | None = None) -> Tensor:
        """Return rewards [B] of feature windows [B, K, D], without smoothing over time."""
        return self.reward_of(self.score(windows), env_reward)

    @torch.inference_mode()
    def reward_of(self, scores: Tensor, env_reward: Tensor | None = None) -> Tensor:
        """Return rewards [B] of (smoothed) scores [B]."""
        return self.mode(scores, self.calibration.p_value(scores), env_reward)

    @torch.inference_mode()
    def _score_set(self, windows: WindowSet) -> Tensor:
        index = torch.arange(len(windows)).split(1024)
        return torch.cat([self.score(windows.gather(batch)) for batch in index])
