"""Units are done everywhere with the same bytes, once each, also where workers are killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tsreward.distributed.running import RETRIES, Done, PlaceOptions, require, run_units
from tsreward.distributed.units import Unit, check_units, shard_of
from tsreward.errors import DataError, OptionError
from tsreward.files import open_atomic

HERE, PROCESSES = PlaceOptions(), PlaceOptions(jobs=2)
PLACES = pytest.mark.parametrize("place", [HERE, PROCESSES], ids=["here", "processes"])


def write(text: str, path: Path, notes: Path | None = None) -> None:
    if notes is not None:
        with notes.open("a") as file:
            file.write(f"{text}\n")
    with open_atomic(path) as file:
        file.write(text.encode() * 1000)


def refuse(path: Path) -> None:
    raise DataError("no rows.") if path.suffix == ".csv" else ValueError("odd")


def die_until(number: int, notes: Path, path: Path) -> None:
    """Be killed in the middle of writing, as often as `number` says; then write."""
    with notes.open("a") as file:
        file.write("x")
    with open_atomic(path) as file:
        file.write(b"half")
        file.flush()
        if len(notes.read_text()) <= number:
            os.kill(os.getpid(), signal.SIGKILL)
        file.write(b" and half")


def written(names: str = "abcde", notes: Path | None = None) -> list[Unit]:
    return [Unit(name, {"data": name}, partial(write, name, notes=notes), ".txt") for name in names]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@PLACES
def test_all_units_are_done_once(place: PlaceOptions, tmp_path: Path) -> None:
    notes, steps = tmp_path / "notes", []
    folder = tmp_path / "made" / "here"
    done = run_units(written(notes=notes), folder, place, lambda *now: steps.append(now))
    assert done == Done(("a", "b", "c", "d", "e"), (), {})
    assert steps == [(number, 5) for number in range(1, 6)]
    assert files(folder) == {unit.file: unit.name.encode() * 1000 for unit in written()}
    assert run_units(written(notes=notes), folder, place).there == ("a", "b", "c", "d", "e")
    assert sorted(notes.read_text().split()) == list("abcde")


@PLACES
def test_what_fails_fails_alone(place: PlaceOptions, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    units = [*written("ab"), Unit("c", {}, refuse, ".csv"), Unit("d", {}, refuse, ".txt"), Unit("e", {}, len, ".e")]
    done = run_units(units[:4], tmp_path, place)
    assert done.failed == {"c": "no rows.", "d": "ValueError: odd"} and done.done == ("a", "b")
    assert len(files(tmp_path)) == 2
    with pytest.raises(DataError, match=r"c and 1 others failed: no rows\. The files of the others are there"):
        require(done)
    silent = Unit("quiet", {}, os.fspath, ".txt")
    assert "ended without quiet-" in run_units([silent], tmp_path, place).failed["quiet"]
    require(run_units(units[:2], tmp_path, place))


def test_a_killed_worker_leaves_nothing_half_and_its_work_is_done_again(tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "out"
    unit = Unit("killed", {}, partial(die_until, 2, notes), ".bin")
    done = run_units([unit, *written("ab")], folder, PROCESSES)
    assert done.failed == {} and notes.read_text() == "xxx"
    assert files(folder)[unit.file] == b"half and half" and len(files(folder)) == 3


def test_work_that_always_kills_its_process_is_given_up(tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "out"
    unit = Unit("killed", {}, partial(die_until, 99, notes), ".bin")
    done = run_units([unit, *written("a")], folder, PROCESSES)
    assert done.failed == {"killed": f"its process ended {RETRIES + 1} times (SIGKILL)"} and done.done == ("a",)
    assert not (folder / unit.file).exists()


def test_shards_share_the_work(tmp_path: Path) -> None:
    given = [run_units(written(), tmp_path, PlaceOptions(shard=f"{share}/3")).done for share in (1, 2, 3)]
    assert given == [("a", "d"), ("b", "e"), ("c",)]
    assert run_units(written(), tmp_path, PROCESSES).there == ("a", "b", "c", "d", "e")
    assert shard_of(written("a"), "2/2") == []
    for wrong in ("0/3", "4/3", "1", "a/b", "1/0", "-1/2", "1/3/3"):
        with pytest.raises(OptionError, match=r"--shard takes i/n with 1 <= i <= n, such as 3/8"):
            shard_of(written(), wrong)


def test_two_machines_that_do_the_same_leave_one_whole_file(tmp_path: Path) -> None:
    runs = [threading.Thread(target=run_units, args=(written(), tmp_path, HERE)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert files(tmp_path) == {unit.file: unit.name.encode() * 1000 for unit in written()}


@pytest.mark.parametrize("change", [lambda depends: depends | {"rate": 0.1}, lambda depends: {"data": "other"}])
def test_other_inputs_have_other_files(change: Callable[[dict[str, str]], dict[str, object]]) -> None:
    unit = written("a")[0]
    assert Unit("a", change(dict(unit.depends)), print, ".txt").file != unit.file
    assert Unit("a", dict(unit.depends), refuse, ".txt").file == unit.file


def test_the_same_work_twice_is_refused(tmp_path: Path) -> None:
    twice = [Unit("a", {}, print), Unit("a", {}, print)]
    with pytest.raises(DataError, match="a and a are the same work"):
        check_units(twice)
    with pytest.raises(DataError, match="are the same work"):
        run_units(twice, tmp_path)
