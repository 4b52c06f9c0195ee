"""Data that is not what a model was fitted on: a named warning in what a command leaves, and an error with --strict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import plant
from tests.cli.conftest import Made
from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.io import save

OUTSIDE = "outside training range"


@pytest.fixture(scope="module")
def foreign(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a penalty that was fitted in other units than the environment has."""
    folder = tmp_path_factory.mktemp("foreign")
    episodes = [replace(episode, obs=episode.obs / 1000) for episode in load_episodes(made.episodes)]
    save_episodes(episodes, folder / "scaled.npz")
    fit = ["fit", "--data", str(folder / "scaled.npz"), "--scorer", "mahalanobis", "--out", str(folder / "m")]
    assert main(fit) == 0
    return folder / "m"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the plant's model, and two logs with labels: as it was fitted on, and in other units."""
    folder = tmp_path_factory.mktemp("logs")
    save(plant.fitted(), folder / "m")
    labels = np.arange(plant.SCORE) >= plant.SCORE - 20
    plant.log(folder / "same.csv", label=labels.astype(int))
    values = {name: 1000 * plant.plant()[plant.FIT :, column] for column, name in enumerate(plant.NAMES)}
    stamps = plant.stamps(plant.FIT, plant.FIT + plant.SCORE)
    plant.write(folder / "other.csv", {"time": stamps, **values, "label": labels.astype(int)})
    return folder


def test_training_elsewhere_is_a_warning_in_results_and_on_the_page(foreign, tmp_path, document):
    out = tmp_path / "run"
    train = ("train", "--env", "Tiny/Cost-v0", "--model", foreign, "--steps", "600", "--out", out)
    printed = document(*train)["warnings"]
    given = json.loads((out / "results.json").read_text())["warnings"]
    assert printed == given
    text = {one["name"]: one["text"] for one in given}[OUTSIDE]
    assert "3 of 3 columns lie outside" in text
    assert "other units: column 0, column 1, column 2 are 1,000 times as large" in text
    page = (out / "report.html").read_text()
    assert f"<b>{OUTSIDE}</b>" in page
    assert "3 of 3 columns lie outside" in page


def test_strict_training_elsewhere_is_a_run_that_failed(foreign, tmp_path, complaint):
    out = tmp_path / "deep" / "run"
    train = ("train", "--env", "Tiny/Cost-v0", "--model", foreign, "--steps", "600", "--out", out, "--strict")
    assert "3 of 3 columns lie outside" in complaint(*train)
    assert json.loads((out / "status.json").read_text())["state"] == "failed"
    assert not (out / "results.json").exists()


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_a_log_in_other_units(command, logs, tmp_path, document, complaint):
    def words(name: str, out: str) -> list[object]:
        data = [logs / name, "--out", tmp_path / out] if command == "score" else ["--data", logs / name]
        return [command, *data, "--model", logs / "m", "--time", "time", "--label", "label"]

    given = {one["name"]: one["text"] for one in document(*words("other.csv", "s.csv"))["warnings"]}
    assert "3 of 3 columns lie outside what the model was fitted on: 'load' (100%" in given[OUTSIDE]
    assert "lie outside" in complaint(*words("other.csv", "t.csv"), "--strict")
    assert not (tmp_path / "t.csv").exists()
    assert "warnings" not in document(*words("same.csv", "u.csv"), "--strict")


def test_a_benchmark_in_other_units(logs, tmp_path, document, complaint):
    for name in ("same", "other"):
        series = tmp_path / name
        series.mkdir()
        values = plant.plant()
        if name == "other":
            values[len(values) // 2 :] *= 1000  # the test rows
        labels = np.arange(len(values)) >= len(values) - 20
        columns = {column: values[:, place] for place, column in enumerate(plant.NAMES)}
        plant.write(series / f"plant_{plant.FIT}.csv", {**columns, "label": labels.astype(int)})

    def words(name: str, out: str) -> list[object]:
        bench = ["bench", "detect", "--data", tmp_path / name, "--format", "csv", "--label", "label"]
        return [*bench, "--detectors", "z_norm", "--seeds", "1", "--out", tmp_path / out]

    out = tmp_path / "results"
    given = document(*words("other", "results"))["warnings"]
    assert [one["name"] for one in given] == [OUTSIDE]
    assert json.loads((out / "run.json").read_text())["warnings"] == given
    assert f"<b>{OUTSIDE}</b>" in (out / "report.html").read_text()
    assert "lie outside" in complaint(*words("other", "none"), "--strict")
    assert not (tmp_path / "none").exists()
    assert "warnings" not in document(*words("same", "clean"), "--strict")
