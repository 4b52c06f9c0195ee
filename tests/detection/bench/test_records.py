"""Equal things have equal fingerprints in every process, and different ones do not."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from tests.detection.bench.fakes import Broken, Distance
from tsreward.detection.bench.records import (
    Cell,
    Record,
    Timings,
    fingerprint,
    read_record,
    read_scores,
    write_record,
    write_scores,
)


@dataclass(frozen=True)
class Inner:
    size: int = 3
    rate: float = 0.1


class Holder:
    def __init__(self, **given):
        self.__dict__.update(given)


def closure(name):
    return lambda: name


DIFFERENT = [
    (Distance(0), Distance(1)),
    (Distance(0), Broken(0)),
    (Holder(options=Inner()), Holder(options=Inner(size=4))),
    (Holder(options=Inner()), Holder(options=Inner(rate=0.1000001))),
    (Holder(parts=[Distance(0), Distance(0)]), Holder(parts=[Distance(0), Distance(1)])),
    (Holder(a={"x": 1}), Holder(a={"x": 2})),
    (Holder(a=1), Holder(b=1)),
    (Holder(a="1"), Holder(a=1)),
    (Holder(make=partial(Distance, power=1)), Holder(make=partial(Distance, power=2))),
    (Holder(make=Distance), Holder(make=Broken)),
    (Holder(make=closure("HBOS")), Holder(make=closure("KNN"))),
    (Holder(make=lambda size=1: size), Holder(make=lambda size=2: size)),
    (Holder(make=max), Holder(make=min)),
    (Holder(a=float("nan")), Holder(a=float("inf"))),
    (Holder(a={1, 2}), Holder(a={1, 3})),
    (np.zeros(3), np.array([0.0, 0.0, 1e-300])),
    (np.zeros(4), np.zeros((2, 2))),
    (np.zeros(4), np.zeros(4, dtype=np.float32)),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_things(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


def test_order_of_attributes_and_layout_of_memory_do_not_matter():
    assert fingerprint(Holder(a=1, b=2)) == fingerprint(Holder(b=2, a=1))
    values = np.arange(12.0).reshape(3, 4)
    assert (
        fingerprint(values) == fingerprint(np.asfortranarray(values)) == fingerprint(values.repeat(2, axis=1)[:, ::2])
    )


def test_a_thing_that_holds_itself():
    holders = [Holder(), Holder()]
    for holder in holders:
        holder.own = holder
    assert fingerprint(holders[0]) == fingerprint(holders[1]) != fingerprint(Holder(own=None))
    inner = Inner()
    assert fingerprint([inner, inner]) == fingerprint([inner, Inner()])


def test_a_network_has_a_fingerprint():
    assert fingerprint(torch.nn.Linear(2, 3)) == fingerprint(torch.nn.Linear(2, 3))


def test_other_processes_agree():
    code = (
        "from tests.detection.bench.fakes import Distance\n"
        "from tsreward.detection.bench.records import fingerprint\n"
        "print(fingerprint({'a', 'b', 'c'}, Distance(1), {'x': [lambda: 1]}))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hashing}
        )
        for hashing in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""


CELL = Cell("pca", "smd", "machine-1-1", 3)


@pytest.fixture
def record(tmp_path):
    scores = write_scores(tmp_path, CELL, np.array([0.1, 1 / 3]), np.array([1e-300, 2.0, np.pi]))
    record = Record(CELL, "inputs", "evaluation", scores, {"f1": 1 / 3}, Timings(0.1, 0.2, 15.0, 3.5))
    write_record(tmp_path, record)
    return record


def test_what_is_written_is_read(tmp_path, record):
    assert read_record(tmp_path, CELL) == record
    scores = read_scores(tmp_path, record)
    assert scores is not None
    assert (scores[0].tolist(), scores[1].tolist()) == ([0.1, 1 / 3], [1e-300, 2.0, np.pi])


def test_a_failure_is_read(tmp_path):
    failure = Record(CELL, "inputs", "evaluation", error="ValueError: \ud800 <x>")
    write_record(tmp_path, failure)
    assert read_record(tmp_path, CELL) == failure
    assert read_scores(tmp_path, failure) is None


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_damage_is_noticed(tmp_path, record, ending):
    path = tmp_path / f"{CELL.stem}.{ending}"
    content, draw = path.read_bytes(), random.Random(0)
    accepted = 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        found = read_record(tmp_path, CELL)
        accepted += found not in (None, record)
        accepted += ending == "npz" and read_scores(tmp_path, record) is not None
    for size in range(0, len(content) - 1, 7):  # the last byte of a record is a line feed
        path.write_bytes(content[:size])
        accepted += (read_record(tmp_path, CELL) if ending == "json" else read_scores(tmp_path, record)) is not None
    assert accepted == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b'{"digest": 1, "record": {}}', b"\xff"])
def test_other_files_are_no_records(tmp_path, content):
    (tmp_path / f"{CELL.stem}.json").write_bytes(content)
    assert read_record(tmp_path, CELL) is None


def test_a_record_of_another_cell_is_none(tmp_path, record):
    other = Cell("pca", "smd", "machine-1-2", 3)
    (tmp_path / f"{other.stem}.json").write_bytes((tmp_path / f"{CELL.stem}.json").read_bytes())
    assert read_record(tmp_path, other) is None


def test_the_file_is_plain_json(tmp_path, record):
    document = json.loads((tmp_path / f"{CELL.stem}.json").read_text())
    assert document["record"]["cell"] == {"detector": "pca", "dataset": "smd", "series": "machine-1-1", "seed": 3}
    assert document["record"]["metrics"] == {"f1": 1 / 3}


def test_stems_differ_and_hold_no_separators():
    names = ["a", "a/b", "a-b", "a b", "../a", "a" * 300, "a" * 301, "", "ä", "\0", "A"]
    stems = {Cell(one, "set", other, seed).stem for one in names for other in names for seed in (0, 1)}
    assert len({stem.lower() for stem in stems}) == 2 * len(names) ** 2
    assert all("/" not in stem and "\0" not in stem and len(stem) < 120 for stem in stems)
