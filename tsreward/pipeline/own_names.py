"""Scorers, encoders and reward modes that a user names as `my_module:Name`, or registers by `--import my_module`.

They are named on a command line, never in a file: what a model file names is looked up in what is registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsreward.encoders.base import ENCODERS
from tsreward.errors import OptionError, shown
from tsreward.registry import Registry
from tsreward.rewards.base import MODES
from tsreward.scorers.base import SCORERS
from tsreward.scorers.presets import SCORER_PRESETS
from tsreward.user_modules import import_named, import_user_module, split_name

KINDS: dict[str, tuple[Registry[Any], ...]] = {
    "scorer": (SCORERS, SCORER_PRESETS),
    "encoder": (ENCODERS,),
    "reward": (MODES,),
}
"""Option of the command line -> where what it names is registered."""
_named: list[str] = []


def named_modules() -> list[str]:
    """Return what was named so far, for processes of our own, which call `import_own` with it."""
    return list(_named)


def import_own(texts: Sequence[str]) -> None:
    """Import modules by their names, and register the classes of what is named as `my_module:Name`.

    Raises:
        OptionError: a module is missing or broken, or a name is no scorer, encoder or reward mode.
    """
    for text in texts:
        if split_name(text) is not None:
            _register(text, [registry for registries in KINDS.values() for registry in registries])
        elif split_name(f"{text}:Name") is not None:
            import_user_module(text, text)
            _remember(text)
        else:
            raise OptionError(f"--import takes the name of a module, or my_module:Name, got {shown(text)}.")


def registered_name(kind: str, text: str) -> str:
    """Return the registered name of what `my_module:Name` is; any other text as it is.

    Args:
        kind: one of `KINDS`.
        text: what the user wrote; a class that nobody has registered is registered under its own name.

    Raises:
        OptionError: the module is missing or broken, or does not hold such a thing.

    >>> registered_name("scorer", "knn"), registered_name("scorer", "tsreward.scorers.knn:KNN")
    ('knn', 'knn')
    """
    return text if split_name(text) is None else _register(text, KINDS[kind])


def _register(text: str, registries: Sequence[Registry[Any]]) -> str:
    parts = split_name(text)
    assert parts is not None
    module = import_user_module(parts[0], text)
    kinds = " or ".join(dict.fromkeys(registry.kind for registry in registries))
    name = next((parts[1] for registry in registries if registry.is_from(parts[1], module.__name__)), None)
    if name is None:
        thing = import_named(text, kinds)
        registry = next((registry for registry in registries if registry.fits(thing)), None)
        if registry is None:
            raise OptionError(f"{shown(text)} is no {kinds}: derive a class from that of docs/extending.md.")
        name = registry.named(thing)
    _remember(text)
    return name


def _remember(text: str) -> None:
    if text not in _named:
        _named.append(text)
