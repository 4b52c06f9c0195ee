"""Spans include both ends; one that cannot be is refused."""

import numpy as np
import pytest

from tsreward.detection.datasets.telemanom import load_telemanom, mark
from tsreward.errors import DataError, OptionError


def test_spans_may_overlap_and_touch_the_ends():
    assert mark([(0, 1), (1, 2), (5, 5)], 6, "x").tolist() == [True, True, True, False, False, True]
    assert not mark([], 3, "x").any()


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((3, 2), r"x: the span \[3, 2\] ends before it starts"),
        ((2, 6), r"x: the span \[2, 6\] leaves the rows 0 to 5"),
        ((-1, 2), r"x: the span \[-1, 2\] leaves the rows 0 to 5"),
    ],
)
def test_impossible_spans(span, message):
    with pytest.raises(DataError, match=message):
        mark([span], 6, "x")


TABLE = (
    "chan_id,spacecraft,anomaly_sequences,class,num_values\n"
    'P-10,MSL,"[[2, 3]]",[point],10\n'
    'P-2,SMAP,"[[0, 1], [4, 4]]","[contextual, point]",99\n'
    'X-1,SMAP,"[[5, 900]]",[point],1000\n'
    'P-2,SMAP,"[[7, 9]]",[point],99\n'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labeled_anomalies.csv").write_text(TABLE)
    for part, rows in {"train": 6, "test": 10}.items():
        (tmp_path / part).mkdir()
        for name in ("P-10", "P-2", "not-listed"):
            np.save(tmp_path / part / f"{name}.npy", np.arange(rows * 2.0).reshape(rows, 2))
    return tmp_path


def test_values_labels_and_names(folder):
    second, tenth = load_telemanom(folder)
    assert (second.name, tenth.name) == ("P-2", "P-10")
    assert second.train.values.shape == (6, 2)
    assert second.train.labels is None
    assert second.test.values[1].tolist() == [2, 3]
    assert second.test.labels is not None
    assert np.flatnonzero(second.test.labels).tolist() == [0, 1, 4, 7, 8, 9]
    assert tenth.test.labels is not None
    assert np.flatnonzero(tenth.test.labels).tolist() == [2, 3]


def test_channels_can_be_chosen(folder):
    assert [task.name for task in load_telemanom(folder, names=["P-10"])] == ["P-10"]
    with pytest.raises(DataError, match=r"no file .*train/X-1\.npy, but labeled_anomalies.csv lists channel X-1"):
        load_telemanom(folder, names=["X-1"])
    with pytest.raises(OptionError, match="Unknown channel 'P-1': did you mean 'P-10'"):
        load_telemanom(folder, names=["P-1"])
    with pytest.raises(OptionError, match="Unknown channel 'not-listed'"):
        load_telemanom(folder, names=["not-listed"])


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ("[[2, 10]]", r"labeled_anomalies\.csv, channel P-10: the span \[2, 10\] leaves the rows 0 to 9"),
        ("[[-1, 2]]", r"channel P-10: the span \[-1, 2\] leaves the rows"),
        ("[[3, 2]]", r"channel P-10: the span \[3, 2\] ends before it starts"),
        ("[2, 3]", r"row 1 of column 'anomaly_sequences' must be a list of spans as in .*, found '\[2, 3\]'"),
        ("[[2, 3, 4]]", "row 1 of column 'anomaly_sequences' must be a list of spans"),
        ("[[2.0, 3]]", "row 1 of column 'anomaly_sequences' must be a list of spans"),
        ("[[false, true]]", "row 1 of column 'anomaly_sequences' must be a list of spans"),
        ("[(2, 3)]", "row 1 of column 'anomaly_sequences' must be a list of spans"),
        ("print(1)", "row 1 of column 'anomaly_sequences' must be a list of spans"),
        ("", "row 1 of column 'anomaly_sequences' must be a list of spans .*, found nothing"),
    ],
)
def test_malformed_spans(folder, spans, message):
    (folder / "labeled_anomalies.csv").write_text(TABLE.replace("[[2, 3]]", spans))
    with pytest.raises(DataError, match=message):
        load_telemanom(folder)


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        ("test/P-2.npy", None, r"no file .*test/P-2\.npy, the partner of .*train/P-2\.npy"),
        ("train/P-2.npy", None, r"no file .*train/P-2\.npy, but"),
        ("test/P-2.npy", np.ones((10, 3)), r"test/P-2\.npy has 3 columns: expected 2, as in"),
        ("test/P-2.npy", np.ones(10), r"test/P-2\.npy must hold one array \[T, D\].* found shape \[10\]"),
        ("test/P-2.npy", np.ones((0, 2)), r"found shape \[0, 2\]"),
        ("test/P-2.npy", np.array([[1.0, 2.0], [3.0, np.nan]]), "row 2, column 2: expected a finite number, found nan"),
        ("test/P-2.npy", np.array([["a"]]), "must hold real numbers"),
    ],
)
def test_malformed_arrays(folder, file, values, message):
    (folder / file).unlink()
    if values is not None:
        np.save(folder / file, values)
    with pytest.raises(DataError, match=message):
        load_telemanom(folder)


def test_other_tables_and_folders(folder, tmp_path):
    with pytest.raises(DataError, match=r"has no labeled_anomalies.csv: give the folder that holds it"):
        load_telemanom(folder / "train")
    (folder / "labeled_anomalies.csv").write_text("chan_id,spans\nP-2,1\n")
    with pytest.raises(DataError, match="has no column 'anomaly_sequences': it has chan_id, spans"):
        load_telemanom(folder)
    (folder / "labeled_anomalies.csv").write_text('chan_id,anomaly_sequences\nY-1,"[]"\n')
    with pytest.raises(DataError, match="has none of the files"):
        load_telemanom(folder)


def test_real_data(real):
    tasks = {task.name: task for task in load_telemanom(real("telemanom"))}
    assert len(tasks) == 13
    assert tasks["P-1"].test.values.shape == (8505, 25)
    assert tasks["P-1"].test.labels is not None
    assert tasks["P-1"].test.labels.sum() == 201 + 309 + 241
    assert tasks["C-1"].train.dim == 55
