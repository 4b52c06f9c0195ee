"""Gaps take the value above, or else the one below."""

from datetime import datetime

import numpy as np
import pytest

from tsreward.detection.datasets.wadi import LABEL, fill_gaps, load_wadi
from tsreward.errors import DataError, OptionError


def naive(column):
    filled = column.copy()
    for row in range(len(filled)):
        if np.isnan(filled[row]) and row:
            filled[row] = filled[row - 1]
    for row in reversed(range(len(filled) - 1)):
        if np.isnan(filled[row]):
            filled[row] = filled[row + 1]
    return filled


def test_equals_the_obvious_way():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 30))
    values[rng.random(values.shape) < np.linspace(0, 1, 30)] = np.nan
    expected = np.stack([naive(column) for column in values.T], 1)
    filled = fill_gaps(values)
    assert np.array_equal(filled, expected, equal_nan=True)
    assert np.isnan(filled[:, -1]).all()


PREFIX = "\\\\WIN-25J4RO10SBF\\LOG_DATA\\SUTD_WADI\\LOG_DATA\\"
EMPTY = ("2_LS_001_AL", "2_LS_002_AL", "2_P_001_STATUS", "2_P_002_STATUS")
TAGS = ("1_AIT_001_PV", *EMPTY, "TOTAL_CONS_REQUIRED_FLOW")
ATTACKS = [("2017-10-09 18:00:01", "2017-10-09 18:00:02")]


def row(number, date, time, first, last, *label):
    return ",".join(map(str, (number, date, time, first, *[""] * len(EMPTY), last, *label)))


def header(prefix="", blank="", *label):
    return ",".join((f"Row{blank}", f"Date{blank}", f"Time{blank}", *(f"{prefix}{tag}{blank}" for tag in TAGS), *label))


@pytest.fixture
def first(tmp_path):
    """Write A1 of October 2017: four lines above the header, and names that are paths."""
    folder = tmp_path / "WADI.A1_9 Oct 2017"
    folder.mkdir()
    train = [row(n, "9/25/2017", f"6:00:0{n}.000 PM", v, n) for n, v in enumerate(["", 1.5, "", 3.5, 4.5])]
    test = [row(n, "10/9/2017", f"6:00:0{n}.000 PM", n / 2, n) for n in range(4)]
    junk = ["ASCII data exported,,", "Created,9/25/2017", "", "by,SUTD,"]
    (folder / "WADI_14days.csv").write_text("\r\n".join([*junk, header(PREFIX), *train]) + "\r\n")
    (folder / "WADI_attackdata.csv").write_text("\n".join([header(PREFIX), *test]) + "\n")
    return folder


@pytest.fixture
def second(tmp_path):
    """Write A2 of November 2019: labels, a junk row, blanks after names, two empty rows, times without hours."""
    folder = tmp_path / "WADI.A2_19 Nov 2019"
    folder.mkdir()
    train = [row(n, "9/25/17", f"00:0{n}.0", n + 0.5, n) for n in range(3)]
    test = [row(n, "10/9/17", f"00:0{n}.0", n, n * 2, -1 if n == 2 else 1) for n in range(4)]
    width = header().count(",") + 1
    (folder / "WADI_14days_new.csv").write_text("\n".join([header(), *train]) + "\n")
    lines = [",junk" + "," * (width - 1), header("", " ", f'"{LABEL} "'), *test, "," * width, "," * width]
    (folder / "WADI_attackdataLABLE.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a1(first):
    (task,) = load_wadi(first, ATTACKS)
    assert task.name == "WaDi-A1"
    assert task.train.columns == task.test.columns == ("1_AIT_001_PV", "TOTAL_CONS_REQUIRED_FLOW")
    assert task.train.values[:, 0].tolist() == [1.5, 1.5, 1.5, 3.5, 4.5]
    assert task.train.labels is None
    assert task.train.index[4] == np.datetime64("2017-09-25 18:00:04")
    assert task.test.values.tolist() == [[0, 0], [0.5, 1], [1, 2], [1.5, 3]]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, True, True, False]


def test_a2(second):
    (task,) = load_wadi(second)
    assert task.name == "WaDi-A2"
    assert task.test.columns == ("1_AIT_001_PV", "TOTAL_CONS_REQUIRED_FLOW")
    assert task.train.values.tolist() == [[0.5, 0], [1.5, 1], [2.5, 2]]
    assert task.test.values.tolist() == [[0, 0], [1, 2], [2, 4], [3, 6]]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, False, True, False]
    assert task.test.index.tolist() == ["10/9/17 00:00.0", "10/9/17 00:01.0", "10/9/17 00:02.0", "10/9/17 00:03.0"]


def test_a_folder_of_both(first, second):
    assert [task.name for task in load_wadi(first.parent, ATTACKS)] == ["WaDi-A1", "WaDi-A2"]
    assert [task.name for task in load_wadi(str(second))] == ["WaDi-A2"]


@pytest.mark.parametrize(
    ("date", "time"), [("10/9/17", "18:00:00"), ("10/9/2017", "18:00:00.000"), ("2017-10-09", "6:00:00 PM")]
)
def test_other_notations_of_the_time(second, date, time):
    path = second / "WADI_attackdataLABLE.csv"
    text = path.read_text()
    for number in range(4):
        text = text.replace(f"10/9/17,00:0{number}.0", f"{date},{time.replace('00:00', f'00:0{number}')}")
    path.write_text(text)
    (task,) = load_wadi(second)
    assert task.test.index.tolist() == [datetime(2017, 10, 9, 18, 0, second) for second in range(4)]


def test_the_file_of_attacks(first, tmp_path):
    (first / "attacks.csv").write_text("start,end\n2017-10-09 18:00:01,2017-10-09 18:00:02\n")
    times = [(datetime(2017, 10, 9, 18, 0, 1), datetime(2017, 10, 9, 18, 0, 2))]
    expected = [False, True, True, False]
    for attacks in (None, times, first / "attacks.csv", str(first / "attacks.csv")):
        labels = load_wadi(first, attacks)[0].test.labels
        assert labels is not None
        assert labels.tolist() == expected


@pytest.mark.parametrize(
    ("attacks", "message"),
    [
        (None, r"WaDi A1 brings no labels in its files: write the attack times .* to .*attacks\.csv"),
        ([], "attacks is empty"),
        ([ATTACKS[0], ("10/9/2017", "noon")], "attack 2: expected .* as in 2017-10-09 19:25:00, found"),
        ([("2017-10-09",)], "attack 1: expected"),
        ([5], "attack 1: expected"),
        ([("2017-10-09T18:00:00Z", "2017-10-09T18:00:02Z")], "attack 1: expected times without a time zone"),
        ([ATTACKS[0][::-1]], "attack 1: the attack 2017-10-09 18:00:02 to .*01 ends before it starts"),
        (
            [("2017-10-11", "2017-10-12")],
            "attack 1: no row lies in the attack .* rows are 2017-10-09 18:00:00 to",
        ),
    ],
)
def test_malformed_attacks(first, attacks, message):
    with pytest.raises(DataError, match=message):
        load_wadi(first, attacks)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("start,stop\n2017-10-09,2017-10-10\n", "has no column 'end': it has start, stop"),
        ("start,end\n2017-10-09,later\n", "row 1 of column 'end' must be ISO 8601 text without a zone"),
        ("start,end\n2017-10-12,2017-10-13\n", "attack 1: no row lies in the attack"),
    ],
)
def test_malformed_files_of_attacks(first, content, message):
    (first / "attacks.csv").write_text(content)
    with pytest.raises(DataError, match=rf"attacks\.csv.*{message}"):
        load_wadi(first)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "LABLE",
            ",4,-1",
            ",4,0",
            r"row 3 of column 'Attack LABLE \(1:No Attack, -1:Attack\)' must be 1 .*, found '0'",
        ),
        ("LABLE", ",4,-1", ",4,", r"row 3 of column 'Attack LABLE .*' must be 1 \(no attack\).*, found nothing"),
        (
            "LABLE",
            ",4,-1",
            ",four,-1",
            "row 3 of column 'TOTAL_CONS_REQUIRED_FLOW' must be a finite number, found 'four'",
        ),
        ("LABLE", ",4,-1", ",inf,-1", "row 3 of column 'TOTAL_CONS_REQUIRED_FLOW' .* found 'inf'"),
        ("LABLE", ",4,-1", ",4,-1,7", "row 3 has 11 in place of 10 cells"),
        ("LABLE", LABEL, "Attack", "has a column 'Attack' that the training part lacks"),
        ("LABLE", "2_LS_001_AL", "3_LS_001_AL", "has no column '2_LS_001_AL': it has Row, Date"),
        ("LABLE", "Row", "Nr", "LABLE.csv: expected a header that begins with Row, Date, Time in its first lines"),
        ("LABLE", "Date", "Day", "has no column 'Date'|has a column 'Day'"),
        ("new", "9/25/17,00:02.0", "9/25/17,", None),
        ("new", "2_LS_001_AL", "1_AIT_001_PV", "has two columns '1_AIT_001_PV': rename one of them"),
    ],
)
def test_malformed_files(second, file, old, new, message):
    (path,) = second.glob(f"*{file}.csv")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    if message is None:  # the time is text, so it may be missing
        assert len(load_wadi(second)[0].train) == 3
        return
    with pytest.raises(DataError, match=message):
        load_wadi(second)


def test_tags_must_differ_without_their_paths(first):
    path = first / "WADI_14days.csv"
    path.write_text(path.read_text().replace(f"{PREFIX}2_LS_001_AL", "\\\\OTHER\\1_AIT_001_PV"))
    with pytest.raises(DataError, match=r"WADI_14days\.csv has two columns '1_AIT_001_PV'"):
        load_wadi(first, ATTACKS)


def test_times_must_keep_to_the_notation_of_the_first(first):
    path = first / "WADI_14days.csv"
    path.write_text(path.read_text().replace("6:00:03.000 PM", "18:00:03"))
    with pytest.raises(DataError, match=r"row 4 of column 'Time' must be in the notation of the first row, '6:00:00"):
        load_wadi(first, ATTACKS)


def test_a1_needs_times_that_can_be_compared(first):
    path = first / "WADI_attackdata.csv"
    path.write_text(path.read_text().replace("6:00:0", "0:0").replace(".000 PM", ".0"))
    with pytest.raises(DataError, match=r"the times of WaDi A1 must be as in 10/9/2017, 6:00:00.000 PM, .*found '10/9"):
        load_wadi(first, ATTACKS)


def test_parts_without_values(second):
    path = second / "WADI_attackdataLABLE.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2] + lines[-2:]) + "\n")
    with pytest.raises(DataError, match=r"LABLE\.csv holds no value"):
        load_wadi(second)


def test_partners_and_folders(first, second, tmp_path):
    with pytest.raises(OptionError, match="holds WaDi A2 only, whose labels are in its files"):
        load_wadi(second, ATTACKS)
    (second / "WADI_14days_new.csv").unlink()
    with pytest.raises(DataError, match=r"no file .*WADI_14days_new\.csv, the partner of .*WADI_attackdataLABLE\.csv"):
        load_wadi(second)
    (first / "WADI_attackdata.csv").unlink()
    with pytest.raises(DataError, match=r"no file .*WADI_attackdata\.csv, the partner of .*WADI_14days\.csv"):
        load_wadi(first)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"has neither WADI_14days.csv with WADI_attackdata.csv nor WADI_14days_new.csv"
    ):
        load_wadi(tmp_path / "empty")


def test_gaps_in_the_middle_are_filled(second):
    path = second / "WADI_attackdataLABLE.csv"
    path.write_text(path.read_text().replace(",00:01.0,1,", ",00:01.0,,"))
    assert np.array_equal(load_wadi(second)[0].test.values[:, 0], [0, 0, 2, 3])
