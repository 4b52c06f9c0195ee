"""Tables of one's own with missing values, gaps and words of labels, as series and in a benchmark."""

import json

import numpy as np
import pytest

from tests import plant
from tsreward.cli.main import main
from tsreward.data.columns import TableColumns
from tsreward.detection.datasets.own_tables import load_tables, read_table
from tsreward.errors import DataError


@pytest.fixture
def table(tmp_path):
    """Return a log with three empty cells, a hole of four days and labels that are words."""
    rows = plant.plant()[2400:]
    rows[900:960, 1] += 3
    stamps = plant.stamps(2400, 3000) + plant.stamps(3000 + 5760, 3600 + 5760)
    cells = rows.astype(object)
    for row in (7, 8, 700):
        cells[row, 1] = ""
    words = ["Attack" if 900 <= row < 960 else "Normal" for row in range(len(rows))]
    columns = {name: cells[:, place] for place, name in enumerate(plant.NAMES)}
    return plant.write(
        tmp_path / "plant.csv", {"time": stamps, **columns, "state": words, "note": ["fine"] * len(rows)}
    )


def options(missing, **more):
    return TableColumns(
        label="state", label_map=("Normal=0,Attack=1",), time="time", ignore=("note",), missing=missing, gap=600, **more
    )


@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
def test_rows_are_cleaned_and_gaps_are_kept(table, missing):
    series = read_table(table, columns=options(missing))
    assert len(series) == (1197 if missing == "drop" else 1200)
    assert series.columns == plant.NAMES
    assert series.labels.sum() == 60
    assert np.flatnonzero(series.starts).tolist() == [598 if missing == "drop" else 600]
    assert len(series.stretches()) == 2
    (task,) = load_tables(table, columns=options(missing))
    assert len(task.train) + len(task.test) == len(series)


def test_missing_values_and_words_are_refused_by_default(table):
    with pytest.raises(DataError, match=r"row 8 of column 'temp' must be .*, found nothing.*--missing drop"):
        read_table(table, columns=options("error"))
    with pytest.raises(DataError, match=r"found 'Normal'.*--label-map"):
        read_table(table, columns=TableColumns(label="state", ignore=("note", "time"), missing="drop"))


def test_a_benchmark_takes_the_same_options(table, tmp_path, capsys):
    bench = ["bench", "detect", "--data", str(table), "--format", "csv", "--detectors", "pca", "--seeds", "1"]
    given = ["--time", "time", "--label", "state", "--ignore", "note", "--gap", "600", "--no-report", "--json"]
    out = ["--out", str(tmp_path / "out")]
    assert main([*bench, *out, *given, "--label-map", "Normal=0,Attack=1"]) == 2
    assert "--missing drop" in capsys.readouterr().err
    assert main([*bench, *out, *given, "--label-map", "Normal=0,Attack=1", "--missing", "interpolate"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert main(["bench", "detect", "--format", "synthetic", *out, "--missing", "drop"]) == 2
    assert "says itself what its columns are: leave --missing out" in capsys.readouterr().err
