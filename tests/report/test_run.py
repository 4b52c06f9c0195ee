"""Figures of safe reinforcement learning, against sums done by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.reading import Reader, charts, closed
from tests.scripted import script, small_model
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import DataError, MissingExtraError, TSRewardWarning
from tsreward.named_warnings import gathered, warn
from tsreward.report.curves import learning_curves, of_rows
from tsreward.report.drawing import Panel
from tsreward.report.page import write_page
from tsreward.report.run import plot_curves, render_progress, render_run, summarise_training
from tsreward.report.static import check_drawing
from tsreward.sequences.episodes import Episode


def episode(rewards: list[float], costs: list[float] | None) -> Episode:
    obs = np.zeros((len(rewards) + 1, 1))
    return Episode(obs, np.array(rewards), None if costs is None else np.array(costs))


# 4 + 8 + 4 + 2 = 18 finished steps; the last quarter begins after step 13.5, so two episodes end in it.
FINISHED = [
    episode([1.0] * 4, [1.0] * 4),
    episode([2.0] * 8, [0.0] * 8),
    episode([3.0] * 4, [1.0, 0.0, 0.0, 0.0]),
    episode([5.0, 6.0], [0.0, 2.0]),
]


def test_summary_equals_sums_by_hand():
    summary = summarise_training(FINISHED, [*FINISHED, episode([9.0, 9.0], [1.0, 1.0])])
    assert summary.episode_return == (12 + 11) / 2
    assert summary.episode_cost == (1 + 2) / 2
    assert summary.episode_length == (4 + 2) / 2
    assert summary.cost_rate == (4 + 0 + 1 + 2 + 2) / 20
    assert summary.final_cost_rate == (1 + 2) / 6
    assert list(summary.as_json()) == ["return", "cost", "length", "cost_rate", "final_cost_rate"]


def test_a_single_episode_is_its_own_last_quarter():
    summary = summarise_training([FINISHED[0]], [FINISHED[0]])
    assert (summary.episode_return, summary.episode_cost, summary.cost_rate) == (4.0, 4.0, 1.0)


def test_episodes_without_costs_cost_nothing():
    summary = summarise_training([episode([1.0], None)], [episode([1.0], None)])
    assert (summary.episode_cost, summary.cost_rate) == (0.0, 0.0)


def test_without_a_finished_episode_there_is_nothing_to_say():
    with pytest.raises(DataError, match="No episode finished during training: train for more steps"):
        summarise_training([], FINISHED)


def episodes(number: int, costs: bool) -> list[Episode]:
    one = Episode(np.zeros((6, 1)), np.ones(5), np.ones(5) if costs else None)
    return [one] * number


def width(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n")
    return int.from_bytes(png[16:20])


def test_cost_has_a_panel_where_there_is_one(tmp_path):
    plot_curves({"one": episodes(30, True), "two": episodes(1, True)}, tmp_path / "both.png", "title")
    plot_curves({"one": episodes(3, False)}, tmp_path / "return.png", "title")
    assert width((tmp_path / "both.png").read_bytes()) == 2 * width((tmp_path / "return.png").read_bytes())


def test_a_missing_matplotlib_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_svg", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib is not installed.*pip install .*\[report\]"):
        check_drawing()


HOSTILE = "<script>alert(1)</script>&lt;"
FIGURES = {"vanilla": {"return": 1.25, "cost_rate": 0.5}, "penalised": {"return": None, "cost_rate": 0.125}}


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Episode]]:
    rng = np.random.default_rng(0)
    return {name: [script(rng, length) for length in (30, 12, 25)] for name in FIGURES}


def test_it_shows_what_happened_and_needs_nothing_else(runs) -> None:
    page = render_run(HOSTILE, {"steps": "67", HOSTILE: HOSTILE}, FIGURES, runs, small_model())
    seen = closed(page)
    assert "img" not in seen.tags
    assert seen.text.count(HOSTILE) == 4  # the title stands in the head too
    for word in ("1.25", "0.12", "–", "cost rate", "true return per episode", "true cost per episode", "score"):
        assert word in seen.text
    assert page.count("<svg") == 2 + 1 + 4  # curves, p-values, an episode of both agents
    assert len(charts(page)) == 4
    assert page == render_run(HOSTILE, {"steps": "67", HOSTILE: HOSTILE}, FIGURES, runs, small_model())


def test_it_shows_the_warnings_that_were_given_as_text(runs) -> None:
    with gathered() as log, pytest.warns(TSRewardWarning):
        warn("outside training range", f"Column {HOSTILE} lies outside.")
        page = render_run("run", {}, FIGURES, runs)
    seen = closed(page)
    assert "img" not in seen.tags
    assert f": Column {HOSTILE} lies outside." in seen.text
    assert [one.name in seen.text for one in log.given] == [True]
    assert seen.text.count("Warnings") == 1
    assert "Warnings" not in Reader(render_run("run", {}, FIGURES, runs)).text


def test_a_reward_that_saw_something_else_is_left_out(runs) -> None:
    flat = {name: [replace(one, obs=one.obs[:, :2], costs=None) for one in each] for name, each in runs.items()}
    page = render_run("run", {}, FIGURES, flat, small_model())
    assert page.count("<svg") == 1
    assert "true cost per episode" not in page
    assert "step by step" not in page
    assert render_run("run", {}, FIGURES, flat) == page


def test_frames_that_the_reward_saw_are_shown_where_the_agent_sees_something_else(runs) -> None:
    rng = np.random.default_rng(1)
    model = small_model((8, 8, 3), "likeness")
    filmed = {"penalised": [script(rng, 20, (8, 8, 3), np.uint8)]}
    seen = closed(render_run("run", {}, FIGURES, runs, model, filmed=filmed))
    assert seen.tags.count("img") == 2 and "Strangest windows that the reward saw" in seen.text
    assert "penalised, step" in seen.text and "vanilla, step" not in seen.text
    assert "that the reward saw" not in closed(render_run("run", {}, FIGURES, runs, model)).text


def test_scores_of_which_only_the_peaks_would_be_seen_have_a_logarithmic_axis() -> None:
    def scores(peak: float) -> Panel:
        rows = [
            EpisodeRow(10 * step, 10, 1.0, 1.0, None, 0.1, 0.1, 0.2, peak if step == 5 else 0.3) for step in range(1, 9)
        ]
        return learning_curves({"agent": of_rows(rows)}).panels[-1]

    assert scores(500.0).log and not scores(0.4).log
    assert scores(500.0).y.startswith("score")


def test_it_is_written_whole_or_not_at_all(runs, tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", render_run("run", {}, FIGURES, runs))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_run("run", {}, FIGURES, runs)
    with pytest.raises(DataError, match="does not exist"):
        write_page(tmp_path / "none" / "report.html", "page")


def test_alarms_stand_on_the_page_with_what_they_were_read_off(runs) -> None:
    rows = {
        "penalised": [
            EpisodeRow(10 * at, 10, 1.0, 5.0, expert_distance=2.0, paid_auc=1.0, motion=0.01, outside_rate=0.0)
            for at in range(1, 13)
        ]
    }
    page = render_run("run", {}, FIGURES, runs, rows=rows)
    seen = closed(page)
    assert "TSR105 penalised, after 80 decisions: The agent stands still. Seen: features move 0.010 times" in seen.text
    for figure in ("motion (1: the expert's)", "distance to the expert (1: its own)", "steps outside its range"):
        assert figure in seen.text
    assert "Alarms" not in closed(render_run("run", {}, FIGURES, runs, rows=rows, alarms=())).text
    going = closed(render_progress("run", {}, "agent, 10 of 20", "running", rows)).text
    assert "TSR105 penalised, after 80 decisions" in going and "motion (1: the expert's)" in going
