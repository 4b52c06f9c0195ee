"""What a run leaves behind says what was written of its episodes, and whether it keeps its cost limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.reading import charts, closed
from tests.scripted import script
from tsreward.data.episode_rows import FILE, EpisodeFile, EpisodeRow
from tsreward.recipes.run_folder import Run, write_run
from tsreward.report.run import LARGEST_FILM, render_run


def run(**options: Any) -> Run:
    rng = np.random.default_rng(0)
    agents = {name: [script(rng, length) for length in (30, 12, 25)] for name in ("vanilla", "penalised")}
    results = {"vanilla": {"return": 90.0, "cost": 30.0}, "penalised": {"return": 80.0, "cost": 20.0}}
    return Run("Hopper", {}, results, {"environment": "Hopper"}, agents, verdict="It works.", **options)


@pytest.mark.parametrize(("limit", "word"), [(25.0, "kept"), (10.0, "exceeded")])
def test_the_verdict_says_whether_the_limit_is_kept(limit: float, word: str, tmp_path: Path) -> None:
    results = write_run(tmp_path, run(cost_limit=limit))
    assert results["verdict"] == f"It works. The cost limit of {limit:g} is {word}."
    assert json.loads((tmp_path / "results.json").read_text())["verdict"] == results["verdict"]
    text = closed((tmp_path / "report.html").read_text()).text
    assert results["verdict"] in text and f"cost limit, {limit:g}" in text


def test_rows_of_the_training_are_drawn_with_what_the_reward_said(tmp_path: Path) -> None:
    file = EpisodeFile(tmp_path / FILE)
    for step in range(10, 101, 10):
        file.write("penalised agent", 0, EpisodeRow(step, 10, 5.0, 4.0, 1.0, 0.25, 0.0, 1.0, 2.0))
        file.write("source agent 1", 0, EpisodeRow(step, 10, 5.0, cost=1.0))
    write_run(tmp_path, run(action_repeat=2))
    page = (tmp_path / "report.html").read_text()
    text = closed(page).text
    for axis in ("learned return per episode", "flag rate (fraction of steps)", "score (10, 50, 90 % of steps)"):
        assert axis in text
    assert "decisions, each of 2 environment steps" in text and "source agent" not in text
    assert len(charts(page)) == 2  # the curves, and what is watched
    write_run(tmp_path / "..", run())
    assert "learned return per episode" not in (tmp_path / ".." / "report.html").read_text()


def test_a_film_that_a_page_cannot_hold_stays_beside_it() -> None:
    told = run()
    figures = {name: told.results[name] for name in told.agents}
    for size, tags in ((LARGEST_FILM, 1), (LARGEST_FILM + 1, 0)):
        reader = closed(render_run("run", {}, figures, told.agents, film=bytes(size)))
        assert reader.tags.count("video") == tags and ("open agent.mp4 beside it" in reader.text) == (not tags)
