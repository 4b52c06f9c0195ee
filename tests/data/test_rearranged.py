"""Tables are taken apart by asset, and put in the order of their times, with their cells as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsreward.data.rearranged import in_time_order, split_by
from tsreward.data.tables import open_table
from tsreward.errors import DataError


def write(path: Path, times: list[str], values: list[str], *, assets: str = "", above: str = "") -> Path:
    columns = {"t": times, "a": values} | ({"asset": list(assets)} if assets else {})
    path.write_text(above + pd.DataFrame(columns).to_csv(index=False))
    return path


def texts(path: Path, name: str) -> list[str]:
    with open_table(path) as table:
        return table.read(texts=[name]).texts(name)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_every_asset_gets_its_rows(tmp_path: Path, ending: str):
    frame = pd.DataFrame({"t": np.arange(5), "asset": list("babba"), "a": [0.5, np.nan, 2.5, 1e300, -3.0]})
    path = tmp_path / f"log.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    parts = split_by(path, "asset", tmp_path)
    assert list(parts) == ["b", "a"]
    assert texts(parts["b"], "t") == ["0", "2", "3"]
    with open_table(parts["a"]) as table:
        assert table.names == ["t", "a"]
        assert np.array_equal(table.read(["a"], gaps=True).numbers, [[np.nan], [-3.0]], equal_nan=True)


def test_lines_above_the_header_are_passed_over_once(tmp_path: Path):
    path = write(tmp_path / "log.csv", ["1", "2"], ["5", "6"], assets="xy", above="made by\nhand\n")
    assert texts(split_by(path, "asset", tmp_path, skip_rows=2)["y"], "a") == ["6"]


def test_the_index_of_a_frame_stays_one(tmp_path: Path):
    frame = pd.DataFrame({"asset": ["x", "x"], "a": [1.0, 2.0]}, index=pd.Index([7, 8], name="row"))
    frame.to_parquet(tmp_path / "log.parquet")
    with open_table(split_by(tmp_path / "log.parquet", "asset", tmp_path)["x"]) as table:
        assert table.index == ("row",)


def test_a_column_without_a_name_stays_without(tmp_path: Path):
    (tmp_path / "log.csv").write_text("asset,\nx,1\nx,2\n")
    with open_table(split_by(tmp_path / "log.csv", "asset", tmp_path)["x"]) as table:
        assert list(table.unnamed) == ["Unnamed: 0"]


@pytest.mark.parametrize(
    ("assets", "message"),
    [("x ", "a row names no group"), ("", "has no column 'asset' to group by; it has: t, a")],
)
def test_what_cannot_be_taken_apart(tmp_path: Path, assets: str, message: str):
    with pytest.raises(DataError, match=message):
        split_by(write(tmp_path / "log.csv", ["1", "2"], ["5", "6"], assets=assets), "asset", tmp_path)


def test_more_than_a_thousand_assets_are_refused(tmp_path: Path):
    numbers = [str(number) for number in range(1001)]
    with pytest.raises(DataError, match="more than 1000 groups: is this the column"):
        split_by(write(tmp_path / "log.csv", numbers, numbers), "t", tmp_path)


def test_rows_of_several_tables_are_put_in_order(tmp_path: Path):
    one = write(tmp_path / "1.csv", ["1", "4", "2", "3"], ["a", "b", "c", "d"])
    two = write(tmp_path / "2.csv", ["5", "3", "7"], ["e", "f", "g"])
    found = in_time_order([one, two], "t", 2, tmp_path / "o.parquet")
    assert found.too_late == 0 and found.path is not None
    assert texts(found.path, "a") == ["a", "c", "d", "f", "b", "e", "g"]
    assert in_time_order([one, two], "t", 1, tmp_path / "o.parquet").too_late == 2


def test_stamps_closer_than_a_float_of_seconds_keep_their_order(tmp_path: Path):
    stamps = ["2000-01-01T00:00:00.000000000", "2026-01-01T00:00:00.000000002", "2026-01-01T00:00:00.000000001"]
    found = in_time_order([write(tmp_path / "1.csv", stamps, ["a", "b", "c"])], "t", 1, tmp_path / "o.parquet")
    assert found.path is not None and texts(found.path, "a") == ["a", "c", "b"]


@pytest.mark.parametrize("seed", range(5))
def test_what_was_written_never_changes_when_rows_are_added(tmp_path: Path, seed: int):
    rng, late = np.random.default_rng(seed), 6.0
    times = np.arange(200)[np.argsort(np.arange(200) + rng.uniform(0, 9, 200))]  # some come too late
    cells = [str(one) for one in times]
    path = write(tmp_path / "log.csv", cells, cells)
    whole = in_time_order([path], "t", late, tmp_path / "whole.parquet")
    assert whole.path is not None and whole.too_late > 0
    wanted, before = texts(whole.path, "t"), 0
    for end in (1, 50, 51, 120, 200):
        found = in_time_order([write(path, cells[:end], cells[:end])], "t", late, tmp_path / "part.parquet", wait=True)
        seen = [] if found.path is None else texts(found.path, "t")
        assert seen == wanted[: len(seen)] and len(seen) >= before
        before = len(seen)
    assert len(wanted) - before <= 7  # the newest, and those at most 6 older


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("t,b\n1,2\n", "has other columns than"),
        ("s,a\n1,2\n", "has no column 't'; it has: s, a"),
        ("t,a\nsoon,2\n", "row 1 of time column 't' must be .*, found 'soon'"),
    ],
)
def test_what_cannot_be_put_in_order(tmp_path: Path, second: str, message: str):
    one, two = write(tmp_path / "1.csv", ["1"], ["2"]), tmp_path / "2.csv"
    two.write_text(second)
    with pytest.raises(DataError, match=message):
        in_time_order([one, two], "t", 2, tmp_path / "o.parquet")
