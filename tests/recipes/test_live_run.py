"""The folder of a run is there from the first second, and nothing that was written in it goes away."""

from __future__ import annotations

import json

import gymnasium
import pytest
import torch

from tests.report.test_film import pictures
from tests.sb3.test_watching import Clock, Drawless
from tsreward.data.episode_rows import EpisodeRow, read_rows
from tsreward.errors import DataError
from tsreward.recipes import live_run
from tsreward.recipes.live_run import LiveRun, is_running, open_run, read_status
from tsreward.sb3.training import AgentOptions, TrainingOutputs, train_agent
from tsreward.sequences.costs import CostOptions

ROW = EpisodeRow(8, 4, 1.5, 0.5, 1.0, 0.25, 0.1, 0.2, 0.3)


def opened(path):
    return open_run(path, "Title <b>", {"steps": 100}, {"environment": "Tiny"}, ["--steps", "100"])


def act(live: LiveRun, steps: int = 1) -> None:
    report = live.stage(lambda name: lambda done, total: None)("agent")
    log = live.log("agent", 0)
    for step in range(steps):
        report(step + 1, 100)
        log(ROW)


def test_all_is_there_at_once_and_after_every_episode(tmp_path, monkeypatch):
    monkeypatch.setattr(live_run, "PAGE_EVERY", 0.0)
    monkeypatch.setattr(live_run, "STATUS_EVERY", 0.0)
    with opened(tmp_path / "deep" / "run") as live:
        folder = live.folder
        assert json.loads((folder / "config.json").read_text()) == {"steps": 100}
        status = read_status(folder)
        assert (status["state"], status["arguments"]) == ("running", ["--steps", "100"])
        assert "torch" in status["versions"] and is_running(folder)
        live._page_due = 0.0
        act(live, 2)
        assert [run.rows for run in read_rows(folder / "episodes.csv")] == [[ROW, ROW]]
        assert (read_status(folder)["done"], read_status(folder)["total"]) == (2, 100)
        page = (folder / "report.html").read_text()
        assert "Title &lt;b&gt;" in page and "agent, 1 of 100" in page and 'http-equiv="refresh"' in page
    assert read_status(folder)["state"] == "finished" and not is_running(folder)


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt(), "stopped"), (SystemExit(), "stopped"), (ValueError("because"), "failed")]
)
def test_what_was_written_stays(tmp_path, error, state):
    with pytest.raises(type(error)), opened(tmp_path / "run") as live:
        act(live)
        raise error
    status = read_status(tmp_path / "run")
    assert status["state"] == state
    assert status.get("message") == ("because" if state == "failed" else None)
    assert read_rows(tmp_path / "run" / "episodes.csv")[0].rows == [ROW]
    page = (tmp_path / "run" / "report.html").read_text()
    assert state.capitalize() in page and "refresh" not in page and "<svg" in page


def test_where_nothing_had_begun_nothing_is_left(tmp_path):
    with pytest.raises(ValueError), opened(tmp_path / "deep" / "run"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError), opened(tmp_path / "mine"):
        raise ValueError
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"] and not list((tmp_path / "mine").iterdir())
    with pytest.raises(ValueError), opened(tmp_path / "run") as live:
        (live.folder / "note.txt").write_text("mine")
        raise ValueError
    assert (tmp_path / "run" / "note.txt").exists() and read_status(tmp_path / "run")["state"] == "failed"


def test_a_folder_that_is_filled_is_refused(tmp_path):
    with opened(tmp_path / "run"), pytest.raises(DataError, match="is not an empty folder"), opened(tmp_path / "run"):
        pass
    with pytest.raises(DataError, match=r"is no folder of a run: it has no status\.json"):
        read_status(tmp_path)


def test_films_are_taken_on_the_way_and_change_nothing(tmp_path):
    for cls in (Clock, Drawless):
        gymnasium.register(f"Filmed{cls.__name__}-v0", entry_point=cls, disable_env_checker=True)
    options = AgentOptions("ppo", steps=96, num_envs=1, hidden=8, rollout=16)
    plain = train_agent("FilmedClock-v0", options)
    with opened(tmp_path / "run") as live:
        outputs = TrainingOutputs(films=live.films(32, CostOptions()))
        filmed = train_agent("FilmedClock-v0", options, outputs=outputs)
        assert live.films(0, CostOptions()) is None
    assert sorted(path.name for path in (tmp_path / "run" / "films").iterdir()) == ["step-32.mp4", "step-64.mp4"]
    assert len(pictures((tmp_path / "run" / "films" / "step-64.mp4").read_bytes())[0]) == 10
    for name, value in plain.algorithm.policy.state_dict().items():
        assert torch.equal(value, filmed.algorithm.policy.state_dict()[name]), name
    with opened(tmp_path / "other") as live, pytest.warns(RuntimeWarning, match=r"not filmed after 64 .*rgb_array"):
        outputs = TrainingOutputs(films=live.films(64, CostOptions()))
        train_agent("FilmedDrawless-v0", options, outputs=outputs)
    assert not (tmp_path / "other" / "films").exists()
