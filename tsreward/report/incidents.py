"""The page of `tsreward detect`: which incidents, when, which sensor, how sure, what next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.detection.alarms import Alarm, written
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
    watched: Sequence[Watched], title: str, verdict: str, facts: Mapping[str, Any], notes: Sequence[str] = ()
) -> str:
    """Return the page of what was found, the most severe incidents first.

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
            }
            for one in watched
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


def overview(one: Watched) -> Chart:
    """Draw the score of all rows, the threshold, and the incidents."""
    spans = [(a.incident.start, max(a.incident.stop, a.incident.start + len(one.scores) / 500)) for a in one.new]
    parts: list[Part] = [Shade(spans, name="incidents"), Line(*envelope(one.scores), SCORE, "score")]
    parts += _threshold(one.high, 0)
    log = bool(len(one.scores) and one.scores.min() > 0 and one.scores.max() > 50 * np.median(one.scores))
    return Chart([Panel(parts, "row", "score", x_range=(0.0, float(len(one.scores))), log=log)], height=1.8)


def closeup(one: Watched, alarm: Alarm) -> Chart:
    """Draw the channels to blame around an incident, each with its usual range, and the score."""
    around = max(_CONTEXT, alarm.incident.rows)
    start, stop = max(0, alarm.incident.start - around), min(len(one.scores), alarm.incident.stop + around)
    span = Shade([(alarm.incident.start, alarm.incident.stop)])
    names = [one.series.column(place) for place in range(one.series.dim)]
    panels = []
    for color, channel in zip(_COLORS, alarm.channels, strict=False):
        values = one.series.values[start:stop, names.index(channel.name)]
        values = np.diff(values, prepend=values[:1]) if channel.rise else values
        edges = np.array([start, stop - 1])
        usual = Band(edges, np.full(2, channel.low), np.full(2, channel.high), GREEN, "usual range")
        name = f"{channel.name}, rise" if channel.rise else channel.name
        panels.append(Panel([span, usual, Line(*envelope(values, start), color)], y=name, x_range=(start, stop)))
    score: list[Part] = [span, Line(*envelope(one.scores[start:stop], start), SCORE, "score")]
    score += _threshold(one.high[start:stop], start)
    panels.append(Panel(score, "row", "score", x_range=(start, stop)))
    return Chart(panels, height=1.1, linked=True)


def _threshold(high: np.ndarray, start: int) -> list[Part]:
    known = high[np.isfinite(high)]
    if not len(known):
        return []
    if known.min() == known.max():
        return [Level(float(known[0]), LIMIT, "threshold")]
    return [Line(*envelope(np.where(np.isfinite(high), high, known.max()), start), LIMIT, "threshold", dashed=True)]
