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


class WorkerError(TSRewardError, RuntimeError):
    """A process of a vector environment has died."""


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
    listed = names if len(names) <= 24 else near or names[:20]
    return OptionError(f"Unknown {kind} '{name}'{hint} Known: {', '.join(listed)}{' ...' * (listed is not names)}.")


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """Return the error for a missing optional dependency.

    >>> print(missing_extra("stable_baselines3", "sb3"))
    stable_baselines3 is not installed. Install it with: pip install ...
    """
    return MissingExtraError(f"{package} is not installed. Install it with: {pip_install(extra)}")


def pip_install(extra: str) -> str:
    """Return the command that installs an extra from where this package came from: a folder, a repository or PyPI."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("tsreward").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    return f"pip install {pip_requirement(extra, origin)}"


def pip_requirement(extra: str, origin: dict[str, Any]) -> str:
    """Return what pip is to install for an extra, in a shell's words.

    Args:
        extra: its name.
        origin: direct_url.json of an installed package (PEP 610); empty where that came from an index.

    >>> pip_requirement("sb3", {})
    "'tsreward[sb3]'"
    >>> pip_requirement("sb3", {"url": "file:///src/my%20copy", "dir_info": {"editable": True}})
    "-e '/src/my copy[sb3]'"
    >>> pip_requirement("sb3", {"url": "https://host/tsreward", "vcs_info": {"vcs": "git", "commit_id": "4f1e"}})
    "'tsreward[sb3] @ git+https://host/tsreward@4f1e'"
    """
    import shlex
    from urllib.parse import unquote, urlsplit

    url, folder, repository = origin.get("url", ""), origin.get("dir_info"), origin.get("vcs_info")
    if folder is not None:
        editable = "-e " if folder.get("editable") else ""
        return f"{editable}{shlex.quote(f'{unquote(urlsplit(url).path)}[{extra}]')}"
    if repository is not None:
        return shlex.quote(f"tsreward[{extra}] @ {repository['vcs']}+{url}@{repository['commit_id']}")
    return shlex.quote(f"tsreward[{extra}] @ {url}" if url else f"tsreward[{extra}]")
