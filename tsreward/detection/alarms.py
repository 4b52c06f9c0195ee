"""`Alarm`: an incident with all that is told of it: when, which channels, what is usual, what is alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tsreward.detection.incidents import Incident


@dataclass(frozen=True)
class Channel:
    """One column that has to do with an incident, in the row of its peak."""

    name: str
    share: float
    """Of what all columns add to the score, around the peak."""
    value: float
    expected: float
    """What the columns that are not blamed let expect."""
    low: float
    """Usual range on normal rows: 1 % of values are below this,"""
    high: float
    """and 1 % above this."""
    rise: bool = False
    """Whether it is a counter, and all of these are of its rise since the row before."""


@dataclass(frozen=True)
class Alarm:
    """An incident with all that is told of it."""

    number: int
    """From 1."""
    kind: str
    """score, or stuck where a sensor repeats its value."""
    incident: Incident
    begin: Any
    """Time of its first row, or its number where there is no time."""
    end: Any
    """Of its last row."""
    peak_at: Any
    channels: tuple[Channel, ...]
    """Most to blame first, three at most."""
    similar: tuple[tuple[int, float], ...] = ()
    """(number, similarity) of earlier ones, most similar first."""
    known: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON; the p-value of a stuck sensor is None."""
        one = self.incident
        return {
            "number": self.number,
            "kind": self.kind,
            "start": written(self.begin),
            "end": written(self.end),
            "peak_at": written(self.peak_at),
            "first_row": one.start,
            "rows": one.rows,
            "peak": one.peak,
            "severity": one.severity,
            "p_value": None if np.isnan(one.p_value) else one.p_value,
            "known": self.known,
            "channels": [asdict(channel) for channel in self.channels],
            "similar": [list(pair) for pair in self.similar],
        }


def written(at: Any) -> Any:
    """Return a time or a number of a row as JSON has it.

    >>> written(np.datetime64("2026-01-31T12:00:00")), written(np.int64(7))
    ('2026-01-31T12:00:00', 7)
    """
    if isinstance(at, np.datetime64):
        return str(at)
    return at.item() if isinstance(at, np.generic) else at


def mark_known(alarms: list[Alarm], starts: np.ndarray, ends: np.ndarray) -> list[Alarm]:
    """Return the alarms, known where they were, or where they overlap one of the spans `starts` [n] to `ends` [n].

    Both ends are included.

    >>> one = Alarm(1, "score", Incident(5, 8, 1.0, 5, 1.0, 1.0), 5, 7, 5, ())
    >>> mark_known([one], np.array([7]), np.array([9]))[0].known
    True
    """
    if not len(starts):
        return alarms
    return [replace(one, known=one.known or bool(((starts <= one.end) & (ends >= one.begin)).any())) for one in alarms]
