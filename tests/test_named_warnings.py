"""Warnings that have names: once, kept in the log that is open, and errors where strict asks for that."""

from __future__ import annotations

import json
import warnings

import pytest

from tsreward.cli.main import main
from tsreward.cli.output import print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.errors import StrictError, TSRewardError, TSRewardWarning
from tsreward.named_warnings import gathered, open_log, warn


def test_a_warning_names_the_line_of_the_caller():
    with pytest.warns(TSRewardWarning, match="^No step has a cost.$") as found:
        warn("no cost", "No step has a cost.")
    assert found[0].filename == __file__


def test_strict_raises():
    with pytest.raises(StrictError, match="No step has a cost"):
        warn("no cost", "No step has a cost.", strict=True)
    with gathered(strict=True) as log, pytest.raises(TSRewardError):
        warn("no cost", "No step has a cost.")
    assert log.given == []


def test_a_log_keeps_each_warning_once_and_closes():
    with gathered() as outer, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            warn("a", "first")
        with gathered() as inner:
            warn("a", "first")
        warn("a", "second")
        assert open_log() is outer
    assert open_log() is None
    assert [one.text for one in outer.given] == ["first", "second"]
    assert inner.as_json() == [{"name": "a", "text": "first"}]
    assert len(seen) == 3


def run_as_command(monkeypatch, arguments, work):
    """Put a function in the place of a command, with the options that all commands have."""

    def command(given):
        parse(Arguments, "info", given)
        return work()

    monkeypatch.setattr("tsreward.cli.info.main", command)
    return main(["info", *arguments])


def test_a_command_shows_a_warning_and_puts_it_into_its_document(monkeypatch, capsys):
    def work():
        warn("no cost", "No step has a cost.")
        print_json({"steps": 3})
        return 0

    for _ in range(2):  # a second command in the same process shows it again
        assert run_as_command(monkeypatch, [], work) == 0
        out, err = capsys.readouterr()
        assert err == "tsreward: warning: No step has a cost.\n"
        assert json.loads(out) == {"steps": 3, "warnings": [{"name": "no cost", "text": "No step has a cost."}]}


def test_a_strict_command_ends_with_two(monkeypatch, capsys):
    assert run_as_command(monkeypatch, ["--strict"], lambda: warn("no cost", "No step has a cost.")) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "tsreward: error: No step has a cost. (An error because of strict.)\n")


def test_a_strict_command_without_a_warning_is_as_before(monkeypatch, capsys):
    assert run_as_command(monkeypatch, ["--strict"], lambda: 0) == 0
    assert capsys.readouterr() == ("", "")
