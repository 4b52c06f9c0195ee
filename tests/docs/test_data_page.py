"""The page of formats and options names every option of data, and every name that decides a role."""

import re
from dataclasses import fields
from pathlib import Path

import tsreward
from tsreward.data import roles
from tsreward.data.columns import DataColumns
from tsreward.data.hdf5 import HDF5
from tsreward.options import flag
from tsreward.sequences.costs import COMMON

PAGE = (Path(__file__).parent.parent.parent / "docs" / "howto" / "data.md").read_text(encoding="utf-8")


def table(title: str) -> list[list[str]]:
    """Return the cells of the first table below a title, without its header."""
    section = PAGE.partition(f"# {title}\n")[2]
    rows = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in rows[0].splitlines()[2:]]


def test_every_option_has_its_trouble() -> None:
    rows = table("Which option for which trouble")
    named = {option for _, options in rows for option in re.findall(r"`(--[\w-]+)", options)}
    assert named - {"--reward-column"} == {flag(entry.name) for entry in fields(DataColumns)}
    assert len({trouble for trouble, _ in rows}) == len(rows)


def test_every_name_of_a_role_is_listed() -> None:
    listed = {role: set(re.findall(r"`([^`]+)`", names)) for role, names in table("Roles")}
    for role, names in roles.NAMES.items():
        assert listed[role] == ({*COMMON, *roles.GROUPS} if role == "cost" else set(names))
    assert listed["the environment ended the episode"] == {*roles.TERMINALS, *roles.DONE}
    assert listed["a time limit ended it"] == set(roles.TIMEOUTS)
    assert listed["the episode ends, whoever ended it"] == set(roles.ENDS)


def test_the_reader_is_public() -> None:
    assert tsreward.DataColumns is DataColumns and ".h5" in HDF5
