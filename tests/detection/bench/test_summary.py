"""Means over series, spread over seeds, and tables that say what failed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from statistics import stdev

import pytest

from tsreward.detection.bench.records import Cell, Record, Timings
from tsreward.detection.bench.summary import METRICS, costs, shown_mean, summary, write_tables


def record(detector, series, seed, value, dataset="smd", seconds=1.0, points=100.0):
    if value is None:
        return Record(Cell(detector, dataset, series, seed), "", "", error='ValueError: x,\n"y" \ud800')
    metrics = {**dict.fromkeys(METRICS, value), "threshold": 1e6}
    timings = Timings(seconds, seconds, points, 10 * seconds)
    return Record(Cell(detector, dataset, series, seed), "", "", "sha", metrics, timings)


RECORDS = [
    record("low", "a", 0, 0.1),
    record("low", "b", 0, 0.3),
    record("low", "a", 1, 0.2),
    record("low", "b", 1, 0.6),
    record("high", "a", 0, 0.9),
    record("high", "b", 0, None),
]


def test_a_row_per_detector_best_first_and_those_of_fewer_series_last():
    low, high = summary(RECORDS)
    assert (high["vus_pr_series"], low["vus_pr_series"]) == (1, 2)
    assert (shown_mean(high, "vus_pr"), shown_mean(low, "f1")) == ("0.900 (1 of 2 series)", "0.300 ±0.141")
    assert (high["detector"], low["detector"]) == ("high", "low")
    assert low["dataset"] == "smd"
    assert (low["series"], low["seeds"], low["failed"]) == (2, 2, 0)
    assert low["vus_pr"] == pytest.approx(0.3)
    assert low["vus_pr_std"] == pytest.approx(stdev([0.2, 0.4]))
    assert (high["series"], high["seeds"], high["failed"]) == (2, 1, 1)
    assert (high["vus_pr"], high["vus_pr_std"]) == (0.9, None)
    assert "threshold" not in high


def test_several_sets_have_a_row_each_and_one_over_all_series():
    records = [*RECORDS, record("low", "a", 0, 0.0, "nab"), record("low", "a", 1, 0.0, "nab")]
    rows = summary(records)
    assert [(row["dataset"], row["detector"]) for row in rows] == [
        ("all", "low"),
        ("all", "high"),
        ("smd", "low"),
        ("smd", "high"),
        ("nab", "low"),
    ]
    assert rows[0]["f1_series"] == 3
    assert [row["series"] for row in rows] == [3, 3, 2, 2, 1]
    assert rows[0]["f1"] == pytest.approx((0.4 / 3 + 0.8 / 3) / 2)


def test_seeds_are_averaged_over_the_same_series():
    records = [record("x", "a", 0, 0.2), record("x", "a", 1, 0.4), record("x", "b", 0, 0.9), record("x", "b", 1, None)]
    (row,) = summary(records)
    assert (row["f1"], row["f1_series"], row["series"], row["failed"]) == (pytest.approx(0.3), 1, 2, 1)


def test_a_metric_that_is_missing_somewhere_says_of_how_many_series_it_is():
    whole, part = record("x", "a", 0, 0.2), record("x", "b", 0, 0.6)
    part = replace(part, metrics={**part.metrics, "f1": None, "threshold": None}, missing="too few", causal=False)
    (row,) = summary([whole, part])
    assert (row["vus_pr"], row["vus_pr_series"]) == (pytest.approx(0.4), 2)
    assert (row["f1"], row["f1_series"], row["incomplete"], row["failed"]) == (0.2, 1, 1, 0)
    assert row["causal"] is False


def test_all_failed():
    (row,) = summary([record("x", "a", 0, None)])
    assert (row["vus_pr"], row["vus_pr_std"], row["failed"]) == (None, None, 1)
    assert summary([]) == []


def test_costs_weigh_series_by_their_time():
    records = [record("x", "a", 0, 1.0, seconds=1, points=100), record("x", "b", 0, 1.0, seconds=3, points=20)]
    spent = costs([*records, record("y", "a", 0, None)])
    assert spent == {"x": {"fit_seconds": 2.0, "points_per_second": 40.0, "peak_mb": 30.0, "results": 2}}


def test_tables(tmp_path):
    write_tables(RECORDS, tmp_path)
    assert json.loads((tmp_path / "table.json").read_text()) == summary(RECORDS)
    tables = {}
    for name in ("table", "series", "timings"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert [row["detector"] for row in tables["table"]] == ["low", "high"]
    assert float(tables["table"][1]["vus_pr"]) == summary(RECORDS)[1]["vus_pr"]
    assert [row["error"] != "" for row in tables["series"]] == [False] * 5 + [True]
    assert tables["series"][5]["vus_pr"] == ""
    assert float(tables["series"][0]["threshold"]) == 1e6
    assert len(tables["timings"]) == 5
