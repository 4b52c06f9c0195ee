"""What a score means: p-value among held-out normal scores, and thresholds at a false-alarm rate."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.tensors import ReadOnce


class Calibration(nn.Module):
    """Sorted scores of held-out normal windows.

    At most `size` order statistics are kept, evenly spaced in rank; the unused rest of the buffer is +inf, so that the
    state always has one shape.
    """

    scores: Tensor
    count: Tensor

    def __init__(self, size: int = 4096) -> None:
        super().__init__()
        if size < 2:
            raise OptionError(f"Calibration needs size >= 2, got {size}.")
        self.size = size
        self.register_buffer("scores", torch.full((size,), math.inf))
        self.register_buffer("count", torch.tensor(0))
        self._known_count = ReadOnce()

    def fit(self, scores: Tensor) -> Self:
        """Remember the scores [N] of held-out normal windows, and return the calibration.

        Raises:
            ShapeError: `scores` is not one-dimensional.
            DataError: no scores, or NaN or inf among them.
        """
        if scores.ndim != 1:
            raise ShapeError(f"Calibration.fit expects scores [N], got {list(scores.shape)}.")
        if len(scores) == 0 or not torch.isfinite(scores).all():
            raise DataError(f"Calibration.fit needs finite scores, got {len(scores)} with NaN, inf or none at all.")
        ordered = scores.detach().to(self.scores).sort().values
        if len(ordered) > self.size:
            rank = torch.linspace(0, len(ordered) - 1, self.size, dtype=torch.float64).round().long()
            ordered = ordered[rank.to(ordered.device)]
        self.scores.fill_(math.inf)
        self.scores[: len(ordered)] = ordered
        self.count.fill_(len(ordered))
        return self

    def p_value(self, scores: Tensor) -> Tensor:
        """Return the conformal p-value (1 + #{normal ≥ s}) / (n + 1) of every score (Vovk et al. 2005), in (0, 1].

        >>> calibration = Calibration().fit(torch.tensor([1.0, 2.0, 3.0]))
        >>> calibration.p_value(torch.tensor([0.0, 2.5, 9.0]))
        tensor([1.0000, 0.5000, 0.2500])
        """
        number = self._number()
        below = torch.searchsorted(self.scores[:number], scores.contiguous(), side="left")
        return (number - below + 1) / (number + 1)

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the score that at most this fraction of normal windows exceeds; a window is flagged where score > it.

        Raises:
            OptionError: the rate is not between 0 and 1.

        >>> calibration = Calibration().fit(torch.arange(99.0))
        >>> calibration.threshold(0.05)
        94.0
        """
        if not 0 < false_alarm_rate < 1:
            raise OptionError(f"A false-alarm rate lies between 0 and 1, got {false_alarm_rate}.")
        number = self._number()
        rank = math.ceil((number + 1) * (1 - false_alarm_rate) - 1e-9)
        return float(self.scores[min(rank, number) - 1])

    def quantile(self, fraction: float) -> float:
        """Return the score below which this fraction of the normal scores lies (nearest rank)."""
        number = self._number()
        return float(self.scores[min(number - 1, max(0, round(fraction * (number - 1))))])

    def _number(self) -> int:
        number = self._known_count(self.count)
        if number == 0:
            raise NotFittedError("Calibration is not fitted: call fit(scores) with held-out normal scores first.")
        return number
