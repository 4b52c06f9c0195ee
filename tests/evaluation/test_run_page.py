"""The page of a training run: true figures, curves, the learned reward; inert whatever names hold."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.scripted import script, small_model
from tsreward.episodes import Episode
from tsreward.errors import DataError
from tsreward.evaluation.run_page import render_run_page, write_run_page

HOSTILE = "<script>alert(1)</script>&lt;"
FIGURES = {"vanilla": {"return": 1.25, "cost_rate": 0.5}, "penalised": {"return": None, "cost_rate": 0.125}}


class Reader(HTMLParser):
    """Collects tags, text and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text, self.addresses = "", []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value[0] != "#"]

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Episode]]:
    rng = np.random.default_rng(0)
    return {name: [script(rng, length) for length in (30, 12, 25)] for name in FIGURES}


def test_it_shows_what_happened_and_needs_nothing_else(runs) -> None:
    page = render_run_page(HOSTILE, {"steps": "67", HOSTILE: HOSTILE}, FIGURES, runs, small_model())
    seen = Reader(page)
    assert not {"script", "link", "img"} & seen.tags
    assert seen.addresses == []
    assert seen.text.count(HOSTILE) == 4  # the title stands in the head too
    for word in ("1.250", "0.125", "–", "cost rate", "true return per episode", "true cost per episode", "score"):
        assert word in seen.text
    assert page.count("<svg") == 3
    assert page == render_run_page(HOSTILE, {"steps": "67", HOSTILE: HOSTILE}, FIGURES, runs, small_model())


def test_a_reward_that_saw_something_else_is_left_out(runs) -> None:
    flat = {name: [replace(one, obs=one.obs[:, :2], costs=None) for one in each] for name, each in runs.items()}
    page = render_run_page("run", {}, FIGURES, flat, small_model())
    assert page.count("<svg") == 1
    assert "true cost per episode" not in page
    assert "late episodes" not in page
    assert render_run_page("run", {}, FIGURES, flat) == page


def test_it_is_written_whole_or_not_at_all(runs, tmp_path: Path) -> None:
    write_run_page(tmp_path / "report.html", "run", {}, FIGURES, runs)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_run_page("run", {}, FIGURES, runs)
    with pytest.raises(DataError, match="does not exist"):
        write_run_page(tmp_path / "none" / "report.html", "run", {}, FIGURES, runs)
