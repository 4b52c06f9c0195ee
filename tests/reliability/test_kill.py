"""A killed writer or a full disk leaves the previous model file, whole."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.crashes import fill_disk, kill_writers, one_thread

MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


def check_kills(folder: Path) -> None:
    seen = kill_writers(folder, kills=80, seed=0)
    assert (seen["unreadable"], seen["lost"], seen["stale"]) == (0, 0, 0)
    assert seen["unfinished"] > 0  # else the kills never came at a bad time, and nothing was tested


def test_killed_on_the_usual_file_system(tmp_path: Path) -> None:
    check_kills(tmp_path)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no file system in memory here")
def test_killed_on_a_file_system_in_memory() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        check_kills(Path(folder))


def test_full_disk_leaves_the_previous_file(tmp_path: Path) -> None:
    assert +fill_disk(tmp_path, sizes=100) == {"tried": 100}
