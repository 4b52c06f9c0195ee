"""`AnomalyDetector`: detectors of series as an outlier detector of scikit-learn, for pipelines and searches."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.composed import Side
from tsreward.detection.detectors.presets import WIDTHS, make_detector
from tsreward.errors import missing_extra

try:
    from sklearn.base import BaseEstimator, OutlierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise missing_extra("scikit-learn", "logs") from error


__all__ = ["AnomalyDetector"]

_ORDER = "the rows are steps of one series: a smoothed score looks at the rows before its own"
_SHORT = "the check fits fewer than 20 rows: a window of 10 rows does not fit into those before the held-out ones"
EXPECTED_FAILED_CHECKS = {
    "check_methods_sample_order_invariance": _ORDER,
    "check_methods_subset_invariance": _ORDER,
    "check_classifier_data_not_an_array": _SHORT,
    "check_estimators_nan_inf": _SHORT,
    "check_fit2d_1feature": _SHORT,
    "check_n_features_in_after_fitting": _SHORT,
}
"""Check of scikit-learn's `check_estimator` -> why the default `AnomalyDetector` cannot pass it. The first two pass
without smoothing, the others with a detector of single rows."""


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """A detector of tsreward with the conventions of scikit-learn's outlier detectors.

    All signs are scikit-learn's, the opposite of `Detector`'s: `predict` returns -1 for an anomaly and 1 for a normal
    row, and `score_samples` and `decision_function` are higher for normal rows. The rows [T, D] of X are steps of one
    series in their order, and a score looks at the rows before its own: shuffled rows, or a part of them, get others.

    Args:
        detector: name as in `tsreward.make_detector`, or a `Detector`, of which every fit takes a copy; then
            `alignment`, `smoothing` and `random_state` are not used.
        alignment: causal averages scores over the rows before, centred over both sides.
        smoothing: rows that scores are averaged over, one number or several; 1 does not average.
        false_alarm_rate: fraction of normal rows that may be predicted as anomalies, in (0, 1).
        threshold: rule for the threshold: quantile, conformal or pot. quantile does with any number of rows.
        random_state: int, a RandomState, or None for another seed in every fit.

    Attributes:
        detector_: the fitted `Detector`, which `tsreward.save_detector` writes.
        offset_: what `score_samples` is compared with, -`detector_.threshold_`.
        n_features_in_: number D of columns.
        feature_names_in_: their names, where X has names that are all text.

    >>> rows = np.sin(0.3 * np.arange(600.0))[:, None]
    >>> rows[550] += 2
    >>> estimator = AnomalyDetector("ridge_var", smoothing=1, random_state=0).fit(rows[:400])
    >>> estimator.predict(rows)[547:552]
    array([ 1,  1,  1, -1, -1])
    """

    def __init__(
        self,
        detector: str | Detector = "ensemble",
        *,
        alignment: Side = "causal",
        smoothing: int | Sequence[int] = WIDTHS,
        false_alarm_rate: float = 0.01,
        threshold: str = "quantile",
        random_state: Any = None,
    ) -> None:
        self.detector = detector
        self.alignment: Side = alignment
        self.smoothing = smoothing
        self.false_alarm_rate = false_alarm_rate
        self.threshold = threshold
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> AnomalyDetector:
        """Learn what is normal from the rows of X [T, D], T at least 2, and return the estimator; y is not looked at.

        Raises:
            ValueError: X is no finite numbers [T, D], or an argument of the estimator is outside its range.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.detector_ = self._made().fit(X)
        self.offset_ = -self.detector_.threshold_
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return one score per row, float64 [T]: higher is more normal.

        Raises:
            NotFittedError: before `fit`.
            ValueError: X is no finite numbers [T, D].
        """
        check_is_fitted(self)
        return -self.detector_.decision_function(validate_data(self, X, dtype=np.float64, reset=False))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` less `offset_`, float64 [T]: below 0 for anomalies. Errors as in `score_samples`."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for anomalies and 1 for normal rows, int64 [T]. Errors as in `score_samples`."""
        return np.where(self.score_samples(X) < self.offset_, -1, 1)

    def _made(self) -> Detector:
        if isinstance(self.detector, Detector):
            made = deepcopy(self.detector)
            made.false_alarm_rate, made.threshold = self.false_alarm_rate, self.threshold
            return made
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31)
        return make_detector(
            self.detector, int(seed), self.alignment, self.smoothing, self.false_alarm_rate, self.threshold
        )
