"""Every error that tsreward raises on purpose: who, what was wanted, what came, and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class TSRewardError(Exception):
    """Base of all errors raised by tsreward; the command line prints it as one line and exits with 2."""


class ShapeError(TSRewardError, ValueError):
    """An array has another shape than the one that was promised."""


class DataError(TSRewardError, ValueError):
    """Data cannot be used: not finite, empty, missing a column, or too short."""


class OptionError(TSRewardError, ValueError):
    """An option has a value that cannot work, or a name that does not exist."""


class NotFittedError(TSRewardError, RuntimeError):
    """Something was asked to score before it was fitted."""


class CheckpointError(TSRewardError, ValueError):
    """A model file is damaged, hostile, or of another version."""


class ProtocolError(TSRewardError, RuntimeError):
    """An environment breaks the protocol that an adapter relies on."""


class StrictError(TSRewardError, ValueError):
    """A warning, where strict asks for an error."""


class TSRewardWarning(UserWarning):
    """Something is probably wrong, and a result is there all the same; see `tsreward.named_warnings`."""


class MissingExtraError(TSRewardError, ImportError):
    """An optional dependency is not installed; the message holds the install command."""


def shown(value: Any) -> str:
    """Return a value so that it can stand in a message, also one that came out of a file: short, and in plain ASCII.

    >>> print(shown("\\x1b[31m" + "x" * 100))
    '\\x1b[31mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    """
    text = ascii(value if not isinstance(value, str) else value[:100])
    return text if len(text) <= 56 else f"{text[:53]}..."


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that are like this one, the nearest first."""
    return get_close_matches(name[:100], sorted(known), n=3, cutoff=0.4)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> OptionError:
    """Return the error for a name that is in no table, with the nearest known name.

    >>> print(unknown_name("scorer", "deep_svd", ["deep_svdd", "knn"]))
    Unknown scorer 'deep_svd': did you mean 'deep_svdd'? Known: deep_svdd, knn.
    """
    names = sorted(known)
    near = nearest(name, names)
    hint = f": did you mean '{near[0]}'?" if near else "."
    listed = names if len(names) <= 20 else near or names[:20]
    return OptionError(f"Unknown {kind} '{name}'{hint} Known: {', '.join(listed)}{' ...' * (listed is not names)}.")


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """Return the error for a missing optional dependency.

    >>> print(missing_extra("stable_baselines3", "sb3"))
    stable_baselines3 is not installed. Install it with: pip install 'tsreward[sb3]'
    """
    return MissingExtraError(f"{package} is not installed. Install it with: pip install 'tsreward[{extra}]'")
