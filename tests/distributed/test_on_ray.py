"""The same units on a real Ray cluster of this machine: the same bytes, also where workers are killed."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_runs import AGENT
from tests.detection.bench.fakes import Distance, Dying, small_task
from tests.distributed.test_running import die_until, files, refuse, write, written
from tsreward.cli.main import main
from tsreward.detection.bench.runner import run_benchmark
from tsreward.distributed.running import Done, PlaceOptions, run_units
from tsreward.distributed.units import Unit
from tsreward.errors import DataError, MissingExtraError
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.mahalanobis import Mahalanobis

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
    assert done.failed == {"killed": "its process ended 4 times"} and done.done == ("a",)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: make test-libraries")
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(DataError, match=r"The Ray cluster 127\.0\.0\.1:1 was lost or cannot be reached"):
        run_units(written(), tmp_path, PlaceOptions(ray="127.0.0.1:1"))


@pytest.mark.filterwarnings("ignore")
def test_a_benchmark_has_the_results_of_a_local_run(cluster: None, tmp_path: Path) -> None:
    datasets, detectors = {"set": [small_task("a", 1), small_task("b", 2)]}, {"x": Distance, "dying": Dying}
    made = run_benchmark(datasets, detectors, [0], tmp_path / "ray", place=RAY)
    (alone,) = [run_benchmark(datasets, {"x": Distance}, [0], tmp_path / "here")]
    assert [one.metrics for one in made if one.cell.detector == "x"] == [one.metrics for one in alone]
    assert "Its process ended: out of memory?" in [one.error for one in made]


@pytest.mark.filterwarnings("ignore")
def test_seeds_are_trained_as_they_are_side_by_side(cluster: None, tmp_path: Path) -> None:
    model = RewardModel(Mahalanobis(1), Penalty(PenaltyOptions(unit=1.0))).fit(
        [*np.random.default_rng(0).normal(size=(4, 50, 3))]
    )
    save(model, tmp_path / "m.safetensors")
    arguments = ["train", "--env", "Tiny/Cost-v0", "--model", str(tmp_path / "m.safetensors"), "--import", "tests.tiny"]
    arguments += [*AGENT, "--seeds", "2", "--json"]
    for name, place in (("ray", ["--ray", "local"]), ("here", [])):
        assert main([*arguments, *place, "--out", str(tmp_path / name)]) == 0
    found = [json.loads((tmp_path / name / "results.json").read_text())["methods"] for name in ("ray", "here")]
    assert found[0] == found[1] and found[0]["agent"]["runs"] == 2


@pytest.mark.filterwarnings("ignore")
def test_a_node_is_lost_in_the_middle(tmp_path: Path) -> None:
    """The head has no processor for work, so that all of it is on the node that goes; another one comes."""
    ray = pytest.importorskip("ray", reason="needs Ray: make test-libraries")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    if ray.is_initialized():
        ray.shutdown()
    many = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        going = many.add_node(num_cpus=1)
        ray.init(address=many.address, log_to_driver=False)
        notes = tmp_path / "notes"
        units = [Unit(name, {"data": name}, partial(hold, name, notes, tmp_path / "go"), ".txt") for name in "ab"]
        done: list[Done] = []
        running = threading.Thread(target=lambda: done.append(run_units(units, tmp_path / "out", RAY)))
        running.start()
        while not notes.exists():
            time.sleep(0.05)
        many.remove_node(going, allow_graceful=False)
        many.add_node(num_cpus=2)
        while sorted(notes.read_text().split()) != ["a", "a", "b"]:  # one of them is begun again elsewhere
            assert running.is_alive()
            time.sleep(0.05)
        (tmp_path / "go").touch()
        running.join(120)
        assert done == [Done(("a", "b"), (), {})]
        assert files(tmp_path / "out") == {unit.file: unit.name.encode() * 1000 for unit in units}
    finally:
        ray.shutdown()
        many.shutdown()


def hold(text: str, notes: Path, go: Path, path: Path) -> None:
    """Write down that it has begun, wait for a file, and write."""
    with notes.open("a") as file:
        file.write(f"{text}\n")
    while not go.exists():
        time.sleep(0.05)
    write(text, path)
