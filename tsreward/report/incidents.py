"""The page of `tsreward detect`: which incidents, when, which sensor, how sure, what next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.detection.alarms import Alarm, Channel, written
from tsreward.detection.questions import Question
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    LIMIT,
    ORANGE,
    SCORE,
    Band,
    Chart,
    Level,
    Line,
    Panel,
    Part,
    Shade,
    envelope,
)
from tsreward.report.page import LARGEST, check_reporting, render
from tsreward.sequences.series import Series

_COLORS = (BLUE, ORANGE, GREEN)
_DRAWN, _CONTEXT = 24, 150


@dataclass(frozen=True)
class Watched:
    """What was found in the rows of one asset, or of the only log there is."""

    name: str
    series: Series
    scores: np.ndarray
    """[T]."""
    high: np.ndarray
    """[T] threshold of each row; infinite where nothing could pass it."""
    alarms: Sequence[Alarm]

    @property
    def flagged(self) -> float:
        """Fraction of rows above the threshold."""
        return float((self.scores > self.high).mean())

    @property
    def new(self) -> list[Alarm]:
        """Alarms that were not known before, the most severe first."""
        return sorted((one for one in self.alarms if not one.known), key=lambda one: -one.incident.severity)


def render_incidents(
    watched: Sequence[Watched],
    title: str,
    verdict: str,
    facts: Mapping[str, Any],
    notes: Sequence[str] = (),
    questions: Sequence[Sequence[Question]] = (),
) -> str:
    """Return the page of what was found, the most severe incidents first, and the questions about each asset.

    The page refers to nothing outside itself; at most 24 incidents of an asset are drawn, the table has all.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    check_reporting()
    facts = {name: str(value) for name, value in facts.items()}

    def rendered(drawn: int) -> str:
        sections = [
            {
                "name": one.name,
                "rows": len(one.series),
                "columns": one.series.dim,
                "flagged": one.flagged,
                "overview": overview(one) if drawn else None,
                "alarms": [row(alarm) for alarm in one.new],
                "known": [row(alarm) for alarm in one.alarms if alarm.known],
                "closeups": [(row(alarm), closeup(one, alarm)) for alarm in one.new[:drawn]],
                "asked": [asked(one, question, bool(drawn)) for question in questions_of],
            }
            for one, questions_of in zip(watched, questions or [()] * len(watched), strict=True)
        ]
        return render(
            "tsreward.report",
            "incidents.html",
            title=title,
            verdict=verdict,
            notes=list(notes),
            tiles_of=[
                ("incidents", sum(len(one.new) for one in watched)),
                ("known before", sum(alarm.known for one in watched for alarm in one.alarms)),
                ("rows", sum(len(one.series) for one in watched)),
                ("% of rows flagged", 100 * float(np.mean(np.concatenate([o.scores > o.high for o in watched])))),
            ],
            sections=sections,
            several=len(watched) > 1,
            facts=facts,
        )

    drawn = max(1, _DRAWN // len(watched))
    page = rendered(drawn)
    while drawn and len(page.encode()) > LARGEST:
        drawn //= 2
        page = rendered(drawn)
    return page


def row(alarm: Alarm) -> dict[str, Any]:
    """Return an incident as the table shows it."""
    return {
        "number": alarm.number,
        "kind": alarm.kind,
        "begin": str(written(alarm.begin)).replace("T", " "),
        "end": str(written(alarm.end)).replace("T", " "),
        "rows": alarm.incident.rows,
        "severity": alarm.incident.severity,
        "p_value": None if np.isnan(alarm.incident.p_value) else alarm.incident.p_value,
        "channels": alarm.channels,
        "similar": [number for number, _ in alarm.similar],
    }


def asked(one: Watched, question: Question, drawn: bool) -> dict[str, Any]:
    """Return a question as the page shows it, with a picture where it is drawn."""
    begin, end = (_told(one, row) for row in (question.start, question.stop - 1))
    panels = [(one.series.column(place), None) for place in question.blamed]
    chart = _around(one, question.start, question.stop, panels) if drawn else None
    return {
        "begin": begin,
        "end": end,
        "score": question.score,
        "channels": [name for name, _ in panels],
        "chart": chart,
    }


def _told(one: Watched, row: int) -> str:
    return str(row) if one.series.index is None else str(written(np.asarray(one.series.index)[row])).replace("T", " ")


class _Axis:
    """Where rows lie on the axis x: at their times, or at their numbers where they have none."""

    def __init__(self, one: Watched) -> None:
        index = None if one.series.index is None else np.asarray(one.series.index)
        self.dated = index is not None and index.dtype.kind == "M"
        self.text = "row" if index is None else "time"
        if index is None:
            at = np.arange(len(one.series), dtype=np.float64)
        else:
            at = index.astype("datetime64[ms]").astype(np.float64) if self.dated else index.astype(np.float64)
        step = float(np.median(np.diff(at))) if len(at) > 1 else 1.0
        self._at = np.append(at, at[-1] + step)

    def __call__(self, rows: Any) -> Any:
        """Return the places of rows, of which the one past the last is a usual step behind it."""
        return np.interp(rows, np.arange(len(self._at)), self._at)

    def line(self, values: np.ndarray, start: int, color: str, name: str = "", dashed: bool = False) -> Line:
        """Return the line of values [T] from row `start` on."""
        rows, values = envelope(values, start)
        return Line(self(rows), values, color, name, dashed)

    def spans(self, rows: Sequence[tuple[float, float]], name: str = "") -> Shade:
        """Return spans of rows, shaded."""
        return Shade([(float(self(start)), float(self(stop))) for start, stop in rows], name=name)


def overview(one: Watched) -> Chart:
    """Draw the score of all rows, the threshold, and the incidents."""
    axis, length = _Axis(one), len(one.scores)
    spans = [(a.incident.start, max(a.incident.stop, a.incident.start + length / 500)) for a in one.new]
    parts: list[Part] = [axis.spans(spans, "incidents"), axis.line(one.scores, 0, SCORE, "score")]
    parts += _threshold(axis, one.high, 0)
    log = bool(length and one.scores.min() > 0 and one.scores.max() > 50 * np.median(one.scores))
    reach = (float(axis(0)), float(axis(length)))
    return Chart([Panel(parts, axis.text, "score", x_range=reach, log=log, dated=axis.dated)], height=1.8)


def closeup(one: Watched, alarm: Alarm) -> Chart:
    """Draw the channels to blame around an incident, each with its usual range, and the score."""
    return _around(one, alarm.incident.start, alarm.incident.stop, [(part.name, part) for part in alarm.channels])


def _around(one: Watched, begin: int, end: int, channels: Sequence[tuple[str, Channel | None]]) -> Chart:
    """Draw channels around the rows from `begin` to before `end`, with their usual range where it is told."""
    axis, around = _Axis(one), max(_CONTEXT, end - begin)
    start, stop = max(0, begin - around), min(len(one.scores), end + around)
    span, reach = axis.spans([(begin, end)]), (float(axis(start)), float(axis(stop)))
    names = [one.series.column(place) for place in range(one.series.dim)]
    panels = []
    for color, (name, told) in zip(_COLORS, channels, strict=False):
        values = one.series.values[start:stop, names.index(name)]
        parts: list[Part] = [span]
        if told is not None:
            values = np.diff(values, prepend=values[:1]) if told.rise else values
            usual = np.full(2, told.low), np.full(2, told.high)
            parts.append(Band(np.array(reach), *usual, GREEN, "usual range"))
        text = f"{name}, rise" if told is not None and told.rise else name
        panels.append(Panel([*parts, axis.line(values, start, color)], y=text, x_range=reach, dated=axis.dated))
    score: list[Part] = [span, axis.line(one.scores[start:stop], start, SCORE, "score")]
    score += _threshold(axis, one.high[start:stop], start)
    panels.append(Panel(score, axis.text, "score", x_range=reach, dated=axis.dated))
    return Chart(panels, height=1.1, linked=True)


def _threshold(axis: _Axis, high: np.ndarray, start: int) -> list[Part]:
    known = high[np.isfinite(high)]
    if not len(known):
        return []
    if known.min() == known.max():
        return [Level(float(known[0]), LIMIT, "threshold")]
    known_or_top = np.where(np.isfinite(high), high, known.max())
    return [axis.line(known_or_top, start, LIMIT, "threshold", dashed=True)]
