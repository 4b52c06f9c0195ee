"""On a full disk every command that writes says so in one line with the path asked for, and leaves what was there."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.cli.conftest import Made
from tests.reliability.crashes import fork, one_thread
from tsreward.cli.main import main
from tsreward.files import no_room

COMMANDS: dict[str, tuple[str, str]] = {
    "collect": ("collect --env Tiny/Cost-v0 --agent random --steps 64 --out OUT/new.npz", "new.npz"),
    "fit": ("fit --data DATA --scorer mahalanobis --reward likeness --out OUT/new.safetensors", "new.safetensors"),
    "fit with its state": (
        "fit --data DATA --train.epochs 1 --train.state OUT/state --out OUT/new.safetensors",
        "new.safetensors",
    ),
    "score": ("score DATA --model MODEL --out OUT/new.csv", "new.csv"),
    "score, npz": ("score DATA --model MODEL --out OUT/new.npz", "new.npz"),
    "relabel": ("relabel DATA --model MODEL --out OUT/new.npz", "new.npz"),
    "relabel a table": ("relabel TABLE --model MODEL --out OUT/new.csv", "new.csv"),
    "compare": ("compare MODEL MODEL --data DATA --out OUT/new.html", "new.html"),
    "train": ("train --env Tiny/Cost-v0 --model MODEL --steps 64 --num-envs 2 --out OUT/run", "run"),
    "bench": ("bench detect --detectors pca --data LOG --format csv --out OUT/bench", "bench"),
    "tune": ("tune --objective detect --data LOG --format csv --trials 1 --study OUT/study.db", "study.db"),
}


@pytest.fixture(scope="module")
def files(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, rng = tmp_path_factory.mktemp("inputs"), np.random.default_rng(0)
    width = np.load(made.episodes)["obs"].shape[1]
    table = pandas.DataFrame(rng.normal(size=(50, width)), columns=[f"x{index}" for index in range(width)])
    table.assign(episode=0, reward=1.0).to_csv(folder / "table.csv", index=False)
    log = pandas.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"]).assign(label=0)
    log.loc[500:520, ["a", "label"]] = (9.0, 1)
    log.to_csv(folder / "log.csv", index=False)
    return {
        "DATA": str(made.episodes),
        "MODEL": str(made.model),
        "TABLE": str(folder / "table.csv"),
        "LOG": str(folder / "log.csv"),
    }


def limited(arguments: list[str], limit: int) -> tuple[int, str]:
    """Run a command in a child whose files may not grow beyond a limit; return its exit code, and stderr."""
    reading, writing = os.pipe()

    def run() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.stdout, sys.stderr = io.StringIO(), os.fdopen(writing, "w")
        try:
            code = main(arguments)
        except BaseException:
            traceback.print_exc()
            code = 99
        sys.stderr.flush()
        os._exit(code)

    child = fork(run)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


@pytest.mark.parametrize("limit", [0, 300])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line(name: str, limit: int, files: dict[str, str], tmp_path: Path) -> None:
    command, target = COMMANDS[name]
    for word, value in files.items():
        command = command.replace(word, value)
    path = tmp_path / target
    if path.suffix:
        path.write_bytes(b"previous")
    if path.suffix == ".db":
        path.unlink()
    with one_thread():
        code, said = limited(command.replace("OUT", str(tmp_path)).split(), limit)
    assert code == 2, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("tsreward: error: ")]
    assert str(path) in line
    assert path.suffix in ("", ".db") or path.read_bytes() == b"previous"
    assert not [found for found in tmp_path.rglob("*") if ".tsreward-tmp-" in found.name]
    if name == "train":
        assert not path.exists()


def test_a_disk_that_fills_up_while_a_study_goes_on(files: dict[str, str], tmp_path: Path) -> None:
    study = tmp_path / "s.db"
    tune = f"tune --objective detect --data {files['LOG']} --format csv --study {study} --trials"
    assert main([*tune.split(), "1"]) == 0
    size = study.stat().st_size
    ended = subprocess.run(  # with a server of processes of its own
        [sys.executable, "-m", "tsreward", *tune.split(), "40"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert f"tsreward: error: Cannot write {study}: " in ended.stderr
    assert main([*tune.split(), "2"]) == 0  # and goes on where there is room


def test_what_a_full_disk_says() -> None:
    temporary = FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")
    assert no_room(temporary) == (
        "no folder for temporary files can be written to: free some space, or name another one with TMPDIR"
    )
    assert no_room(OSError(28, "No space left on device", "a")) == (
        "a: No space left on device: free some space, or choose another place"
    )
    assert no_room(FileNotFoundError(2, "No such file")) is None
    assert no_room(ValueError()) is None


def test_an_error_that_no_command_expects(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> Callable[..., int]:
        raise OSError(28, "No space left on device", "cache")

    monkeypatch.setattr("tsreward.cli.info.describe", fail)
    assert main(["info", "m"]) == 2
    assert capsys.readouterr().err == (
        "tsreward: error: cache: No space left on device: free some space, or choose another place.\n"
    )
