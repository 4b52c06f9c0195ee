"""Charts: ranges by hand, the same picture and the same document every time, numbers that arrive in the browser."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.report.reading import charts, closed
from tsreward.errors import MissingExtraError
from tsreward.report.drawing import BLUE, RED, Band, Chart, Dots, Level, Line, Panel, Shade, shade
from tsreward.report.interactive import check_interactive, document
from tsreward.report.page import render
from tsreward.report.static import png, ranges, svgs

X = np.arange(5.0)


def chart(name: str = "a", **options: Any) -> Chart:
    parts = [
        Line(X, X**2, BLUE, name),
        Dots(X, X, RED, "b", texts=["one"] * 5),
        Band(X, X - 1, X + 20, BLUE, name),
        Shade([(1, 2)], name="c"),
        Level(30.0, name="d"),
    ]
    return Chart([Panel(parts, "x", "y"), Panel([Line(X + 10, X, RED, "b")])], **options)


def test_ranges_hold_everything_and_a_margin():
    (across, up), (other, _) = ranges(chart())
    assert across == pytest.approx((-0.08, 4.08)) and up == pytest.approx((-1 - 0.05 * 31, 30 + 0.05 * 31))
    assert other == pytest.approx((9.92, 14.08))
    assert [one[0] for one in ranges(chart(linked=True))] == [pytest.approx((-0.08, 14.08))] * 2


def test_ranges_of_logarithms_constants_names_and_nothing():
    log = Panel([Line(X, np.array([0.0, 1, 10, 100, np.nan]), BLUE)], log=True).limits()[1]
    assert np.log10(log) == pytest.approx((-0.1, 2.1))
    assert Panel([Line(X, np.full(5, 4.0), BLUE)]).limits()[1] == pytest.approx((3.8, 4.2))
    assert Panel([Dots(X[:2], X[:2], BLUE)], ticks=["a", "b"]).limits()[0] == (-0.5, 1.5)
    assert Panel([]).limits() == ((0.0, 1.0), (0.0, 1.0))


def test_a_single_row_is_shaded_wide_enough_to_be_seen():
    labels = np.zeros(1000, bool)
    labels[[10, 500]] = True
    assert shade(labels, first=7).spans == [(17, 19.0), (507, 509.0)]


def test_pictures_are_well_formed_and_name_the_parts_of_the_legend():
    drawn = svgs(chart())
    assert drawn == svgs(chart()) and len(drawn) == 2
    assert all(ElementTree.fromstring(one).tag == "{http://www.w3.org/2000/svg}svg" for one in drawn)
    assert list(chart().legend) == ["a", "b", "c", "d"]
    assert all(f'class="s{place}"' in drawn[0] for place in range(4))
    assert 'class="s1"' in drawn[1] and 'class="s0"' not in drawn[1]
    assert png(chart(), "title").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "$$x$$", "$\\frac{1}{0}$", "@x $index {{ 7 * 7 }}", "日本"]
)
def test_names_are_text(name, tmp_path):
    panel = Panel([Line(X[:2], X[:2], BLUE, name)], name, name, name, ticks=[name, name])
    page = render("tsreward.report", "progress.html", **progress(Chart([panel])))
    reader = closed(page)
    assert name in reader.text
    made = json.loads(charts(page)[0])
    texts = [one["attributes"]["text"] for one in models(made) if one.get("name") == "PlainText"]
    assert texts.count(name) == 5  # both axes, the title and two places
    assert "TeX" not in {one.get("name") for one in models(made)}


def progress(chart: Chart | None) -> dict[str, Any]:
    told = {
        "title": "t",
        "facts": {},
        "where": "here",
        "state": "stopped",
        "latest": 1,
        "tiles_of": [],
        "watched": {"alarms": [], "curves": None},
    }
    return told | {"curves": chart, "figures": {}, "names": []}


def test_a_page_without_charts_holds_no_library():
    assert len(render("tsreward.report", "progress.html", **progress(None))) < 30_000
    still = render("tsreward.report", "progress.html", **progress(chart(live=False)))
    assert "<svg" in still and charts(still) == [] and len(closed(still).text) < 20_000


def models(made: Any) -> list[dict[str, Any]]:
    """Return every model in Bokeh's JSON."""
    if isinstance(made, list):
        return [found for one in made for found in models(one)]
    if not isinstance(made, dict):
        return []
    return ([made] if "id" in made else []) + models(list(made.values()))


def test_the_document_is_the_same_every_time_and_holds_the_numbers():
    first, again = document(chart(linked=True), ["p", "q"]), document(chart(linked=True), ["p", "q"])
    assert first == again
    made = json.loads(gzip.decompress(base64.b64decode(first)))
    assert sorted(made["roots"].values()) == ["p", "q"]
    assert set(made["roots"]) == {one["id"] for one in made["document"]["roots"]}
    names = [one["attributes"].get("name") for one in models(made) if one.get("name") == "GlyphRenderer"]
    assert names == ["s0", "s1", "s0", "s2", "s3", "s1"]
    sources = [one["attributes"]["data"]["entries"] for one in models(made) if one.get("name") == "ColumnDataSource"]
    packed = dict(sources[0])["y"]
    values = np.frombuffer(gzip.decompress(base64.b64decode(packed["array"]["data"])), packed["dtype"])
    assert values.tolist() == (X**2).tolist()
    ranges_of = [one["attributes"]["x_range"]["id"] for one in made["document"]["roots"]]
    assert ranges_of[0] == ranges_of[1]


def test_large_whole_numbers_stay_what_they_are():
    steps = 1e9 + X
    made = json.loads(gzip.decompress(base64.b64decode(document(Chart([Panel([Line(steps, X, BLUE)])]), ["p"]))))
    packed = dict(
        next(one for one in models(made) if one.get("name") == "ColumnDataSource")["attributes"]["data"]["entries"]
    )
    values = np.frombuffer(gzip.decompress(base64.b64decode(packed["x"]["array"]["data"])), packed["x"]["dtype"])
    assert values.tolist() == steps.tolist()


def test_a_missing_bokeh_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh.plotting", None)
    with pytest.raises(MissingExtraError, match=r"bokeh is not installed.*pip install .*\[report\]"):
        check_interactive()
