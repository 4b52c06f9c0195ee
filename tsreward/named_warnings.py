"""Named warnings: what is probably wrong is said once, kept for results, and an error where `strict` asks for that.

    from tsreward.named_warnings import warn

    warn("no cost", "No step of demo.npz has a cost: every window counts as normal. Name the key with --cost-key.")

A Python caller sees a `TSRewardWarning`, or with `strict=True` a `StrictError`. A command shows one line on stderr and
puts the warning into its JSON document and its results; with `--strict` it ends with exit code 2. Commands need nothing
for that: `--strict` is an option of all of them, and `warn` asks the log that the command has opened.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from tsreward.errors import StrictError, TSRewardWarning


@dataclass(frozen=True)
class NamedWarning:
    """One warning."""

    name: str
    """A few words that stay the same whatever the data, such as "outside training range"."""
    text: str
    """One or two plain sentences: who, what was wanted, what came, and the option that helps."""


@dataclass
class WarningLog:
    """The warnings that were given while it was open."""

    strict: bool = False
    """Whether the next warning is an error."""
    given: list[NamedWarning] = field(default_factory=list)
    """In the order in which they came, each once."""

    def as_json(self) -> list[dict[str, str]]:
        """Return the warnings as JSON values."""
        return [{"name": one.name, "text": one.text} for one in self.given]


_OPEN: ContextVar[WarningLog | None] = ContextVar("tsreward_warning_log", default=None)


def warn(name: str, text: str, strict: bool = False) -> None:
    """Give a warning, once for each text in an open log; raise it where `strict`, or that of the open log, is true.

    Args:
        name: a few words that stay the same whatever the data.
        text: one or two plain sentences, and the option that helps.
        strict: whether it is an error, whatever the open log says.

    Raises:
        StrictError: strict asks for an error.
    """
    log = _OPEN.get()
    if strict or (log is not None and log.strict):
        raise StrictError(f"{text} (An error because of strict.)")
    if log is not None:
        one = NamedWarning(name, text)
        if one in log.given:
            return
        log.given.append(one)
    warnings.warn(text, TSRewardWarning, stacklevel=_outside())


@contextmanager
def gathered(strict: bool = False) -> Iterator[WarningLog]:
    """Keep the warnings that are given inside; those of a log inside this one go to that one.

    >>> with gathered() as log, warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     warn("no cost", "No step has a cost.")
    >>> log.as_json()
    [{'name': 'no cost', 'text': 'No step has a cost.'}]
    """
    log = WarningLog(strict)
    token = _OPEN.set(log)
    try:
        yield log
    finally:
        _OPEN.reset(token)


def open_log() -> WarningLog | None:
    """Return the log that is open here, if any."""
    return _OPEN.get()


def given_warnings() -> list[dict[str, str]]:
    """Return the warnings that the open log holds as JSON values; none where no log is open."""
    log = _OPEN.get()
    return [] if log is None else log.as_json()


def _outside() -> int:
    """Return the stack level of the caller who is not in this package: the line that a warning is about."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tsreward":
        level, frame = level + 1, frame.f_back
    return level
