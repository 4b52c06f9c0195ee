"""Lists of incidents label the rows within them, whatever their columns are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest

from tsreward.data.columns import DataColumns
from tsreward.data.logs import Log
from tsreward.data.sources import read_episodes
from tsreward.data.time_intervals import DURATIONS, ENDS, STARTS
from tsreward.detection.datasets.own_tables import read_table
from tsreward.errors import DataError, OptionError

DAY = "2024-05-01 00:0"


def log(folder: Path, numbers: bool = False) -> Path:
    """Write ten rows, one a minute."""
    stamps = [str(60 * row) if numbers else f"{DAY}{row}:00" for row in range(10)]
    (folder / "log.csv").write_text("t,x\n" + "".join(f"{stamp},{row}.5\n" for row, stamp in enumerate(stamps)))
    return folder / "log.csv"


def marked(folder: Path, header: str, *lines: str, numbers: bool = False, **told: Any) -> list[int]:
    """Return the rows of the log that a list of incidents labels."""
    (folder / "i.csv").write_text("\n".join([header, *lines]) + "\n")
    columns = DataColumns(time="t", label_intervals=folder / "i.csv", **told)
    (episode,) = read_episodes(log(folder, numbers), columns)
    assert episode.costs is not None
    return [row for row, cost in enumerate(episode.costs) if cost]


@pytest.mark.parametrize("start", [*STARTS, "Begin", "START time", "Start_Date"])
def test_starts_by_their_names(start, tmp_path):
    assert marked(tmp_path, f"{start},end", f"{DAY}2,{DAY}4", f"{DAY}7,{DAY}7") == [2, 3, 4, 7]


@pytest.mark.parametrize("end", [*ENDS, "Finish", "End Time"])
def test_ends_by_their_names(end, tmp_path):
    assert marked(tmp_path, f"machine,{end},begin", f"a,{DAY}4,{DAY}2", f"b,,{DAY}8") == [2, 3, 4, 8, 9]


@pytest.mark.parametrize("name", [*DURATIONS, "Duration"])
@pytest.mark.parametrize("lasts", ["120", "120.5", "1.2e2", "0:02:00", "00:02", "0 days 00:02:00"])
def test_durations(name, lasts, tmp_path):
    assert marked(tmp_path, f"begin,{name}", f"{DAY}2,{lasts}", f"{DAY}9,") == [2, 3, 4, 9]
    assert marked(tmp_path, f"begin,finish,{name}", f"{DAY}2,{DAY}3,{lasts}") == [2, 3]  # an end says more


def test_durations_in_the_unit_of_numbers(tmp_path):
    assert marked(tmp_path, "start,duration", "120,120", "500,0", numbers=True) == [2, 3, 4]
    assert marked(tmp_path, "start,duration", "120,120", "540,0", numbers=True, time_format="s") == [2, 3, 4, 9]
    with pytest.raises(DataError, match="'duration' must be a number in the unit of the time column, found '0:02:00'"):
        marked(tmp_path, "start,duration", "120,0:02:00", numbers=True)


def test_columns_that_are_called_otherwise_are_named(tmp_path):
    lines = [f"{DAY}2,120,{DAY}5"]
    with pytest.raises(
        DataError, match=r"i\.csv has no column of starts .*it has von, dauer, bis. Name both with --int"
    ):
        marked(tmp_path, "von,dauer,bis", *lines)
    with pytest.raises(DataError, match=r"i\.csv has no column of ends or durations .*START END, or START .DURATION"):
        marked(tmp_path, "start,dauer,bis", *lines)
    assert marked(tmp_path, "von,dauer,bis", *lines, interval_columns=("von", "bis")) == [2, 3, 4, 5]
    assert marked(tmp_path, "von,dauer,bis", *lines, interval_columns=("von", "+dauer")) == [2, 3, 4]
    with pytest.raises(DataError, match=r"i\.csv has no column 'ende'"):
        marked(tmp_path, "von,dauer,bis", *lines, interval_columns=("von", "ende"))
    with pytest.raises(OptionError, match="--interval-columns takes the column of starts and that of ends"):
        DataColumns(time="t", label_intervals=tmp_path / "i.csv", interval_columns=("von",))
    with pytest.raises(OptionError, match="--interval-columns takes"):
        DataColumns(interval_columns=("von", "bis"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{DAY}2,two", "row 1 of column 'duration' must be seconds, or hours:minutes:seconds, found 'two'"),
        (f"{DAY}2,-5", "found '-5'"),
        (f"{DAY}2,1e300", "found '1e300'"),
        (f"{DAY}2,nan", "found 'nan'"),
        (",5", "row 1 lasts '5' and has no start: write its start"),
        ("monday,5", "row 1 of column 'begin' must be"),
    ],
)
def test_durations_that_cannot_be(line, message, tmp_path):
    with pytest.raises(DataError, match=message):
        marked(tmp_path, "begin,duration", line)


def test_what_was_decided_is_told(tmp_path):
    pandas.DataFrame(
        {"from": pandas.to_datetime([f"{DAY}2:00"]), "duration": pandas.to_timedelta(["2min"])}
    ).to_parquet(tmp_path / "i.parquet")
    columns = DataColumns(time="t", label_intervals=tmp_path / "i.parquet")
    with Log(log(tmp_path), columns) as opened:
        labels = [int(label) for chunk in opened.chunks() if chunk.labels is not None for label in chunk.labels]
        assert labels == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
        assert opened.notes() == [
            f"intervals of {tmp_path}/i.parquet: starts in 'from', durations in 'duration' (seconds)"
        ]
    series = read_table(tmp_path / "log.csv", columns=columns)
    assert series.labels is not None and series.labels.tolist() == [bool(label) for label in labels]
