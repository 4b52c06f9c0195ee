"""Every error that tsreward raises on purpose: who, what was wanted, what came, and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


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


class MissingExtraError(TSRewardError, ImportError):
    """An optional dependency is not installed; the message holds the install command."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> OptionError:
    """Return the error for a name that is in no table, with the nearest known name.

    >>> print(unknown_name("scorer", "deep_svd", ["deep_svdd", "knn"]))
    Unknown scorer 'deep_svd': did you mean 'deep_svdd'? Known: deep_svdd, knn.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f": did you mean '{near[0]}'?" if near else "."
    listed = names if len(names) <= 20 else near or names[:20]
    return OptionError(f"Unknown {kind} '{name}'{hint} Known: {', '.join(listed)}{' ...' * (listed is not names)}.")


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """Return the error for a missing optional dependency.

    >>> print(missing_extra("stable_baselines3", "sb3"))
    stable_baselines3 is not installed. Install it with: pip install 'tsreward[sb3]'
    """
    return MissingExtraError(f"{package} is not installed. Install it with: pip install 'tsreward[{extra}]'")
