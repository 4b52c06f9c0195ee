"""`WindowDetector`: any window scorer as a detector of series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.smoothing import Place, place_scores
from tsreward.errors import DataError, OptionError
from tsreward.scorers.base import Scorer, ScorerOptions
from tsreward.sequences.series import Series
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


class WindowDetector(Detector):
    """A scorer class, fitted on all windows of a series.

    By default inputs are not clipped: what leaves the range of a log's normal rows by far should count by far.

    Scores are raised to `power`: 2 makes a squared distance of a distance, which is what averages over rows should see.
    `trained=False` leaves the networks at their random weights (only closed-form statistics are fitted): what training
    adds is the difference.

    >>> from tsreward.scorers.ridge_var import RidgeVAR
    >>> wave = np.sin(0.3 * np.arange(300.0))
    >>> detector = WindowDetector(RidgeVAR, window=3)
    >>> detector.fit(wave[:200])
    >>> broken = wave[200:].copy()
    >>> broken[50] += 2
    >>> bool(detector.score(broken)[50:53].min() > 100 * np.median(detector.score(broken)))
    True
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
    ) -> None:
        if window < scorer.min_window:
            raise OptionError(f"{scorer.__name__} needs a window of at least {scorer.min_window} rows, got {window}.")
        self.scorer_class, self.window = scorer, window
        self.place: Place = place
        self.power = power
        self.options = scorer.Options(clip=None) if options is None else options
        self.train = train if trained else replace(train, epochs=1, learning_rate=0.0)

    @property
    def causal(self) -> bool:
        return self.place == "last"

    def learn(self, series: Series) -> None:
        if len(series) < self.window:
            raise DataError(
                f"'{series.name}' has {len(series)} rows to learn from, a window {self.window}: give a longer "
                f"series or shorten the window."
            )
        self.scorer = self.scorer_class(self.window, self.options)
        self.scorer.fit(self._windows(series), options=self.train)

    def measure(self, series: Series) -> np.ndarray:
        scores = self.scorer.score_all(self._windows(series).to(self.train.device)).cpu().double().numpy()
        return place_scores(scores**self.power, self.window, self.place)

    def _windows(self, series: Series) -> WindowSet:
        rows = torch.from_numpy(series.values.astype(np.float32))
        if len(rows) < self.window:  # a short series to score: its windows are mostly the first row, repeated
            first = torch.zeros(len(rows), dtype=torch.long)
            return WindowSet(rows, torch.arange(len(rows)), first, self.window)
        return WindowSet.from_episodes([rows], self.window)
