"""What every detector of series is: `fit(series)`, then one score per row, higher is stranger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from tsreward.errors import NotFittedError, ShapeError
from tsreward.registry import Registry
from tsreward.sequences.series import Series, as_series


class Detector(ABC):
    """A model of normal series. Subclasses write `learn` and `measure`."""

    dim: int | None = None
    """Columns it was fitted on; None before."""

    @property
    def causal(self) -> bool:
        """Whether the score of a row depends on no later row."""
        return True

    @abstractmethod
    def learn(self, series: Series) -> None:
        """Learn what is normal from all rows of a series; its labels are not looked at."""

    @abstractmethod
    def measure(self, series: Series) -> np.ndarray:
        """Return scores [T] float64 of the rows."""

    def fit(self, data: Any) -> None:
        """Learn what is normal from a Series, an array [T, D] or a DataFrame. Labels, if any, are not looked at.

        Raises:
            ShapeError, DataError: what is no finite numbers [T, D], or too little of it.
        """
        series = as_series(data)
        self.dim = None
        self.learn(series)
        self.dim = series.dim

    def score(self, data: Any) -> Any:
        """Return one score per row: an array [T], or a pandas Series with the index of the DataFrame given.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than in `fit`.
        """
        series = as_series(data)
        if self.dim is None:
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit(series) first.")
        if series.dim != self.dim:
            raise ShapeError(
                f"{type(self).__name__} was fitted on {self.dim} columns, but '{series.name}' has {series.dim}."
            )
        scores = self.measure(series)
        if not hasattr(data, "iloc"):
            return scores
        import pandas  # data is a pandas object, so it is there

        return pandas.Series(scores, index=data.index, name="score")


DETECTORS: Registry[Callable[[int], Detector]] = Registry(
    "detector", "tsreward.detection.detectors", group="tsreward.detectors"
)
"""`DETECTORS[name](seed)` returns the detector, not smoothed."""
