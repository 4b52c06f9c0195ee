"""On a full disk every command that writes says so in one line with the path asked for, and leaves what was there."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.full_disk import COMMANDS, SLOW, fill_command, inputs
from tsreward.cli.main import main
from tsreward.files import no_room


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line(name: str, files: dict[str, str], tmp_path: Path) -> None:
    limits = 3 if name in SLOW else 20
    seen = fill_command(name, files, tmp_path, limits)
    assert seen == {"tried": limits}, [path.read_text() for path in tmp_path.glob("first.json")]


def test_a_disk_that_fills_up_while_a_study_goes_on(files: dict[str, str], tmp_path: Path) -> None:
    study = tmp_path / "s.db"
    tune = f"tune --objective detect --data {files['LOG']} --format csv --fix scorer=pca --study {study} --trials"
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
