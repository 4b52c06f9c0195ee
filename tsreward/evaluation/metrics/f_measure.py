"""The harmonic mean that joins precision and recall."""

from __future__ import annotations


def f_measure(precision: float, recall: float) -> float:
    """Return 2 P R / (P + R); 0 where both are 0.

    >>> f_measure(0.5, 1.0) == 2 / 3
    True
    """
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
