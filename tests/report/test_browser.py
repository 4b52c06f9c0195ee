"""What pages do in a browser: charts are drawn under the page's own policy, whatever names are in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.report.browser import ask, browser
from tsreward.report.drawing import BLUE, RED, Chart, Dots, Line, Panel
from tsreward.report.page import render, write_page

pytestmark = pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
HOSTILE = "<script>document.title='taken'</script>\"><img src=x onerror=\"document.title='taken'\">$$x$$ {{ 7 * 7 }}"
X = np.arange(10.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    panels = [
        Panel([Line(X, X**2, BLUE, HOSTILE), Dots(X, X, RED, "dots", texts=[HOSTILE] * 10)], HOSTILE, HOSTILE, HOSTILE),
        Panel([Line(X, -X, BLUE, HOSTILE)], ticks=[HOSTILE] * 10),
    ]
    figures = {f"agent {number}": {"cost": float(cost)} for number, cost in enumerate((5, 30, 1, 9, 7, 4, 1200, 8, 2))}
    text = render(
        "tsreward.report",
        "progress.html",
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        where=HOSTILE,
        state="stopped",
        latest=1,
        tiles_of=[(HOSTILE, 1.0)],
        figures={HOSTILE: {"cost": None}, **figures},
        names=["cost"],
        curves=Chart(panels, columns=2, linked=True),
        watched={"alarms": [], "curves": None},
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, text)
    return path


def test_charts_are_drawn_zoomed_together_hidden_and_pointed_at(page: Path) -> None:
    line = "[...Bokeh.documents[0].all_models].filter(one => one.name === 's0').map(one => one.visible)"
    answers, wrong = ask(
        page,
        [
            "until document.querySelectorAll('.drawn .live > *').length === 2",
            "getComputedStyle(document.querySelector('.still')).display",
            "Bokeh.documents[0].roots()[0].x_range.setv({start: 2, end: 4}); Bokeh.documents[0].roots()[1].x_range.end",
            f"document.querySelector('.key').click(); {line}",
            f"document.querySelector('.key').click(); {line}",
            "document.querySelector('.key').innerText",
            "document.title + ' ' + document.images.length + ' ' + document.scripts.length",
        ],
    )
    assert wrong == []
    assert answers[:2] == [True, "none"] and answers[2] == 4
    assert answers[3] == [False, False] and answers[4] == [True, True]
    assert answers[5] == HOSTILE
    assert answers[6] == f"{HOSTILE} 0 4"  # the chart, the packed library, the page's own script and Bokeh's


def test_tables_are_sorted_and_filtered(page: Path) -> None:
    shown = "[...document.querySelectorAll('table')[0].querySelectorAll('tr:not([hidden]) td:nth-child(2)')]"
    cells = f"{shown}.map(one => one.innerText)"
    press = "document.querySelectorAll('th button')[1].click()"
    field = "document.querySelector('input')"
    filtered = f"{field}.value = 'AGENT 6'; {field}.dispatchEvent(new Event('input'))"
    answers, wrong = ask(page, [cells, f"{press}; {cells}", f"{press}; {cells}", f"{filtered}; {cells}"])
    assert wrong == []
    assert answers[0] == ["–", "5.0", "30", "1.0", "9.0", "7.0", "4.0", "1,200", "8.0", "2.0"]
    assert answers[1] == ["1,200", "30", "9.0", "8.0", "7.0", "5.0", "4.0", "2.0", "1.0", "–"]
    assert answers[2] == ["1.0", "2.0", "4.0", "5.0", "7.0", "8.0", "9.0", "30", "1,200", "–"]
    assert answers[3] == ["1,200"]


def test_a_finger_scrolls_until_a_chart_is_asked_for(page: Path) -> None:
    button = "document.querySelector('.chart > button')"
    answers, wrong = ask(
        page,
        [
            "document.querySelectorAll('.drawn').length",
            f"{button}.click(); true",
            "until document.querySelectorAll('.drawn .live > *').length === 2",
            f"{button} === null",
        ],
        mouse=False,
    )
    assert wrong == [] and answers == [0, True, True, True]
