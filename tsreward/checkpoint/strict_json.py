"""JSON that is refused wherever two readers could understand it differently, or it could cost more than it holds."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from tsreward.errors import CheckpointError

MAX_DEPTH = 16
_MAX_DIGITS = 20
# A string runs to its closing quote, or to the end where it has none, so that the search is linear.
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse(text: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        CheckpointError: not UTF-8, not JSON, nested deeper than `MAX_DEPTH`, a key that appears twice, NaN, infinity,
            or an integer of more than 20 digits.

    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    tsreward.errors.CheckpointError: The JSON has the key 'a' twice.
    """
    depth = 0
    for token in _NESTING.finditer(text):
        opening = token.group()[:1]
        depth += opening in b"[{"
        depth -= opening in b"]}"
        if depth > MAX_DEPTH:
            raise CheckpointError(f"The JSON is nested deeper than {MAX_DEPTH}.")
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise CheckpointError(f"The JSON is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise CheckpointError(f"The JSON is broken at character {error.pos}: {error.msg}.") from error


def canonical(value: Any) -> str:
    """Return the one way to write a value: sorted keys, no spaces, ASCII.

    >>> canonical({"b": (1, 2.0), "a": "é"})
    '{"a":"\\\\u00e9","b":[1,2.0]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def shown(value: Any) -> str:
    """Return a text from a file so that it can stand in a message: short, and without control characters.

    >>> print(shown("\\x1b[31m" + "x" * 100))
    '\\x1b[31mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    """
    text = ascii(value if not isinstance(value, str) else value[:100])
    return text if len(text) <= 56 else f"{text[:53]}..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise CheckpointError(f"The JSON has the key {shown(twice)} twice.")
    return result


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise CheckpointError(f"The JSON has an integer of {len(digits)} digits.")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CheckpointError(f"The JSON has the number {shown(text)}, which is too large.")
    return value


def _refuse_constant(name: str) -> float:
    raise CheckpointError(f"The JSON has the number {name}, which JSON does not have.")
