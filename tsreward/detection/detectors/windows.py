"""`WindowDetector`: any window scorer as a detector of series."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from tsreward.detection.detectors.base import DETECTOR_CLASSES, Detector
from tsreward.errors import DataError, OptionError
from tsreward.functional.tensors import as_tensor
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.series import Series
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

Place = Literal["last", "centre", "covering"]
FAR = 100.0
"""Standard deviations that a row of a log may count at most. Clipping at 10 would lose what lies far out; without any,
one row of a column that hardly moved before outweighs all others."""
_EXPLAINED = 512
"""Windows that are explained at once."""
MAX_ROWS = 2**16
"""Rows in a window, or in an average, at most."""


@DETECTOR_CLASSES.register("window")
class WindowDetector(Detector):
    """A scorer class, fitted on all windows of a series.

    By default inputs are clipped at 100 standard deviations only: what leaves the range of a log's normal rows by far
    should count by far.

    Args:
        scorer: class of the scorer.
        window: rows K in a window, oldest first.
        options: options of the scorer; None for its defaults, clipped at `FAR`.
        place: which row gets the score of a window; see `place_scores`.
        train: how the scorer is fitted.
        trained: False leaves the networks at their random weights, so that only closed-form statistics are fitted: what
            training adds is the difference.
        power: scores are raised to it: 2 makes a squared distance of a distance, which is what averages over rows
            should see.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.

    >>> from tsreward.scorers.ridge_var import RidgeVAR
    >>> wave = np.sin(0.3 * np.arange(600.0))
    >>> detector = WindowDetector(RidgeVAR, window=3).fit(wave[:400])
    >>> broken = wave[400:].copy()
    >>> broken[50] += 2
    >>> detector.predict(broken)[48:54]
    array([0, 0, 1, 1, 1, 0])
    """

    def __init__(
        self,
        scorer: type[Scorer],
        window: int = 10,
        options: ScorerOptions | None = None,
        place: Place = "last",
        train: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        trained: bool = True,
        power: float = 1.0,
        *,
        false_alarm_rate: float | None = 0.01,
        threshold: str = "conformal",
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        if not isinstance(window, Integral) or window < scorer.min_window:
            raise OptionError(f"{scorer.__name__} needs a window of at least {scorer.min_window} rows, got {window}.")
        self.scorer, self.window, self.options = scorer, window, options
        self.place: Place = place
        self.train, self.trained, self.power = train, trained, power
        self._require("window", window <= MAX_ROWS, f"{MAX_ROWS} rows at most")
        self._require("place", place in ("last", "centre", "covering"), "'last', 'centre' or 'covering'")
        self._require("power", isinstance(power, Real) and 0 < power <= 8, "a number in (0, 8]")

    @property
    def causal(self) -> bool:
        return self.place == "last"

    @property
    def reach(self) -> tuple[int, int]:
        back = self.window - 1
        return {"last": (back, 0), "centre": (back - self.window // 2, self.window // 2), "covering": (back, back)}[
            self.place
        ]

    @property
    def title(self) -> str:
        return f"WindowDetector({self.scorer.__name__})"

    def learn(self, series: Series) -> None:
        longest = max(map(len, series.stretches()))
        if longest < self.window:
            raise DataError(
                f"'{series.name}' has {longest} rows to fit on, a window {self.window}: give a longer "
                f"series or shorten the window."
            )
        train = self.train if self.trained else replace(self.train, epochs=1, learning_rate=0.0)
        self.scorer_ = self.scorer(self.window, self.scorer_options)
        if not self.scorer_.causal and self.place != "centre":
            raise OptionError(
                f"{self.scorer.__name__} scores the middle of a window with these options: give WindowDetector "
                f"place='centre', got {self.place!r}."
            )
        self.scorer_.fit(self._windows(series), options=train)

    def measure(self, series: Series) -> np.ndarray:
        scores = self.scorer_.score_all(self._windows(series).to(self.train.device)).cpu().double().numpy()
        return place_scores(scores**self.power, self.window, self.place)

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        batches = self._windows(series).to(self.train.device).batches(_EXPLAINED)
        parts = np.concatenate([self.scorer_.explain(batch).cpu().double().numpy() for batch in batches])
        if self.power != 1:  # parts of a score become parts of its power
            scores = self.scorer_.score_all(self._windows(series).to(self.train.device)).cpu().double().numpy()
            parts *= np.abs(scores[:, None]) ** (self.power - 1)
        return np.stack([place_scores(column, self.window, self.place) for column in parts.T], axis=1)

    @property
    def scorer_options(self) -> ScorerOptions:
        """Options that the scorer gets: `options`, or its defaults clipped at `FAR`."""
        return self.scorer.Options(clip=FAR) if self.options is None else self.options

    def allocate(self, dim: int) -> None:
        self.scorer_ = self.scorer(self.window, self.scorer_options)
        self.scorer_.materialise(dim)

    def state(self) -> dict[str, Tensor]:
        return {f"scorer.{name}": value for name, value in self.scorer_.state_dict().items()}

    def params_to_json(self, **given: Any) -> dict[str, Any]:
        name = SCORERS.name_of(self.scorer)
        return super().params_to_json(
            **given,
            scorer={"name": name, "package": SCORERS.package(name)},
            options=None if self.options is None else self.options.to_json(),
            train=_portable(self.train).to_json(),
        )

    @classmethod
    def params_from_json(cls, params: dict[str, Any]) -> dict[str, Any]:
        scorer = SCORERS.find(params["scorer"]["name"], params["scorer"]["package"])
        own = {
            "scorer": scorer,
            "options": None if params["options"] is None else scorer.Options.from_json(params["options"]),
            "train": _portable(TrainOptions.from_json(params["train"])),
        }
        return own | super().params_from_json({name: value for name, value in params.items() if name not in own})

    def _windows(self, series: Series) -> WindowSet:
        stretches = [as_tensor(part.values) for part in series.stretches()]
        rows = torch.cat(stretches)
        if max(map(len, stretches)) < self.window:  # a short series: its windows are mostly the first row, repeated
            first = torch.zeros(len(rows), dtype=torch.long)
            return WindowSet(rows, torch.arange(len(rows)), first, self.window)
        return WindowSet.from_episodes(stretches, self.window)


def _portable(options: TrainOptions) -> TrainOptions:
    """Return options of training for another machine: on the CPU, without a path of this one."""
    return replace(options, device="cpu", state=None)


def place_scores(scores: np.ndarray, window: int, place: Place) -> np.ndarray:
    """Return scores [T] of rows from scores [T] of the windows that end at them.

    Args:
        scores: [T] float64.
        window: rows K in a window.
        place: `last`: a row gets the score of the window that ends there; the only form that needs no later rows.
            `centre`: of the window that has it in its middle. `covering`: the mean over all windows that contain it. At
            the end of the series, where later windows are missing, the last one stands in.

    >>> place_scores(np.array([0.0, 0.0, 3.0, 0.0]), window=3, place="covering")
    array([1., 1., 1., 0.])
    """
    if place == "last":
        return scores
    if place == "centre":
        ahead = window // 2
        return np.concatenate([scores[ahead:], np.repeat(scores[-1:], min(ahead, len(scores)))])[: len(scores)]
    later = np.concatenate([scores, np.repeat(scores[-1:], window - 1)])
    return sums_of_last(later, window)[window - 1 :] / window


def sums_of_last(values: np.ndarray, width: int) -> np.ndarray:
    """Return the sum of the last `width` values at each position of values [T]; before the first there is nothing.

    >>> sums_of_last(np.array([1.0, 2.0, 3.0]), width=2)
    array([1., 3., 5.])
    """
    # A running total would leave the rounding of large scores behind in small ones: every sum is taken anew.
    padded = np.concatenate([np.zeros(width - 1), values])
    return np.lib.stride_tricks.sliding_window_view(padded, width).sum(1)
