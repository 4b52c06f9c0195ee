"""Result files: exact, safe to name, and never half believed."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tsreward.evaluation.bench.records import (
    Cell,
    Record,
    Timings,
    read_record,
    read_scores,
    write_record,
    write_scores,
)

CELL = Cell("pca", "smd", "machine-1-1", 3)


@pytest.fixture
def record(tmp_path):
    scores = write_scores(tmp_path, CELL, np.array([0.1, 1 / 3]), np.array([1e-300, 2.0, np.pi]))
    record = Record(CELL, "inputs", "judging", scores, {"f1": 1 / 3}, Timings(0.1, 0.2, 15.0, 3.5))
    write_record(tmp_path, record)
    return record


def test_what_is_written_is_read(tmp_path, record):
    assert read_record(tmp_path, CELL) == record
    scores = read_scores(tmp_path, record)
    assert scores is not None
    assert (scores[0].tolist(), scores[1].tolist()) == ([0.1, 1 / 3], [1e-300, 2.0, np.pi])


def test_a_failure_is_read(tmp_path):
    failure = Record(CELL, "inputs", "judging", error="ValueError: \ud800 <x>")
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
    for size in range(0, len(content), 7):
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
