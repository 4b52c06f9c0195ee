"""`SklearnDetector`: outlier detectors of scikit-learn and PyOD as detectors of series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsreward.detection.detectors.base import DETECTORS, Detector
from tsreward.errors import OptionError, missing_extra, unknown_name
from tsreward.sequences.series import Series


class SklearnDetector(Detector):
    """Any outlier detector with `fit(X)` and PyOD's `decision_function` or scikit-learn's `score_samples`, on rows.

    `make` returns a fresh, seeded model. Rows are standardised with the moments of the series it learned from. With
    `window` > 1 the model sees the last `window` rows flattened, the first row repeated where there are fewer.

    >>> from sklearn.ensemble import IsolationForest
    >>> detector = SklearnDetector(lambda: IsolationForest(random_state=0))
    >>> normal = np.random.default_rng(0).normal(size=(500, 2))
    >>> detector.fit(normal)
    >>> int(detector.score(np.concatenate([normal[:50], [[9.0, 9.0]]])).argmax())
    50
    """

    def __init__(self, make: Callable[[], Any], window: int = 1, std_floor: float = 0.01) -> None:
        if window < 1:
            raise OptionError(f"SklearnDetector.window must be at least 1 row, got {window}.")
        self.make, self.window, self.std_floor = make, window, std_floor

    def learn(self, series: Series) -> None:
        self.mean = series.values.mean(0)
        self.std = np.maximum(series.values.std(0), self.std_floor)
        self.model = self.make()
        if not hasattr(self.model, "decision_function") and not hasattr(self.model, "score_samples"):
            raise OptionError(
                f"{type(self.model).__name__} has neither decision_function nor score_samples: give an outlier "
                f"detector of PyOD or scikit-learn."
            )
        self.model.fit(self._rows(series))

    def measure(self, series: Series) -> np.ndarray:
        # Both libraries have a decision_function, of opposite signs; only scikit-learn's detectors have score_samples.
        if hasattr(self.model, "score_samples"):
            scores = -self.model.score_samples(self._rows(series))
        else:
            scores = self.model.decision_function(self._rows(series))
        return np.asarray(scores, dtype=np.float64)

    def _rows(self, series: Series) -> np.ndarray:
        rows = (series.values - self.mean) / self.std
        if self.window == 1:
            return rows
        padded = np.concatenate([np.repeat(rows[:1], self.window - 1, axis=0), rows])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=0)  # [T, D, K]
        return windows.swapaxes(1, 2).reshape(len(rows), -1)


@DETECTORS.register("isolation_forest")
def isolation_forest(seed: int = 0, trees: int = 100) -> SklearnDetector:
    """Return scikit-learn's IsolationForest on single rows (Liu, Ting, Zhou 2008).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError as error:
        raise missing_extra("scikit-learn", "logs") from error
    return SklearnDetector(lambda: IsolationForest(n_estimators=trees, random_state=seed))


_PYOD = {
    "ABOD": "abod",
    "CBLOF": "cblof",
    "COPOD": "copod",
    "ECOD": "ecod",
    "GMM": "gmm",
    "HBOS": "hbos",
    "IForest": "iforest",
    "INNE": "inne",
    "KDE": "kde",
    "KNN": "knn",
    "LODA": "loda",
    "LOF": "lof",
    "MCD": "mcd",
    "OCSVM": "ocsvm",
    "PCA": "pca",
}
"""Class -> module in pyod.models, of the detectors that the command line knows by name."""


def pyod_detector(name: str, window: int = 1, **options: Any) -> SklearnDetector:
    """Return a detector of PyOD by its class name, e.g. HBOS; any other one goes into `SklearnDetector` as an object.

    Raises:
        OptionError: a name that is not known.
        MissingExtraError: PyOD is not installed.
    """
    if name not in _PYOD:
        raise unknown_name("PyOD detector", name, _PYOD)
    try:
        from importlib import import_module

        found = getattr(import_module(f"pyod.models.{_PYOD[name]}"), name)
    except ImportError as error:
        raise missing_extra("pyod", "pyod") from error
    return SklearnDetector(lambda: found(**options), window)
