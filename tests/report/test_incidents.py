"""The page of incidents: times on the axes where rows have them, severity before times, questions with pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.report.reading import closed
from tsreward.detection.alarms import Alarm, Channel
from tsreward.detection.incidents import Incident
from tsreward.detection.questions import Question
from tsreward.report.incidents import Watched, closeup, overview, render_incidents
from tsreward.sequences.series import Series

START = np.datetime64("2026-03-02T00:00:00")


def watched(kind: str) -> Watched:
    values = np.random.default_rng(0).normal(size=(400, 2))
    step = np.arange(400) + 1000 * (np.arange(400) >= 200)  # a gap
    index = {"rows": None, "numbers": 5.0 * step, "times": START + step * np.timedelta64(60, "s")}[kind]
    series = Series(values, None, "log", ("load", "mem"), index)
    channel = Channel("mem", 1.0, 3.0, 0.0, -2.0, 2.0)
    begin, end, peak = (place if index is None else index[place] for place in (100, 119, 105))
    alarm = Alarm(1, "score", Incident(100, 120, 9.0, 105, 3.25, 0.5), begin, end, peak, (channel,))
    return Watched("log", series, np.abs(values[:, 1]), np.full(400, 2.5), [alarm])


@pytest.mark.parametrize(("kind", "text"), [("rows", "row"), ("numbers", "time"), ("times", "time")])
def test_the_axis_is_that_of_the_rows(kind: str, text: str) -> None:
    one = watched(kind)
    panel = overview(one).panels[0]
    origin = {"rows": 0.0, "numbers": 0.0, "times": float(START.astype("datetime64[ms]").astype(np.int64))}[kind]
    step, gap = {"rows": (1.0, 0), "numbers": (5.0, 5000), "times": (60_000.0, 60_000_000)}[kind]
    assert panel.x == text and panel.dated == (kind == "times")
    assert panel.x_range == (origin, origin + 400 * step + gap)
    spans = panel.parts[0].spans  # type: ignore[union-attr] - the shade is the first part
    assert spans[0] == (origin + 100 * step, origin + 120 * step)
    line = panel.parts[1]
    np.testing.assert_array_equal(line.y, one.scores)  # type: ignore[union-attr]
    assert line.x[200] - line.x[199] == step + gap  # type: ignore[union-attr]
    close = closeup(one, one.alarms[0])
    assert [part.y for part in close.panels] == ["mem", "score"] and close.panels[-1].x == text


def test_severity_stands_before_times_and_questions_are_drawn() -> None:
    one = watched("times")
    page = render_incidents([one], "Incidents", "One.", {}, (), [[Question(320, 336, 330, 1.5, (1, 0))]])
    reader = closed(page)
    assert reader.text.index("severity") < reader.text.index("start")
    assert "Question 1: 2026-03-02 22:00:00 to 2026-03-02 22:15:00" in " ".join(reader.text.split())
    assert "mem, load" in reader.text
    assert "Mar 02" in reader.text or "00:00" in reader.text  # dates on an axis that is drawn without a script
    assert "Question 1" not in closed(render_incidents([one], "Incidents", "One.", {})).text
