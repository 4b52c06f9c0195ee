"""`check --data` names what may be wrong with data, and the option that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from tests.data.minari_sets import as_dict, record
from tsreward.cli.main import main
from tsreward.data.columns import DataColumns
from tsreward.sequences.episodes import Episode
from tsreward.testing.data import READS, check_data
from tsreward.testing.report import CheckReport


def _plant(rows: int = 200) -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    load = 50 + 20 * np.sin(np.arange(rows) / 20) + rng.normal(size=rows)
    stamps = pandas.date_range("2024-01-01", periods=rows, freq="min").astype(str)
    return pandas.DataFrame({"time": stamps, "load": load, "temp": 20 + 0.3 * load + rng.normal(size=rows)})


def _steps(**columns: Any) -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({"episode": np.arange(12) // 4, "x": rng.normal(size=12), "reward": rng.normal(size=12)})
    return frame.assign(**columns)


def _check(frame: pandas.DataFrame, folder: Path, **columns: Any) -> CheckReport:
    frame.to_csv(folder / "d.csv", index=False)
    return check_data(folder / "d.csv", DataColumns(**columns))


def _failed(report: CheckReport) -> dict[str, str]:
    return {check.name: f"{check.detail} {check.remedy}" for check in report.failures}


def test_sound_data_pass_and_what_they_are_is_told(tmp_path):
    assert _check(_plant(), tmp_path, time="time").passed
    report = _check(_steps(cost=np.arange(12) % 4 == 3), tmp_path)
    assert not [name for name in _failed(report) if "first observation" not in name]
    assert "cost: cost" in report.checks[0].detail


def test_columns_of_one_value_or_of_unusual_scale_are_named(tmp_path):
    noise = np.random.default_rng(1).normal(size=200)
    frame = _plant().assign(still=7.0, strain=2e-5 + 1e-6 * noise, power=1e8 * noise, stamp=1.7e9 + 1e2 * noise)
    report = _check(frame, tmp_path, time="time")
    assert report.passed
    told = report.checks[0].detail
    assert "one value in all rows: still;" in told
    assert "standard deviation below 0.001: strain;" in told
    assert "standard deviation above 100,000: power;" in told
    assert "further from 0 than 100,000 standard deviations: stamp;" in told
    assert "load" not in told and "temp" not in told


@pytest.mark.parametrize(
    ("costs", "name", "told"),
    [
        (0.0, "costs or labels are of both kinds", "0% of the steps have a cost or a label"),
        (1.0, "costs or labels are of both kinds", "100% of the steps"),
        (-(np.arange(12) % 2.0), "no cost is negative", "--cost-sign negative"),
        ([0, np.nan, *range(10)], "every episode can be used", "--cost-missing zero"),
    ],
)
def test_costs_that_tell_nothing_are_named(costs, name, told, tmp_path):
    assert told in _failed(_check(_steps(cost=costs, x=np.arange(12) % 5), tmp_path, layout="transition"))[name]


def test_no_cost_and_several_in_one_step_are_named(tmp_path):
    assert "no costs, so what is unsafe is not known (--cost)" in _check(_steps(), tmp_path).checks[0].detail
    assert "no costs" not in _check(_plant(), tmp_path, time="time").checks[0].detail
    np.savez(tmp_path / "v.npz", observations=np.zeros((4, 2)), rewards=np.arange(4.0), costs=np.eye(4))
    assert "--cost-reduce" in _failed(check_data(tmp_path / "v.npz"))[READS]
    report = check_data(tmp_path / "v.npz", DataColumns(cost_reduce=0))
    assert "costs or labels are of both kinds" not in _failed(report) and READS not in _failed(report)


@pytest.mark.parametrize(
    ("header", "told"), [("time,,temp", "--ignore 'Unnamed: 1'"), ("time,load,load", "two columns 'load'")]
)
def test_columns_without_a_name_of_their_own_are_named(header, told, tmp_path):
    lines = _plant().to_csv(index=False).splitlines()
    (tmp_path / "d.csv").write_text("\n".join([header, *lines[1:]]))
    assert told in _failed(check_data(tmp_path / "d.csv", DataColumns(time="time")))[READS]


def _moved(stamps: pandas.Series, row: int, stamp: str) -> pandas.Series:
    stamps = stamps.copy()
    stamps[row] = stamp
    return stamps


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (lambda frame: frame.drop(index=range(50, 90)), "rows follow each other at equal steps of time", "--gap 90"),
        (lambda frame: frame.assign(time=_moved(frame["time"], 9, frame["time"][8])), READS, "--time-repeats"),
        (lambda frame: frame.iloc[::-1], READS, "sort the rows"),
        (
            lambda frame: frame.assign(time=_moved(frame["time"] + "+01:00", 9, "2024-01-01 01:09:00+02:00")),
            READS,
            "zone",
        ),
        (lambda frame: frame.assign(time=_moved(frame["time"], 9, "")), READS, "--missing drop"),
        (lambda frame: frame.assign(load=frame["load"].where(frame.index != 3)), READS, "--missing drop"),
    ],
)
def test_time_and_missing_values_are_named_with_their_options(change, name, told, tmp_path):
    assert told in _failed(_check(change(_plant()), tmp_path, time="time"))[name]


def test_what_an_option_does_passes(tmp_path):
    frame = _plant().assign(load=lambda frame: frame["load"].where(frame.index != 3))
    report = _check(frame, tmp_path, time="time", missing="ffill")
    assert report.passed and "1 missing value in 1 row replaced by the value before" in report.checks[0].detail


def test_observations_of_a_dict_are_named_by_their_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(9, 3)).astype(np.float32), rng.normal(size=8), np.arange(8) % 2.0)
    record("walk-v0", [episode], **as_dict())
    report = check_data(Path("minari:walk-v0"))
    assert report.passed and "observations side by side: place" in report.checks[0].detail
    assert "cost: info['cost'], above 0 in 4 of 8 steps (50.0 %)" in report.checks[0].detail


def test_the_command_fails_where_a_check_does_and_says_so(tmp_path, capsys):
    _steps(cost=0.0).to_csv(tmp_path / "d.csv", index=False)
    assert main(["check", "--data", str(tmp_path / "d.csv")]) == 1
    out = capsys.readouterr().out
    assert "2 of 11 checks failed" in out and "--cost" in out and "--layout" in out
