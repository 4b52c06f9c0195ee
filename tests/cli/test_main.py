"""The dispatcher: light, and exact about exit codes and what goes where."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from tsreward.cli.main import COMMANDS, main
from tsreward.cli.parsing import peek
from tsreward.errors import DataError


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(argument):
    heavy = ("torch", "gymnasium", "stable_baselines3", "tyro", "numpy", "rich")
    code = (
        f"import sys; from tsreward.cli.main import main; assert main(['{argument}']) == 0;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    assert run.stdout.startswith("usage: tsreward COMMAND" if argument == "--help" else "tsreward 0")


def test_the_package_itself_is_the_command():
    module = [sys.executable, "-m", "tsreward"]
    shown = subprocess.run([*module, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("usage: tsreward COMMAND") and shown.stderr == ""
    refused = subprocess.run([*module, "evalute"], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("tsreward: error: Unknown command 'evalute'")


def test_without_a_command_the_help_goes_to_stderr(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(f"  {name} " in err for name in COMMANDS)


def test_an_unknown_command_gets_the_nearest_one(complaint):
    assert complaint("evalute").startswith(
        "tsreward: error: Unknown command 'evalute': did you mean 'evaluate'? Known: " + ", ".join(sorted(COMMANDS)[:3])
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_all_its_options(name, capsys):
    options = import_module(COMMANDS[name][1]).Options
    assert dataclasses.is_dataclass(options)
    assert options.__dataclass_params__.frozen
    assert main([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: tsreward {name} [-h]")
    assert err == ""
    assert "--json" in out or name == "completion"


def test_arguments_that_cannot_be_understood(capsys):
    assert main(["info", "x", "--jsn"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--jsn" in err
    assert main(["train", "--env", "x", "--model", "y", "--steps", "many"]) == 2
    assert "--steps" in capsys.readouterr().err


def test_a_refused_option_is_one_line(complaint):
    line = complaint("train", "--env", "x", "--model", "y", "--steps", "0")
    assert line == "tsreward: error: AgentOptions.steps must be an integer >= 1, got 0."


class Command:
    """Put a function in the place of `tsreward info`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, run) -> None:
        monkeypatch.setattr("tsreward.cli.info.main", lambda arguments: run())


@pytest.fixture
def command(monkeypatch):
    return lambda run: Command(monkeypatch, run)


def test_ctrl_c_is_one_line_and_130(command, capsys):
    def run():
        raise KeyboardInterrupt

    command(run)
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "tsreward: interrupted\n")


def test_sigterm_is_one_line_and_143_and_its_handler_goes_back(command, capsys):
    before = signal.getsignal(signal.SIGTERM)
    command(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["info"]) == 143
    assert capsys.readouterr() == ("", "tsreward: terminated\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_is_no_error(command, capsys, monkeypatch):
    def run():
        raise BrokenPipeError

    moved = []
    monkeypatch.setattr("tsreward.cli.main.os.dup2", lambda *descriptors: moved.append(descriptors))
    command(run)
    assert main(["info"]) == 141
    assert capsys.readouterr() == ("", "")
    os.close(moved[0][0])


def test_messages_stay_one_harmless_line(command, capsys):
    def run():
        raise DataError("column 'a\nb\x1b[31m' of \udcff")

    command(run)
    assert main(["info"]) == 2
    assert capsys.readouterr().err == "tsreward: error: column 'a b\\x1b[31m' of \\udcff\n"


def test_warnings_are_one_line_without_source(command, capsys):
    def run():
        warnings.simplefilter("always")
        warnings.warn("Episodes fell.", RuntimeWarning, stacklevel=1)
        return 0

    command(run)
    assert main(["info"]) == 0
    assert capsys.readouterr() == ("", "tsreward: warning: Episodes fell.\n")


def test_an_error_of_ours_is_not_hidden(command):
    def run():
        raise ZeroDivisionError

    command(run)
    with pytest.raises(ZeroDivisionError):
        main(["info"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "deep_sad"),
        (["--scorer", "knn"], "knn"),
        (["--scorer=knn", "--scorer.neighbours", "3"], "knn"),
        (["--scorer.neighbours", "3", "--out", "knn"], "deep_sad"),
        (["--scorer"], "deep_sad"),
    ],
)
def test_peek_reads_one_option(arguments, expected):
    assert peek(arguments, "scorer", "deep_sad") == expected
