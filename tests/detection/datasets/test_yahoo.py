"""The layout of Yahoo S5, good and bad."""

import pytest

from tsreward.detection.datasets.yahoo import load_yahoo
from tsreward.errors import DataError, OptionError

OLD = "timestamp,value,is_anomaly\n1,0.5,0\n2,0.25,1\n3,9,1\n4,0.5,0\n"
NEW = (
    "timestamps,value,anomaly,changepoint,trend,noise,seasonality1,seasonality2,seasonality3\n"
    "1422237600,-55.5,0,0,12,-3.1,1,2,3\n1422241200,60,1,0,12,-3.2,1,2,3\n1422244800,70,0,1,12,-3.3,1,2,3\n"
)
FILES = {
    "A1Benchmark/real_10.csv": OLD,
    "A1Benchmark/real_2.csv": OLD,
    "A2Benchmark/synthetic_1.csv": OLD,
    "A3Benchmark/A3Benchmark-TS1.csv": NEW,
    "A3Benchmark/A3Benchmark_all.csv": "not a series",
    "A4Benchmark/A4Benchmark-TS1.csv": NEW,
    "A4Benchmark/A4Benchmark_all.csv": "not a series",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_values_labels_index_and_names(folder):
    tasks = load_yahoo(folder)
    assert [task.name for task in tasks] == ["A1-real_2", "A1-real_10", "A2-synthetic_1", "A3-TS1", "A4-TS1"]
    old, new = tasks[0], tasks[3]
    assert old.train.values.tolist() == [[0.5], [0.25]]
    assert old.test.values.tolist() == [[9], [0.5]]
    assert old.train.labels is not None
    assert old.train.labels.tolist() == [False, True]
    assert old.test.index.tolist() == [3, 4]
    assert old.train.columns == ("value",)
    assert (len(new.train), len(new.test)) == (1, 2)
    assert new.test.values.tolist() == [[60], [70]]
    assert new.test.labels is not None
    assert new.test.labels.tolist() == [True, False]
    assert new.test.index.tolist() == [1422241200, 1422244800]


def test_benchmarks_and_the_share_can_be_chosen(folder):
    assert [task.name for task in load_yahoo(folder, benchmarks=["A4", "A2"])] == ["A2-synthetic_1", "A4-TS1"]
    assert [len(task.train) for task in load_yahoo(folder, ["A1"], train_fraction=0.75)] == [3, 3]
    with pytest.raises(OptionError, match=r"Unknown benchmark 'A5'.*A1, A2, A3, A4"):
        load_yahoo(folder, ["A5"])
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1"):
        load_yahoo(folder, train_fraction=1.0)


def test_only_what_is_asked_for_must_be_there(folder):
    for name in ("A2Benchmark/synthetic_1.csv", "A1Benchmark/real_10.csv", "A1Benchmark/real_2.csv"):
        (folder / name).unlink()
    with pytest.raises(DataError, match="A1Benchmark has no CSV file of a series"):
        load_yahoo(folder)
    (folder / "A1Benchmark").rmdir()
    (folder / "A2Benchmark").rmdir()
    assert [task.name for task in load_yahoo(folder)] == ["A3-TS1", "A4-TS1"]
    with pytest.raises(DataError, match="has no folder A1Benchmark: give the folder that holds it"):
        load_yahoo(folder, ["A1"])
    with pytest.raises(DataError, match="has no folder A1Benchmark"):
        load_yahoo(folder / "A3Benchmark")
    with pytest.raises(DataError, match="There is no folder"):
        load_yahoo(folder / "none")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("A1Benchmark/real_2.csv", NEW, "real_2.csv has no column 'timestamp': it has timestamps, value"),
        ("A3Benchmark/A3Benchmark-TS1.csv", OLD, "A3Benchmark-TS1.csv has no column 'timestamps'"),
        ("A1Benchmark/real_2.csv", OLD.replace("is_anomaly", "label"), "has no column 'is_anomaly'"),
        (
            "A1Benchmark/real_2.csv",
            OLD.replace("9,1", "9,2"),
            "real_2.csv: row 3 of label column .* found '2'",
        ),
        ("A1Benchmark/real_2.csv", OLD.replace("9", "9 MB"), "real_2.csv: row 3 of column 'value' .* found '9 MB'"),
        ("A1Benchmark/real_2.csv", OLD + "5,1\n", "real_2.csv: row 5 has 2 in place of 3 cells"),
        ("A3Benchmark/A3Benchmark-TS1.csv", NEW + "1,2,0\n", "TS1.csv: row 4 has 3 in place of 9 cells"),
        ("A1Benchmark/real_2.csv", "timestamp,value,is_anomaly\n", "real_2.csv has a header but no row"),
        ("A1Benchmark/real_2.csv", "", "real_2.csv is empty"),
        ("A1Benchmark/real_2.csv", "timestamp,value,is_anomaly\n1,2,0\n", "'A1-real_2' has 1 rows: .* no training row"),
    ],
)
def test_malformed_files(folder, file, content, message):
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=message):
        load_yahoo(folder)
