"""The layout of the Numenta Anomaly Benchmark, good and bad."""

import json

import numpy as np
import pytest

from tsreward.detection.datasets.nab import load_nab
from tsreward.errors import DataError, OptionError

ROWS = [f"2024-01-01 0{hour}:00:00,{hour}.5" for hour in range(10)]
TEXT = "\n".join(["timestamp,value", *ROWS]) + "\n"
WINDOWS = {
    "realKnownCause/taxi.csv": [["2024-01-01 03:00:00.000000", "2024-01-01 05:00:00.000000"]],
    "artificial/flat.csv": [],
    "artificial/not_here.csv": [["2020-01-01 00:00:00", "2020-01-02 00:00:00"]],
}


@pytest.fixture
def folder(tmp_path):
    for name in ("realKnownCause/taxi.csv", "artificial/flat.csv"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True)
        path.write_text(TEXT)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(WINDOWS))
    return tmp_path


def test_values_labels_index_and_names(folder):
    flat, taxi = load_nab(folder)
    assert (flat.name, taxi.name) == ("artificial-flat", "realKnownCause-taxi")
    assert (len(taxi.train), len(taxi.test)) == (1, 9)
    assert taxi.test.values[:2].tolist() == [[1.5], [2.5]]
    assert taxi.test.columns == ("value",)
    assert taxi.test.labels is not None
    assert taxi.test.labels.tolist() == [False, False, True, True, True, False, False, False, False]
    assert taxi.test.index[0] == np.datetime64("2024-01-01 01:00:00")
    assert flat.test.labels is not None
    assert not flat.test.labels.any()


def test_the_share_can_be_chosen(folder):
    assert [len(task.train) for task in load_nab(folder, train_fraction=0.5)] == [5, 5]
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1"):
        load_nab(folder, train_fraction=0)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ("{", r"combined_windows\.json cannot be read as JSON"),
        ("[" * 100_000, r"combined_windows\.json cannot be read as JSON"),
        ([], "expected an object of <group>/<series>.csv to windows, found list"),
        ({"artificial/flat.csv": []}, r"has no entry 'realKnownCause/taxi\.csv' for .*taxi\.csv"),
        ({"realKnownCause/taxi.csv": {}}, "'realKnownCause/taxi.csv': expected a list of windows"),
        ({"realKnownCause/taxi.csv": [["2024-01-01"]]}, "expected a window .* of two time stamps, found"),
        ({"realKnownCause/taxi.csv": [["2024-01-01", "soon"]]}, "expected a window .* of two time stamps"),
        ({"realKnownCause/taxi.csv": [["2024-01-01", 5]]}, "expected a window .* of two time stamps"),
        ({"realKnownCause/taxi.csv": [["2024-01-02", "2024-01-01"]]}, "the window 2024-01-02 .* ends before it starts"),
        ({"realKnownCause/taxi.csv": [["2024-01-01T00:00Z", "2024-01-02"]]}, "without a time zone"),
        ({"realKnownCause/taxi.csv": [["2023-01-01", "2023-01-02"]]}, "taxi.csv: no row lies in the labelled window"),
    ],
)
def test_malformed_windows(folder, windows, message):
    if isinstance(windows, dict):
        windows = {"artificial/flat.csv": []} | windows
    text = windows if isinstance(windows, str) else json.dumps(windows)
    (folder / "labels" / "combined_windows.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load_nab(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.replace("timestamp", "time"), "taxi.csv has no column 'timestamp': it has time, value"),
        (TEXT.replace("4.5", "n/a?"), r"taxi.csv: row 5 of column 'value' must be a finite number, found 'n/a\?'"),
        (
            TEXT.replace("2024-01-01 04:00:00", "noon"),
            "row 5 of column 'timestamp' must be ISO 8601 text without a zone",
        ),
        ("timestamp,value\n1,2\n", "taxi.csv: row 1 of column 'timestamp' must be ISO 8601 text without a zone"),
    ],
)
def test_malformed_files(folder, content, message):
    (folder / "data" / "realKnownCause" / "taxi.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        load_nab(folder)


def test_other_folders(folder):
    with pytest.raises(DataError, match=r"has no labels/combined_windows.json: give the folder that holds it"):
        load_nab(folder / "data")
    for path in (folder / "data").glob("*/*.csv"):
        path.unlink()
    with pytest.raises(DataError, match=r"data has no file <group>/<series>.csv"):
        load_nab(folder)


def test_real_data(real):
    tasks = {task.name: task for task in load_nab(real("nab"))}
    taxi = tasks["realKnownCause-nyc_taxi"]
    assert len(taxi.train) + len(taxi.test) == 10320
    assert len(taxi.train) == 1548
    assert taxi.test.labels is not None
    assert taxi.test.labels.sum() == 1035  # five windows of 207 rows
    assert sum(abs(int(step)) for step in (taxi.test.labels[1:] * 1 - taxi.test.labels[:-1])) == 10
