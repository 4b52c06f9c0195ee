"""Stamps are read exactly and checked across the borders of chunks as within them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsreward.data.columns import DataColumns
from tsreward.errors import DataError, OptionError
from tsreward.sequences.time import StampError, parse_stamps
from tsreward.sequences.time_order import Irregularity, TimeOrder

PATH = Path("log.csv")


@given(st.datetimes(), st.integers(0, 999), st.sampled_from("T "))
def test_iso_text_is_read_to_the_nanosecond(moment: datetime, nanoseconds: int, mark: str) -> None:
    cell = f"{moment:%Y}".zfill(4) + f"{moment:-%m-%d{mark}%H:%M:%S.%f}{nanoseconds:03}Z"
    stamps = parse_stamps([cell])
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert stamps.whole[0] == since // timedelta(seconds=1)
    assert stamps.part[0] == pytest.approx(moment.microsecond / 1e6 + nanoseconds / 1e9, abs=1e-12)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("1600000000000000000", "1600000000000000001"),
        ("1600000000.000001", "1600000000.000002"),
        ("2020-01-01T00:00:00.123456788", "2020-01-01T00:00:00.123456789"),
        ("0001-01-01", "9999-12-31T23:59:59"),
        ("-5", "-4.5"),
        ("1969-12-31 23:59:59.9", "1970-01-01"),
    ],
)
def test_the_order_of_near_and_far_stamps_is_exact(earlier: str, later: str) -> None:
    stamps = parse_stamps([earlier, later])
    assert stamps.steps()[0] > 0
    assert stamps.at_least(stamps.take(slice(1, 2))).tolist() == [False, True]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            " ",
            "NaT",
            "nan",
            "inf",
            "1e400",
            "now",
            "today",
            "1_000",
            "0x10",
            "20-1-1",
            "2020-1-1",
            "12:00",
            "5e18",
        ),
        *("2020-01-01T25:00", "2020-13-01", "2020-01-01 00:00:61", "2020-01-01T00:00:00.1234567890", "２０２０-01-01"),
    ],
)
def test_what_is_no_stamp_is_refused(cell: str) -> None:
    with pytest.raises(StampError) as caught:
        parse_stamps([cell])
    assert caught.value.position == 0


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_chunks_of_any_size_are_checked_alike(size: int) -> None:
    def check(cells: list[str], step: float | None = None) -> TimeOrder:
        order = TimeOrder(PATH, "t", step)
        for start in range(0, len(cells), size):
            order.check(cells[start : start + size], start + 1)
        return order

    good = [str(number) for number in range(10, 90, 10)]
    assert check(good).irregularity == Irregularity(10.0)
    for bad, message in (
        ("80", "repeats the stamp"),
        ("75", "is 5 before the row above: sort"),
        ("x", "must be a num"),
    ):
        with pytest.raises(DataError, match=f"log.csv: row 9 of time column 't' {message}"):
            check([*good, bad])
    with pytest.raises(DataError, match="row 9 of time column 't' comes 11 after"):
        check([*good, "91"], step=10)
    with pytest.raises(DataError, match=r"row 10 .* so its unit changes"):
        check([*good, "1600000000", "1600000001000"])
    assert check([*good, "100", "109"]).irregularity == Irregularity(10.0, gaps=1, others=1, first=9)


def test_the_zone_of_the_first_chunk_holds() -> None:
    order = TimeOrder(PATH, "t")
    order.check(["2020-01-01 00:00+01:00", "2020-01-01 00:01+0100"], 1)
    with pytest.raises(
        DataError, match=r"row 3 .* must be ISO 8601 text in zone \+01:00, such as 2020-01-31 12:00:00\+01:00"
    ):
        order.check(["2020-01-01 00:02Z"], 3)


def test_options_that_make_no_sense_are_refused() -> None:
    for columns in ({"time_step": 1.0}, {"label_intervals": PATH}):
        with pytest.raises(OptionError, match="is about time stamps: name their column with --time"):
            DataColumns(**columns)
    for step in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(OptionError, match="--time-step must be a finite number > 0"):
            DataColumns(time="t", time_step=step)
    with pytest.raises(OptionError, match="take either --label or --label-intervals"):
        DataColumns(label="y", time="t", label_intervals=PATH)
