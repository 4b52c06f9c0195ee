"""Which rows are learned from, down to the numbers in the leaderboard's file names."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tsreward.detection.bench.protocols import PROTOCOLS, split, tsb_ad
from tsreward.detection.datasets.smd import load_smd
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def task(rows: int, first: int | None) -> DetectionTask:
    labels = np.zeros(rows, dtype=bool)
    if first is not None:
        labels[first : first + 5] = True
    values = np.arange(rows, dtype=float)[:, None]
    return DetectionTask("a", Series(-values[:50] - 1), Series(values, labels, "a", ("load",), np.arange(rows) * 60))


@pytest.mark.parametrize(
    ("rows", "first", "learned"),
    [(1000, 900, 250), (1000, 350, 250), (1000, 349, 249), (1000, 101, 1), (1003, 1002, 250), (1000, None, 250)],
)
def test_rows_to_learn_from(rows, first, learned):
    given = task(rows, first)
    made = tsb_ad(given)
    assert len(made.train) == learned
    np.testing.assert_array_equal(made.train.values, given.test.values[:learned])
    assert made.train.columns == ("load",)
    assert made.test is given.test
    assert made.name == given.name


@pytest.mark.parametrize("first", [0, 50, 100])
def test_no_rows_left(first):
    with pytest.raises(
        DataError, match=f"a: 1000 rows to judge, anomalous from row {first} on, .*use the protocol split"
    ):
        tsb_ad(task(1000, first))


def test_too_short():
    with pytest.raises(DataError, match="3 rows to judge"):
        tsb_ad(task(3, None))


def test_a_prefix_is_left_alone():
    given = task(1000, 150)
    made = DetectionTask("a", given.test.rows(0, 400), given.test)
    assert tsb_ad(made) is made
    assert tsb_ad(tsb_ad(given)).train.values.shape == (50, 1)


def test_as_loaded():
    given = task(1000, 500)
    assert split(given) is given
    assert PROTOCOLS["split"] is split
    assert PROTOCOLS["tsb-ad"] is tsb_ad


@pytest.mark.skipif(not (DATA / "smd").is_dir(), reason="needs the Server Machine Dataset in ../shared/data/smd")
def test_the_leaderboards_file_names():
    with (DATA / "tsb-ad" / "vus_pr_smd.csv").open(newline="") as file:
        published = {row["machine"]: int(re.findall(r"_tr_(\d+)_", row["file"])[0]) for row in csv.DictReader(file)}
    assert {made.name: len(tsb_ad(made).train) for made in load_smd(DATA / "smd")} == published
