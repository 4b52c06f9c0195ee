"""Your own files in every format, as series with labels."""

from __future__ import annotations

import h5py
import numpy as np
import pandas
import pytest

from tsreward.cli.main import main
from tsreward.data.columns import DataColumns
from tsreward.detection.datasets.files import load_files
from tsreward.detection.datasets.tasks import load_tasks
from tsreward.errors import DataError, OptionError


def rows(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(0).normal(size=(count, 2))
    return values, (np.arange(count) % 10 == 9).astype(int)


def write(folder, form: str):
    values, labels = rows()
    path = folder / f"pump.{form}"
    table = pandas.DataFrame(values, columns=["flow", "temp"]).assign(state=labels)
    if form == "csv":
        table.to_csv(path, index=False)
    elif form == "parquet":
        table.to_parquet(path)
    elif form == "npz":
        np.savez(path, obs=values, state=labels)
    else:
        with h5py.File(path, "w") as file:
            file["obs"], file["state"] = values, labels
    return path


@pytest.mark.parametrize("form", ["csv", "parquet", "npz", "hdf5"])
def test_every_format_becomes_the_same_task(form, tmp_path):
    (task,) = load_files(write(tmp_path, form), DataColumns(label="state"))
    values, labels = rows()
    np.testing.assert_array_equal(np.concatenate([task.train.values, task.test.values]), values)
    np.testing.assert_array_equal(task.test.labels, labels[20:] > 0)
    assert task.name == "pump"
    with pytest.raises(DataError, match="has no labels, which a benchmark needs: name their column with --label"):
        load_files(
            tmp_path / f"pump.{form}", DataColumns(ignore=("state",)) if form != "npz" else DataColumns(obs=("obs",))
        )


def test_options_are_about_files_without_a_layout(tmp_path):
    columns = DataColumns(label="state")
    assert [task.name for task in load_tasks(write(tmp_path, "csv"), "csv", columns=columns)] == ["pump"]
    with pytest.raises(OptionError, match="smd says itself what its columns are: leave --label out, or take"):
        load_tasks(tmp_path, "smd", columns=columns)


def test_episodes_are_series_of_their_own(tmp_path, capsys):
    values, labels = rows()
    table = pandas.DataFrame(values, columns=["flow", "temp"]).assign(label=labels, episode=np.arange(40) // 20)
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert [task.name for task in load_files(tmp_path / "runs.csv")] == ["runs-0", "runs-1"]
    data = (
        "bench",
        "detect",
        "--data",
        str(tmp_path / "runs.csv"),
        "--format",
        "files",
        "--out",
        str(tmp_path / "out"),
    )
    quick = ("--detectors", "random", "--seeds", "1", "--no-report", "--threshold", "quantile")
    assert main([*data, *quick]) == 0
    assert "episode: episode; label: label" in capsys.readouterr().err
