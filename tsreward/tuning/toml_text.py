"""TOML as `--config` reads it: tables of plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsreward.errors import OptionError


def toml_text(tables: Mapping[str, Mapping[str, Any]], remarks: Sequence[str] = ()) -> str:
    """Return TOML with a table for every command, and remarks above; None is written as the text "None".

    Raises:
        OptionError: a value that TOML does not have.

    >>> print(toml_text({"fit": {"scorer": "knn", "scorer.clip": None, "window": 4}}, ["the best of 40"]))
    # the best of 40
    <BLANKLINE>
    [fit]
    scorer = "knn"
    "scorer.clip" = "None"
    window = 4
    <BLANKLINE>
    """
    lines = [f"# {' '.join(remark.split())}" for remark in remarks]
    for table, values in tables.items():
        lines += ["", f"[{_key(table)}]", *(f"{_key(name)} = {_value(value)}" for name, value in values.items())]
    return "\n".join([*lines, ""]).lstrip("\n")


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if value is None or isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise OptionError(f"TOML has no {type(value).__name__} like {value!r}: give a number, a text or a list of them.")
