"""Episodes and a model that the commands themselves have made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tests.tiny  # noqa: F401
from tests import plant
from tsreward.cli.main import main


@dataclass(frozen=True)
class Made:
    """Files that tests read and never write."""

    episodes: Path
    """Of an agent that acted at random in Tiny/Cost-v0."""
    costless: Path
    """The same in Tiny/Plain-v0."""
    model: Path
    """A penalty, learned from `episodes`."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    files = Made(folder / "episodes.npz", folder / "costless.npz", folder / "model.safetensors")
    for env, path in (("Tiny/Cost-v0", files.episodes), ("Tiny/Plain-v0", files.costless)):
        arguments = ["collect", "--env", env, "--agent", "random", "--steps", "480", "--out", str(path)]
        assert main(arguments) == 0
    arguments = ["fit", "--data", str(files.episodes), "--out", str(files.model), "--train.epochs", "8"]
    assert main(arguments) == 0
    return files


@pytest.fixture(scope="session")
def plant_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with fit.csv and log.csv of the plant, and its model m."""
    folder = tmp_path_factory.mktemp("plant")
    plant.log(folder / "fit.csv", 0, plant.FIT)
    fit = ["fit", "--data", str(folder / "fit.csv"), "--time", "time", "--scorer", "mahalanobis"]
    assert main([*fit, "--reward", "likeness", "--out", str(folder / "m")]) == 0
    plant.log(folder / "log.csv")
    return folder


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a command with --json and gives the one document on stdout."""

    def run(*arguments: object, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command which must fail with exit code 2, and gives its one line."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert main([*map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if " done in " not in line]  # stages that ended before
        assert out == ""
        assert len(lines) == 1, err
        assert lines[0].startswith("tsreward: error: ")
        return lines[0]

    return run
