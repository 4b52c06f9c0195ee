"""`SklearnDetector`: outlier detectors of scikit-learn and PyOD as detectors of series."""

from __future__ import annotations

from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
from torch import Tensor

from tsreward.detection.detectors.base import DETECTOR_CLASSES, DETECTORS, Detector
from tsreward.detection.detectors.causality import is_causal
from tsreward.detection.detectors.windows import FAR, MAX_ROWS
from tsreward.errors import OptionError, missing_extra, unknown_name
from tsreward.functional.moments import column_scales, standardise
from tsreward.functional.tensors import as_tensor
from tsreward.sequences.series import Series


@DETECTOR_CLASSES.register("sklearn")
class SklearnDetector(Detector):
    """Any outlier detector with `fit(X)` and PyOD's `decision_function` or scikit-learn's `score_samples`, on rows.

    Rows are standardised with the moments of the series it is fitted on. It cannot be saved: models of scikit-learn and
    PyOD are written with pickle only, and a pickle can run code when it is read.

    Args:
        model: seeded and not fitted; every fit works on a copy, `model_`.
        window: with more than 1 the model sees the last `window` rows flattened, oldest first, the first row repeated
            where there are fewer.
        std_floor: smallest standard deviation of a column, as a fraction of its range in the series it is fitted on.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.

    >>> from sklearn.ensemble import IsolationForest
    >>> normal = np.random.default_rng(0).normal(size=(500, 2))
    >>> detector = SklearnDetector(IsolationForest(random_state=0)).fit(normal)
    >>> int(detector.decision_function(np.concatenate([normal[:50], [[9.0, 9.0]]])).argmax())
    50
    """

    probe_: Series | None = None
    """Rows of the fit, and behind them such as were not there; None before the fit."""
    causal_: bool | None = None
    """What was measured on them; None before."""

    def __init__(
        self,
        model: Any,
        window: int = 1,
        std_floor: float = 0.1,
        *,
        false_alarm_rate: float | None = 0.01,
        threshold: str = "conformal",
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.model, self.window, self.std_floor = model, window, std_floor
        self._require("window", isinstance(window, Integral) and 1 <= window <= MAX_ROWS, f"1 to {MAX_ROWS} rows")
        if isinstance(model, type) or not (hasattr(model, "decision_function") or hasattr(model, "score_samples")):
            raise OptionError(
                f"{self.title} expects an outlier detector of PyOD or scikit-learn, as in "
                f"SklearnDetector(IsolationForest()): an object with decision_function or score_samples."
            )

    @property
    def causal(self) -> bool:
        """Whether the score of a row depends on no later row: measured on rows of the fit, False before it.

        Some detectors rank the rows that they score among each other (ECOD, COPOD), so that the first rows of a series
        get other scores alone.
        """
        if self.causal_ is None and self.probe_ is not None:
            model = deepcopy(self.model_)  # some go on learning from what they score
            self.causal_ = is_causal(lambda series: self._scored(model, series), self.probe_)
        return bool(self.causal_)

    @property
    def reach(self) -> tuple[int, int] | None:
        return (self.window - 1, 0) if self.causal else None

    @property
    def title(self) -> str:
        return f"SklearnDetector({self.model.__name__ if isinstance(self.model, type) else type(self.model).__name__})"

    def learn(self, series: Series) -> None:
        self.scales_ = column_scales(as_tensor(series.values), self.std_floor)
        self.model_ = deepcopy(self.model)
        self.model_.fit(self._rows(series))
        self.probe_, self.causal_ = _probe(series), None

    def measure(self, series: Series) -> np.ndarray:
        return self._scored(self.model_, series)

    def _scored(self, model: Any, series: Series) -> np.ndarray:
        # Both libraries have a decision_function, of opposite signs; only scikit-learn's detectors have score_samples.
        if hasattr(model, "score_samples"):
            return -model.score_samples(self._rows(series))
        return model.decision_function(self._rows(series))

    def state(self) -> dict[str, Tensor]:
        raise OptionError(
            f"{self.title} cannot be saved: models of scikit-learn and PyOD are written with pickle only, which can "
            f"run code when it is read. Fit it again where it is needed, or take a detector of tsreward."
        )

    def _rows(self, series: Series) -> np.ndarray:
        rows = standardise(as_tensor(series.values), self.scales_, FAR).numpy()
        if self.window == 1:
            return rows
        padded = np.concatenate([np.repeat(rows[:1], self.window - 1, axis=0), rows])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=0)  # [T, D, K]
        return windows.swapaxes(1, 2).reshape(len(rows), -1)


def _probe(series: Series) -> Series:
    """Return some first rows, and as many after them that lie far from all rows."""
    rows = series.values[:128]
    far = rows + 10 * (np.ptp(series.values, axis=0) + np.abs(rows).mean(0))
    return Series(np.concatenate([rows, far]))


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
    return SklearnDetector(IsolationForest(n_estimators=trees, random_state=seed))


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
    return SklearnDetector(found(**options), window)
