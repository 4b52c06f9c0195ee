"""Arguments to options dataclasses, by tyro."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import tyro

from tsreward.cli.config_file import options_of
from tsreward.errors import OptionError, TSRewardError

OptionsT = TypeVar("OptionsT")
_FLAGS = (tyro.conf.FlagCreatePairsOff,)


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
            return tyro.cli(options, prog=f"tsreward {command}", args=list(arguments), config=_FLAGS)
    except SystemExit as stop:
        cause: BaseException | None = stop
        while cause is not None:
            if isinstance(cause, TSRewardError):
                raise cause from None
            cause = cause.__context__
        sys.stderr.write(explained.getvalue())
        raise


def _check_config(options: type[object], command: str, arguments: Sequence[str]) -> None:
    """Blame the file given with --config for an option that does not exist, where it is the file's."""
    path = Path(peek(arguments, "config", ""))
    if path == Path() or {"-h", "--help"} & set(arguments):
        return
    unknown = tyro.cli(options, args=list(arguments), config=_FLAGS, return_unknown_args=True)[1]
    for name in options_of(path, command):
        if any(word.partition("=")[0] == f"--{name}" for word in unknown):
            raise OptionError(
                f"{path}: tsreward {command} has no option '{name}' beside the others that are given: tsreward "
                f"{command} --help lists them."
            )


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
