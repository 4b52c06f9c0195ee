"""Questions: which rows of a log a person should label, and what the answers say about the rows around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.detection.detectors.composed import moving_average
from tsreward.errors import DataError, OptionError, ShapeError

ROWS = 16
"""Rows that a question is about."""
REACH = 300
"""Rows before and after an answered stretch that its answer may be carried to."""
_FADES = 100
"""Rows over which an answer loses all but 1/e of its weight."""
_WEIGHT = 3.0
"""How far an answer moves the logarithm of a score, in standard deviations of that of normal rows."""


@dataclass(frozen=True)
class Question:
    """Are the rows from `start` up to but without `stop` anomalous?"""

    start: int
    stop: int
    row: int
    """With the highest score."""
    score: float
    blamed: tuple[int, ...]
    """Columns with most to do with it, three at most."""


def ask(scores: np.ndarray, parts: np.ndarray, count: int, known: Sequence[tuple[int, int]] = ()) -> list[Question]:
    """Return the stretches of rows whose labels would help most: those with the highest scores, the highest first.

    An answer confirms or takes back what is flagged there, and is carried to the rows around it (`lean`). Other choices
    were tried, which spread the questions over time or over the columns to blame, and were worth less.

    Args:
        scores: [T].
        parts: [T, D], how much each column has to do with each score (`Detector.explain`).
        count: questions at most; there are fewer where the log has fewer than `ROWS` rows for each.
        known: rows from, up to but without, of what was answered before: it is not asked again.

    Raises:
        ShapeError: arrays of other shapes.
        OptionError: a count below 1.
        DataError: fewer than `ROWS` rows.

    >>> scores, parts = np.ones(64), np.tile([1.0, 0.0], (64, 1))
    >>> scores[20:24], parts[20:24], scores[50:54] = 9.0, [0.0, 9.0], 8.0
    >>> [(one.start, one.row, one.blamed[0]) for one in ask(scores, parts, count=2)]
    [(16, 20, 1), (48, 50, 0)]
    """
    _check(scores, parts)
    if count < 1:
        raise OptionError(f"There is at least 1 question, got {count}.")
    if len(scores) < ROWS:
        raise DataError(f"A question is about {ROWS} rows, and the log has {len(scores)}.")
    starts = np.arange(0, len(scores) - ROWS + 1, ROWS)
    free = np.ones(len(starts), dtype=bool)
    for start, stop in known:
        free &= (starts >= stop) | (starts + ROWS <= start)
    peaks = scores[: len(starts) * ROWS].reshape(-1, ROWS).max(1)
    best = [place for place in np.argsort(-peaks, kind="stable") if free[place]][:count]
    return [_question(scores, parts, int(starts[place])) for place in best]


def _question(scores: np.ndarray, parts: np.ndarray, start: int) -> Question:
    stop = start + ROWS
    row = start + int(scores[start:stop].argmax())
    blame = np.maximum(parts[start:stop], 0.0).mean(0)
    blamed = tuple(int(place) for place in np.argsort(-blame, kind="stable")[:3] if blame[place] > 0)
    return Question(start, stop, row, float(scores[row]), blamed)


def lean(parts: np.ndarray, spans: Sequence[tuple[int, int]], anomalous: Sequence[bool]) -> np.ndarray:
    """Return how much the answers say that each row is anomalous (up to 1) or normal (down to −1): [T].

    It is 1 or −1 in the answered rows. Around them it fades with the distance, over 100 rows and to nothing beyond 300,
    and with how much the columns to blame differ from those of the answered rows (Bhattacharyya's coefficient of their
    shares, averaged over 16 rows): behind rows where others are to blame, nothing is carried on. The strongest answer
    counts.

    Args:
        parts: [T, D], how much each column has to do with each score (`Detector.explain`).
        spans: rows from, up to but without, of each answer.
        anomalous: the answers.

    Raises:
        ShapeError: not one answer for each span.
        DataError: a span without rows.

    >>> found = lean(np.tile([1.0, 0.0], (400, 1)), [(100, 116)], [True])
    >>> found[[99, 100, 115, 216]].round(2).tolist()
    [0.99, 1.0, 1.0, 0.36]
    """
    if len(spans) != len(anomalous):
        raise ShapeError(f"There is one answer for each span, got {len(anomalous)} for {len(spans)}.")
    blame = np.maximum(parts, 0.0)
    shares = np.sqrt(blame / np.maximum(blame.sum(1, keepdims=True), 1e-300))
    found = np.zeros(len(parts))
    for (start, stop), answer in zip(spans, anomalous, strict=True):
        if not 0 <= start < stop <= len(parts):
            raise DataError(f"The answered rows {start} to {stop} are none of the {len(parts)} there are.")
        first, last = max(0, start - REACH), min(len(parts), stop + REACH)
        mean = blame[start:stop].mean(0)
        alike = shares[first:last] @ np.sqrt(mean / max(float(mean.sum()), 1e-300))
        alike = np.clip(moving_average(alike, ROWS, "centred"), 0.0, 1.0)
        before, after = alike[: start - first][::-1], alike[stop - first :]
        carried = [
            np.minimum.accumulate(side) * np.exp(-np.arange(1, len(side) + 1) / _FADES) for side in (before, after)
        ]
        says = np.concatenate([carried[0][::-1], np.ones(stop - start), carried[1]]) * (1.0 if answer else -1.0)
        part = found[first:last]
        part[:] = np.where(np.abs(says) > np.abs(part), says, part)
    return found


def leaned(scores: np.ndarray, leaning: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return scores [T] after the answers: each is multiplied by exp(3 σ · lean).

    Args:
        scores: [T], above 0; others stay.
        leaning: [T] of `lean`.
        normal: [N] held-out scores of normal rows: σ is the standard deviation of their logarithms.

    >>> leaned(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.exp([-1.0, 1.0])).round(2)
    array([ 1.  , 20.09])
    """
    known = normal[normal > 0]
    unit = float(np.log(known).std()) if len(known) else 0.0
    return np.where(scores > 0, scores * np.exp(_WEIGHT * unit * leaning), scores)


def _check(scores: np.ndarray, parts: np.ndarray) -> None:
    if scores.ndim != 1 or parts.ndim != 2 or len(parts) != len(scores):
        raise ShapeError(f"Questions need scores [T] and parts [T, D], got {list(scores.shape)}, {list(parts.shape)}.")
