"""How well the channels that a detector blames agree with those that are known to show the anomaly."""

from __future__ import annotations

import numpy as np

from tsreward.errors import DataError, OptionError, ShapeError


def hit_rate(truth: np.ndarray, parts: np.ndarray, percent: float = 100.0) -> float:
    """Return HitRate@P%: of the g channels that show a row's anomaly, the fraction among the ⌊P/100 · g⌋ most blamed.

    The mean over the rows (Su et al., KDD 2019, section 5.4; OmniAnomaly).

    Args:
        truth: [T, D] bool, the channels that show the anomaly; at least one in every row.
        parts: [T, D] contributions, e.g. of `Detector.explain`; higher is more to blame.
        percent: how many channels are looked at, as a percentage of g; 100 or more.

    Raises:
        ShapeError: arrays that are not both [T, D].
        DataError: a row without a channel, no rows, or parts that are NaN or infinite.
        OptionError: less than 100 percent.

    >>> truth = np.array([[True, True, False, False]])
    >>> parts = np.array([[9.0, 1.0, 5.0, 0.0]])
    >>> hit_rate(truth, parts), hit_rate(truth, parts, percent=150)
    (0.5, 1.0)
    """
    truth, order = _ranked(truth, parts)
    if percent < 100:
        raise OptionError(f"HitRate looks at 100 % or more of the number of channels, got {percent}.")
    number = truth.sum(1)
    looked = np.arange(truth.shape[1]) < np.floor(percent / 100 * number + 1e-9)[:, None]
    return float(((np.take_along_axis(truth, order, 1) & looked).sum(1) / number).mean())


def ndcg(truth: np.ndarray, parts: np.ndarray, percent: float = 100.0) -> float:
    """Return NDCG@P%: the discounted gain of the ⌊P/100 · g⌋ most blamed channels, over that of a perfect ranking.

    The gain of a channel that shows the anomaly is 1, and a place r (from 1) counts 1 / log₂(r + 1) (Järvelin &
    Kekäläinen 2002). Arguments, errors and the mean over rows are those of `hit_rate`.

    >>> truth = np.array([[True, False, True]])
    >>> ndcg(truth, np.array([[3.0, 2.0, 1.0]])), ndcg(truth, np.array([[3.0, 1.0, 2.0]]))
    (0.613..., 1.0)
    """
    truth, order = _ranked(truth, parts)
    if percent < 100:
        raise OptionError(f"NDCG looks at 100 % or more of the number of channels, got {percent}.")
    number, places = truth.sum(1), np.arange(truth.shape[1])
    discount = 1 / np.log2(places + 2)
    looked = places < np.floor(percent / 100 * number + 1e-9)[:, None]
    gained = (np.take_along_axis(truth, order, 1) & looked) @ discount
    return float((gained / np.cumsum(discount)[number - 1]).mean())


def _ranked(truth: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, parts = np.asarray(truth, dtype=bool), np.asarray(parts, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != parts.shape:
        raise ShapeError(f"Blame is of truth and parts [T, D], got {list(truth.shape)} and {list(parts.shape)}.")
    if not len(truth) or not truth.any(1).all() or not np.isfinite(parts).all():
        raise DataError("Blame needs rows that each have a channel which shows the anomaly, and finite parts.")
    return truth, np.argsort(-parts, axis=1, kind="stable")
