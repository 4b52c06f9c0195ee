"""`Streams`: the streams of one detector, each with its own state, which rows may come to at any time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import numpy as np

from tsreward.detection.incident_stream import IncidentStream, Part
from tsreward.errors import TSRewardError, shown
from tsreward.sequences.series import Series
from tsreward.serving.rows import Refused

KEPT = 1000
"""Incidents of a stream that are remembered, the newest."""


class Streams:
    """Named `IncidentStream`s: what they give is bit-identical to one that gets the rows of a log alone.

    All methods may be called by several threads; one at a time scores.

    Args:
        make: gives a stream that has seen no rows.
        most: streams at most.
        gap: seconds, or the unit of times that are numbers, between two rows beyond which windows begin anew.
    """

    def __init__(self, make: Callable[[], IncidentStream], most: int = 100, gap: float | None = None) -> None:
        self._make, self._most, self._gap = make, most, gap
        self._lock = Lock()
        self._streams: dict[str, IncidentStream] = {}
        self._alarms: dict[str, deque[dict[str, Any]]] = {}
        self._last: dict[str, tuple[float, float]] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self.changed = False
        """Whether rows have come since `state`."""

    def score(self, rows: Mapping[str, Series]) -> dict[str, Any]:
        """Score the next rows of some streams, and return what they bring, as plain JSON.

        Rows up to the last time that a stream has seen are passed over: what was sent before may be sent again.

        Raises:
            Refused: 409 where there would be too many streams, 422 for rows that cannot be scored. Nothing has changed
                then, in no stream.
        """
        with self._lock:
            new = [name for name in rows if name not in self._streams]
            if len(self._streams) + len(new) > self._most:
                raise Refused(
                    409,
                    f"There are {len(self._streams)} streams of at most {self._most}, and {shown(new[0])} is none "
                    f"of them: --max-streams allows more.",
                )
            before = {name: self._streams[name].state() for name in rows if name in self._streams}
            found: dict[str, Any] = {}
            try:
                for name, series in rows.items():
                    stream = self._streams.setdefault(name, self._make()) if name in new else self._streams[name]
                    found[name] = self._push(stream, series)
            except Exception as error:
                for name in new:
                    self._streams.pop(name, None)
                for name, state in before.items():
                    self._streams[name].load(state)
                if isinstance(error, TSRewardError):
                    raise Refused(422, str(error)) from error
                raise
            for name, one in found.items():
                self._note(name, one)
            self.changed = True
            return {"streams": found}

    def _push(self, stream: IncidentStream, series: Series) -> dict[str, Any]:
        later = stream.later(series)
        passed = len(series) - (0 if later is None else len(later))
        first = stream.rows
        nothing = Part(np.zeros(0), np.zeros(0), [])
        part = nothing if later is None else stream.push(self._with_gap(stream.last, later))
        return {
            "first_row": first,
            "passed_over": passed,
            "scores": part.scores.tolist(),
            "thresholds": [one if math.isfinite(one) else None for one in part.high.tolist()],
            "is_anomaly": (part.scores > part.high).tolist(),
            "incidents": [alarm.to_json() for alarm in part.alarms],
        }

    def _with_gap(self, last: Any, series: Series) -> Series:
        """Return the rows, of which the first begins anew where the last row of the stream is too long ago."""
        if self._gap is None or last is None or series.index is None:
            return series
        step = np.asarray(series.index)[0] - last
        seconds = step / np.timedelta64(1, "s") if isinstance(step, np.timedelta64) else float(step)
        starts = np.zeros(len(series), dtype=bool) if series.starts is None else np.array(series.starts)
        starts[0] = seconds > self._gap
        return Series(series.values, None, series.name, series.columns, series.index, starts)

    def _note(self, name: str, found: Mapping[str, Any]) -> None:
        kept = self._alarms.setdefault(name, deque(maxlen=KEPT))
        kept.extend(found["incidents"])
        for alarm in found["incidents"]:
            key = (name, alarm["kind"])
            self._ended[key] = self._ended.get(key, 0) + 1
        if found["scores"]:
            high = found["thresholds"][-1]
            self._last[name] = (found["scores"][-1], math.inf if high is None else high)

    def incidents(self, name: str | None = None) -> dict[str, Any]:
        """Return the incidents of all streams or of one: those that ended, and those that go on.

        Raises:
            Refused: 404, there is no such stream.
        """
        with self._lock:
            if name is not None and name not in self._streams:
                raise Refused(404, f"There is no stream {shown(name)}.")
            names = sorted(self._streams) if name is None else [name]
            return {
                "streams": {
                    one: {
                        "rows": self._streams[one].rows,
                        "incidents": list(self._alarms.get(one, ())),
                        "ongoing": [alarm.to_json() for alarm in self._streams[one].finish()],
                    }
                    for one in names
                }
            }

    def figures(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Return the figures of `/metrics`: name -> labels (stream, kind) -> value."""
        with self._lock:
            return {
                "streams": {(): float(len(self._streams))},
                "rows_total": {(name,): float(one.rows) for name, one in self._streams.items()},
                "incidents_total": {key: float(count) for key, count in self._ended.items()},
                "score": {(name,): score for name, (score, _) in self._last.items()},
                "threshold": {(name,): high for name, (_, high) in self._last.items()},
                "is_anomaly": {(name,): float(score > high) for name, (score, high) in self._last.items()},
            }

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the states of the streams, and their incidents, for `write_streams`."""
        with self._lock:
            self.changed = False
            return (
                {name: one.state() for name, one in self._streams.items()},
                {name: list(kept) for name, kept in self._alarms.items()},
            )

    def load(self, states: Mapping[str, Any], alarms: Mapping[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            CheckpointError: the state of another detector, of other options or of another version.
        """
        with self._lock:
            for name, state in states.items():
                self._streams[name] = self._make()
                self._streams[name].load(state)
            self._alarms = {name: deque(kept, maxlen=KEPT) for name, kept in alarms.items() if name in states}
