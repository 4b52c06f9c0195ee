"""The same units on a real Ray cluster of this machine: the same bytes, also where workers are killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.distributed.test_running import die_until, files, refuse, written
from tsreward.distributed.running import PlaceOptions, run_units
from tsreward.distributed.units import Unit
from tsreward.errors import DataError, MissingExtraError

RAY = PlaceOptions(ray="local")


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ray is not installed. Install it with: pip install .*\[ray\]"):
        run_units(written(), tmp_path, RAY)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Start a head of two workers; its processes end with it."""
    ray = pytest.importorskip("ray", reason="needs Ray: make test-libraries")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_the_bytes_are_those_of_a_local_run(cluster: None, tmp_path: Path) -> None:
    done = run_units(written(), tmp_path / "ray", RAY)
    run_units(written(), tmp_path / "here")
    assert done.done == ("a", "b", "c", "d", "e") and files(tmp_path / "ray") == files(tmp_path / "here")
    assert run_units(written(), tmp_path / "ray", RAY).there == done.done


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_is_replaced(cluster: None, tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "out"
    unit = Unit("killed", {}, partial(die_until, 2, notes), ".bin")
    done = run_units([unit, *written("ab"), Unit("c", {}, refuse, ".csv")], folder, RAY)
    assert done.failed == {"c": "no rows."} and notes.read_text() == "xxx"
    assert files(folder)[unit.file] == b"half and half" and len(files(folder)) == 3


@pytest.mark.filterwarnings("ignore")
def test_work_that_always_kills_its_worker_is_given_up(cluster: None, tmp_path: Path) -> None:
    unit = Unit("killed", {}, partial(die_until, 99, tmp_path / "notes"), ".bin")
    done = run_units([unit, *written("a")], tmp_path / "out", RAY)
    assert done.failed == {"killed": "its process ended 4 times."} and done.done == ("a",)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: make test-libraries")
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(DataError, match=r"The Ray cluster 127\.0\.0\.1:1 was lost or cannot be reached"):
        run_units(written(), tmp_path, PlaceOptions(ray="127.0.0.1:1"))
