"""Options of an environment in its id, so that one text names it on the command line and in files."""

from __future__ import annotations

from typing import Any

from tsreward.errors import OptionError


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


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
