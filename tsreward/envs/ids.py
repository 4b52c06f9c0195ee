"""Options of an environment in its id, so that one text names it on the command line and in files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import numpy as np

from tsreward.errors import OptionError, unknown_name

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
"""What the values of options are, in words."""


def split_id(id: str) -> tuple[str, dict[str, Any]]:
    """Return (id, options) of a text such as "atari/Boxing:ram,stack=2"; an option without a value is True.

    Values that read as whole numbers, numbers, true or false are those, others stay text.

    Raises OptionError where an option has no name, or comes twice.

    >>> split_id("atari/Boxing:ram,stack=2")
    ('atari/Boxing', {'ram': True, 'stack': 2})
    >>> split_id("dmc/walker-walk:frames=64,camera=side")[1]
    {'frames': 64, 'camera': 'side'}
    """
    name, colon, listed = id.partition(":")
    options: dict[str, Any] = {}
    for part in listed.split(",") if colon else []:
        option, equals, text = part.partition("=")
        if not option or (equals and not text) or option in options:
            raise OptionError(f"Options in an id are names with values, each once, got '{id}': write {name}:frames=64.")
        options[option] = _value(text) if equals else True
    return name, options


def checked_options(id: str, maker: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of environment `id` that are to be handed to `maker` by name.

    Raises OptionError for a name that is none of its own, with the nearest one, and for a value of another kind.
    """
    kinds = {name: kind for name, kind in get_type_hints(maker).items() if name not in ("id", "return")}
    options = {name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()}
    for name, value in options.items():
        if name not in kinds:
            raise unknown_name(f"option of '{id}'", name, kinds)
        allowed = get_args(kinds[name]) or (kinds[name],)
        if not _is_one(value, allowed):
            wanted = " or ".join(text for kind, text in KINDS.items() if kind in allowed)
            raise OptionError(f"The option {name} of '{id}' is {wanted}, got {value!r}.")
    steps = options.get("max_episode_steps")
    if steps is not None and steps < 1:
        raise OptionError(f"The option max_episode_steps of '{id}' is 1 or more, got {steps}.")
    return options


def _is_one(value: Any, kinds: tuple[type, ...]) -> bool:
    """Tell whether a value is of one of these kinds; whole numbers are numbers, and true and false are none."""
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
