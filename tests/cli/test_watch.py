"""`tsreward watch`: films of saved agents, one or two, and what cannot be watched."""

from __future__ import annotations

import webbrowser

import numpy as np
import pytest

from tests.report.test_film import pictures
from tests.sb3.test_watching import OPTIONS, model  # noqa: F401
from tsreward.io import save
from tsreward.pipeline.relabel import relabel
from tsreward.sb3.saved_agent import load_agent, save_agent
from tsreward.sb3.training import train_agent
from tsreward.sb3.watching import watch


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    save_agent(train_agent("WatchedClock-v0", OPTIONS, model), folder)
    save(model, folder / "model.safetensors")
    return folder


def test_a_film_and_its_figures(run, model, document):  # noqa: F811
    shown = document("watch", run, "--seed", "3", "--episodes", "2")
    frames, rate = pictures((run / "agent.mp4").read_bytes())
    assert (len(frames), rate) == (20, 20)
    assert [row["seed"] for row in shown["episodes"]] == [3, 4]
    for row in shown["episodes"]:
        played = watch(load_agent(run), seed=row["seed"])
        (earned,) = relabel(model, [played.episode])
        assert (row["length"], row["true_return"], row["cost"]) == (9, 18.0, 3.0)
        assert row["learned_return"] == pytest.approx(float(earned.reward.sum()))
        assert row["flag_rate"] == np.mean(earned.is_anomaly.numpy())


def test_two_agents_stand_side_by_side_on_the_same_seed(run, tmp_path, document):
    shown = document("watch", run, "--compare", run, "--out", tmp_path / "both.mp4", "--width", "64")
    one, other = shown["episodes"]
    assert (one["agent"], other["agent"]) == ("1: run", "2: run")
    assert {**one, "agent": None} == {**other, "agent": None}
    assert pictures((tmp_path / "both.mp4").read_bytes())[0].shape[2] >= 128


def test_a_window_where_there_is_a_display(run, tmp_path, document, complaint, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    document("watch", run, "--show", "--out", tmp_path / "agent.gif")
    assert opened == [(tmp_path / "agent.gif").as_uri()]
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert "no display to show a film on" in complaint("watch", run, "--show", "--out", tmp_path / "other.gif")
    assert not (tmp_path / "other.gif").exists()


def test_what_cannot_be_watched(tmp_path, run, complaint):
    assert "holds no agent.json" in complaint("watch", tmp_path)
    assert ".avi" in complaint("watch", run, "--out", tmp_path / "agent.avi")
    assert list(tmp_path.iterdir()) == []
