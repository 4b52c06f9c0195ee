"""The files of TSB-AD: the first rows to fit on, all rows to evaluate."""

import warnings

import pytest

from tsreward.detection.datasets.tsb_ad import load_tsb_ad, published, read_file_list
from tsreward.errors import DataError, TSRewardWarning

NAME = "057_SMD_id_1_Facility_tr_2_1st_3.csv"
TEXT = "0,1,Label\n0.5,1,0\n0.25,2,0\n1,3,0\n9,4,1\n"


def test_all_rows_are_evaluated(tmp_path):
    for name in (NAME, "008_NAB_id_12_WebService_tr_3_1st_3.csv"):
        (tmp_path / name).write_text(TEXT)
    first, second = load_tsb_ad(tmp_path)
    assert first.name == "008_NAB_id_12_WebService_tr_3_1st_3"
    assert second.name == "057_SMD_id_1_Facility_tr_2_1st_3"
    assert second.train.values.tolist() == [[0.5, 1], [0.25, 2]]
    assert second.test.values.tolist() == [[0.5, 1], [0.25, 2], [1, 3], [9, 4]]
    assert second.test.columns == ("0", "1")
    assert second.test.labels is not None
    assert second.test.labels.tolist() == [False, False, False, True]
    assert [task.name for task in load_tsb_ad(tmp_path / NAME)] == [second.name]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("smd.csv", TEXT, r"smd\.csv: expected a name as in 057_SMD_id_1_Facility_tr_4529_1st_4629\.csv"),
        (NAME.replace("tr_2", "tr_two"), TEXT, "expected a name as in"),
        (NAME.replace("tr_2", "tr_5"), TEXT, "its name gives 5 training rows, but it has 4 rows"),
        (NAME.replace("tr_2", "tr_0"), TEXT, "its name gives 0 training rows"),
        (NAME, TEXT.replace("Label", "label"), "the last column must be 'Label', found 'label'"),
        (NAME, "Label,0\n0,1\n", "the last column must be 'Label', found '0'"),
        (NAME, "Label\n0\n1\n", "has no column of values"),
        (NAME, TEXT.replace("4,1", "4,0.5"), "row 4 of label column 'Label' must be 0 .*, found '0.5'"),
        (NAME, TEXT.replace("0.25", "x"), "row 2 of column '0' must be a finite number, found 'x'"),
        (NAME.replace("tr_2", "tr_4"), TEXT.replace("0.25", ""), "gives 4 training rows, but 3 of 4 rows are left"),
        (NAME, "0,Label\n,0\n1,\n", "every row has a missing value"),
        (NAME, TEXT + "1\n", "row 5 has 1 in place of 3 cells"),
    ],
)
def test_malformed_files(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with warnings.catch_warnings(), pytest.raises(DataError, match=message):
        warnings.simplefilter("ignore", TSRewardWarning)
        load_tsb_ad(tmp_path)


def test_rows_with_missing_values_are_left_out_before_the_cut(tmp_path):
    (tmp_path / NAME).write_text("0,1,Label\n0.5,1,0\n,2,0\n1,3,0\n9,4,\n8,5,1\n")
    with pytest.warns(TSRewardWarning, match="3 of 5 rows are left without those with missing values"):
        (task,) = load_tsb_ad(tmp_path)
    assert task.train.values.tolist() == [[0.5, 1], [1, 3]]
    assert task.test.values.tolist() == [[0.5, 1], [1, 3], [8, 5]]
    assert task.test.labels is not None and task.test.labels.tolist() == [False, False, True]


def test_lists_of_files(tmp_path):
    (tmp_path / "list.csv").write_text(f"file_name\n{NAME}\n")
    assert read_file_list(tmp_path / "list.csv") == (NAME.removesuffix(".csv"),)
    (tmp_path / "list.csv").write_text(f"file\n{NAME}\n")
    with pytest.raises(DataError, match="no column 'file_name'"):
        read_file_list(tmp_path / "list.csv")
    assert not published(tmp_path)
    (tmp_path / "list.csv").rename(tmp_path / NAME)
    assert published(tmp_path) and published(tmp_path / NAME)


def test_other_folders(tmp_path):
    with pytest.raises(DataError, match="has no CSV file"):
        load_tsb_ad(tmp_path)
    with pytest.raises(DataError, match=f"There is no file .*{NAME}"):
        load_tsb_ad(tmp_path / NAME)


def test_the_published_names_fit_the_machines(real):
    """The labels of SMD begin where the file names of the leaderboard say."""
    import csv

    from tsreward.detection.datasets.smd import load_smd

    with (real("tsb-ad") / "vus_pr_smd.csv").open() as file:
        first = {
            row["machine"]: int(row["file"].removesuffix(".csv").rpartition("_")[2]) for row in csv.DictReader(file)
        }
    for task in load_smd(real("smd"), names=first):
        assert task.test.labels is not None
        assert int(task.test.labels.argmax()) == first[task.name]
