"""Arguments to options dataclasses, by tyro."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tyro

from tsreward.data.memory import tell_max_memory
from tsreward.errors import DataError, OptionError, TSRewardError, nearest, shown, unknown_name
from tsreward.named_warnings import open_log
from tsreward.options import Options, flag


def with_config(path: Path, command: str, commands: Collection[str], arguments: Sequence[str]) -> list[str]:
    """Return arguments, and after them the options in the file's table of this command that they do not give.

    A file has a table for every command that reads it: `[fit]`, `[train]`.

    Raises:
        DataError: the file is missing, or no TOML.
        OptionError: a table of no command, no table of this one, or values other than numbers, texts and lists of them.
    """
    for table in _read(path):
        if table not in commands:
            raise unknown_name(f"command in {path}", table, commands)
    given = {_bare(argument) for argument in arguments if argument.startswith("--")}
    added = [_words(path, name, value) for name, value in options_of(path, command).items() if _bare(name) not in given]
    return [*arguments, *(word for words in added for word in words)]


def options_of(path: Path, command: str) -> dict[str, Any]:
    """Return the file's table of a command.

    Raises:
        DataError: the file is missing, or no TOML.
        OptionError: it has no such table.
    """
    tables = _read(path)
    if not isinstance(tables.get(command), dict):
        found = ", ".join(f"[{table}]" for table in tables) or "none"
        raise OptionError(f"{path} has no table [{command}] with options of tsreward {command}; its tables: {found}.")
    return tables[command]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Name an existing file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no TOML: {' '.join(str(error).split())}") from error


def _bare(option: str) -> str:
    return option.removeprefix("--").partition("=")[0].replace("_", "-")


def _words(path: Path, name: str, value: Any) -> list[str]:
    """Return an option as it stands on a command line.

    >>> _words(Path("best.toml"), "scorer.clip", 10.0), _words(Path("best.toml"), "quick", True)
    (['--scorer.clip', '10.0'], ['--quick'])
    """
    option = f"--{name}"
    if value is True:
        return [option]
    if value is False:
        raise OptionError(f"{path}: {name} is false; leave a switch out that is not to be set.")
    if isinstance(value, int | float | str):
        # With = because a value may begin with a dash.
        return [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
    if isinstance(value, list) and all(
        isinstance(one, int | float | str) and not isinstance(one, bool) for one in value
    ):
        return [option, *map(str, value)]
    if isinstance(value, dict) and name.replace("-", "_") == "policy_kwargs":
        return [option, json.dumps(value, default=str)]
    raise OptionError(
        f"{path}: {name} is {type(value).__name__}, not a number, a text or a list of them; quote names with dots."
    )


OptionsT = TypeVar("OptionsT")
_FLAGS = (tyro.conf.FlagCreatePairsOff,)


@dataclass(frozen=True)
class SomeArguments(Options):
    """Base of a part of the options of a command: messages call them as they are typed."""

    @classmethod
    def title(cls, name: str) -> str:
        return flag(name)


@dataclass(frozen=True)
class Arguments(SomeArguments):
    """Base of the options of a command."""

    strict: bool = field(default=False, kw_only=True)
    """End with exit code 2 at the first warning about the data."""
    max_memory: str | None = field(default=None, kw_only=True)
    """Memory that one file of data may take when it is read, e.g. 8G; None is 4 times the file and 1 GB beside."""


def parse(options: type[OptionsT], command: str, arguments: Sequence[str]) -> OptionsT:
    """Return the options that the arguments of a command give.

    Raises:
        SystemExit: with 0 after --help, with 2 where the arguments cannot be understood, as tyro explains on stderr.
        TSRewardError: an options dataclass refuses a value.
    """
    explained = io.StringIO()
    try:
        with contextlib.redirect_stderr(explained):
            _check_config(options, command, arguments)
            parsed = tyro.cli(options, prog=f"tsreward {command}", args=list(arguments), config=_FLAGS)
    except SystemExit as stop:
        cause: BaseException | None = stop
        while cause is not None:
            if isinstance(cause, TSRewardError):
                if _blamed(command, arguments, str(cause)) is not None:
                    raise OptionError(f"{peek(arguments, 'config', '')}: {cause}") from None
                raise cause from None
            cause = cause.__context__
        if stop.code and (blamed := _blamed(command, arguments, explained.getvalue())) is not None:
            raise blamed from None
        sys.stderr.write(explained.getvalue())
        raise
    if (log := open_log()) is not None:
        log.strict = getattr(parsed, "strict", False)
    tell_max_memory(getattr(parsed, "max_memory", None))
    return parsed


def _check_config(options: type[object], command: str, arguments: Sequence[str]) -> None:
    """Blame the file given with --config for an option that does not exist, where it is the file's."""
    path = Path(peek(arguments, "config", ""))
    if path == Path() or {"-h", "--help"} & set(arguments):
        return
    unknown = tyro.cli(options, args=list(arguments), config=_FLAGS, return_unknown_args=True)[1]
    for name in options_of(path, command):
        if any(word.partition("=")[0] == f"--{name}" for word in unknown):
            near = nearest(_bare(name), _names(options))
            hint = f": did you mean '{near[0]}'?" if near else f": tsreward {command} --help lists them."
            raise OptionError(
                f"{path}: tsreward {command} has no option '{name}' beside the others that are given{hint}"
            )


def _names(options: type[object]) -> list[str]:
    """Return the names of all options."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        tyro.cli(options, args=["--help"], config=_FLAGS)
    return list(dict.fromkeys(re.findall(r"(?<![\w-])--([a-z][a-z0-9.-]*[a-z0-9])", text.getvalue())))


def _blamed(command: str, arguments: Sequence[str], explained: str) -> OptionError | None:
    """Return the error about a value in the file given with --config, where the explanation is about that one."""
    path = Path(peek(arguments, "config", ""))
    if path == Path():
        return None
    for name, value in options_of(path, command).items():
        words = _words(path, name, value)
        given = any(list(arguments[place : place + len(words)]) == words for place in range(len(arguments)))
        if given and re.search(rf"--{re.escape(_bare(name))}(?![\w.-])", explained.replace("_", "-")):
            return OptionError(
                f"{path}: {name} = {shown(value)} is no value of --{_bare(name)}: tsreward {command} --help says what "
                f"it takes."
            )
    return None


def peek(arguments: Sequence[str], name: str, default: str) -> str:
    """Return the value of one option before the others are parsed, because it decides which others there are.

    >>> peek(["--out", "x", "--scorer=knn", "--scorer.neighbours", "3"], "scorer", "deep_sad")
    'knn'
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(f"--{name}", default=default)
    try:
        return getattr(parser.parse_known_args(list(arguments))[0], name)
    except argparse.ArgumentError:  # a name without a value: tyro explains it
        return default
