"""Labels, scores and predictions that the tests of all metrics share."""

from collections.abc import Iterator

import numpy as np

LABELS = np.array([1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1])
SCORES = np.array([9, 1, 4, 8, 3, 5, 2, 2, 7, 6, 6, 1, 3, 2, 1, 1, 2, 5, 4, 6]) / 10
PREDICTIONS = ["01000100001000000000", "11000000000000000001", "00000000000000100000", "11111111110000000000"]


def marks(digits: str) -> np.ndarray:
    """Return [T] bool from a string of zeros and ones."""
    return np.array([digit == "1" for digit in digits])


def drawn(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores (more ties with some seeds) and predictions of a random series."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(rows, int)
    for start in rng.integers(0, rows, 6):
        labels[start : start + rng.integers(1, rows // 12)] = 1
    scores = np.round(rng.normal(size=rows) + labels, seed % 3)
    return labels, scores, scores > np.quantile(scores, 0.9)


def random_cases(seed: int, number: int, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield labels, scores and predictions: short and long anomalies, at the borders, close together; scores tie."""
    rng = np.random.default_rng(seed)
    for case in range(number):
        size = int(rng.integers(3, rows))
        labels, predictions = np.zeros(size, int), np.zeros(size, int)
        for mask in (labels, predictions):
            for start in rng.integers(0, size, rng.integers(1, 7)):
                mask[start : start + rng.integers(1, max(2, size // rng.integers(2, 30)))] = 1
        if case % 5 == 0:
            labels[0] = labels[-1] = 1
        if case % 7 == 0:
            labels = (rng.random(size) < 0.3).astype(int)
        if case % 11 == 0:
            predictions = (rng.random(size) < 0.3).astype(int)
        if labels.all() or not labels.any():
            labels[:] = 0
            labels[size // 2] = 1
        scores = rng.normal(size=size) + labels * rng.normal()
        yield labels, np.round(scores, int(rng.integers(0, 3))) if case % 2 else scores, predictions > 0
