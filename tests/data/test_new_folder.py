"""A folder appears whole or not at all, also where its writer is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tsreward.data.new_folder import new_folder
from tsreward.errors import DataError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_when_the_block_ends(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "made") as inside:
        (inside / "file").write_text("text")
        assert not (tmp_path / "a" / "made").exists()
    assert names(tmp_path / "a") == ["made"]
    assert (tmp_path / "a" / "made" / "file").read_text() == "text"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_where_the_block_raises(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), new_folder(tmp_path / "made") as inside:
        (inside / "file").write_text("text")
        raise error
    assert names(tmp_path) == []


def test_an_error_of_the_disk_becomes_one_line(tmp_path: Path) -> None:
    message = r"Cannot write .*made: No space left on device\. Nothing was left there"
    with pytest.raises(DataError, match=message), new_folder(tmp_path / "made"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_stays(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to("nowhere")}[kind]()
    with pytest.raises(DataError, match="exists already and is not changed"), new_folder(path):
        pass
    assert names(tmp_path) == ["made"]


def test_one_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="made by somebody else meanwhile"), new_folder(tmp_path / "made"):
        (tmp_path / "made").mkdir()
    assert names(tmp_path) == ["made"]


def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tsreward.data.new_folder import new_folder\n"
        "with new_folder(Path(sys.argv[1]) / 'made') as inside:\n"
        "    (inside / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert run.returncode == -9
    (dead,) = names(tmp_path)
    with new_folder(tmp_path / "made") as first:
        assert names(tmp_path) == [first.name] != [dead]
        with new_folder(tmp_path / "made-too"):
            assert first.exists()
    assert names(tmp_path) == ["made", "made-too"]
