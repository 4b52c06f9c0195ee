"""Columns are matched by name; one that is missing, unknown or ignored without being there is named."""

import pytest

from tsreward.errors import DataError, ShapeError
from tsreward.sequences.columns import Columns

FITTED = Columns(("load", "temp", "flow"))


@pytest.mark.parametrize(
    ("found", "ignore", "places"),
    [
        (("load", "temp", "flow"), (), [0, 1, 2]),
        (("flow", "load", "temp"), (), [1, 2, 0]),
        (("note", "flow", "load", "temp"), ("note",), [2, 3, 1]),
        (("0", "1", "2"), (), [0, 1, 2]),
    ],
)
def test_columns_are_found_wherever_they_stand(found, ignore, places):
    assert FITTED.places(Columns(found), "the model", "a.csv", ignore) == places


def test_names_that_only_count_match_by_name_or_else_by_position():
    counted = Columns(("0", "1", "2"))
    assert counted.places(Columns(("2", "0", "1")), "the model", "a.csv") == [1, 2, 0]
    assert counted.places(FITTED, "the model", "a.csv") == [0, 1, 2]
    with pytest.raises(ShapeError, match=r"the model has 3 columns, but a\.csv has 2"):
        counted.places(Columns(("load", "temp")), "the model", "a.csv")


@pytest.mark.parametrize(
    ("fitted", "found", "ignore", "message"),
    [
        (("0", "1", "2"), ("1", "2", "3"), (), "lacks the column '0' of the model"),
        (("1", "2", "3"), ("0", "1", "2"), (), "lacks the column '3' of the model"),
        (("0", "2"), ("0", "1", "2"), (), "a column '1', which is none of the model"),
        (("0", "1"), ("0", "1", "2"), ("0",), "lacks the column '0' of the model"),
        (("1", "2", "3"), ("load", "temp", "flow"), (), "lacks the column '1' of the model"),
        (("load", "temp", "flow"), ("1", "2", "3"), (), "lacks the column 'load' of the model"),
        (("load", "temp", "flow"), ("2", "0", "1"), (), "lacks the column 'load' of the model"),
    ],
)
def test_other_numbers_are_names(fitted, found, ignore, message):
    with pytest.raises(DataError, match=message):
        Columns(fitted).places(Columns(found), "the model", "a.csv", ignore)


def test_numbers_that_are_the_same_are_found_wherever_they_stand():
    assert Columns(("0", "2", "5")).places(Columns(("5", "0", "2")), "the model", "a.csv") == [1, 2, 0]
    assert Columns(("0", "2")).places(Columns(("0", "1", "2")), "the model", "a.csv", ["1"]) == [0, 2]
    assert Columns(("0", "1")).places(Columns(("0", "1", "2")), "the model", "a.csv", ["2"]) == [0, 1]
    assert Columns(("load", "temp")).places(Columns(("0", "1", "2")), "the model", "a.csv", ["0"]) == [1, 2]


@pytest.mark.parametrize(
    ("found", "ignore", "message"),
    [
        (("load", "temp"), (), r"a\.csv lacks the column 'flow' of the model. It has load, temp"),
        (("load", "Temp", "flow"), (), r"lacks the column 'temp' of the model; has it become 'Temp'\?"),
        (("load", "temp", "flow", "note"), (), r"a column 'note', which is none of the model: .*--ignore note"),
        (("load", "temp", "flow", "flow2"), (), r"'flow2', which is none of the model \(is it 'flow'\?\)"),
        (("load", "temp", "flow", "a b"), (), r"--ignore 'a b' \(ignore= in Python\)"),
        (("load", "temp", "flow"), ("lod",), r"a\.csv has no column 'lod' to ignore \(is it 'load'\?\)"),
        (("load", "temp", "flow"), ("load",), r"lacks the column 'load' of the model"),
        (("load", "temp", "flow"), ("load", "temp", "flow"), "no column left without load, temp, flow"),
    ],
)
def test_what_does_not_fit_is_named(found, ignore, message):
    with pytest.raises(DataError, match=message):
        FITTED.places(Columns(found), "the model", "a.csv", ignore)


def test_names_are_different_and_as_many_as_kinds():
    with pytest.raises(DataError, match="Two columns are called 'load'"):
        Columns(("load", "load"))
    with pytest.raises(ShapeError, match="2 columns have 1 kinds"):
        Columns(("load", "temp"), ("float64",))
