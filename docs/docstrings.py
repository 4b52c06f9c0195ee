"""The docstrings are Markdown; Sphinx reads reStructuredText: what is no markup there is escaped."""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_MARKUP = re.compile(r"([*|_])")


def escape(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Escape `*`, `|` and `_` outside code and doctests, in place; only in docstrings of this package."""
    module = getattr(obj, "__module__", None) or "tsreward"
    if name.startswith("tsreward") and module.startswith("tsreward"):
        lines[:] = escaped(lines)


def escaped(lines: list[str]) -> list[str]:
    r"""Return the lines with what reStructuredText would take for markup escaped.

    >>> escaped(["an array [T, *obs] of `n_steps` rows", ">>> 2 * 3 * 4"])
    ['an array [T, \\*obs] of `n_steps` rows', '>>> 2 * 3 * 4']
    """
    return [line if line.lstrip().startswith((">>>", "...")) else _escaped(line) for line in lines]


def _escaped(line: str) -> str:
    parts = _CODE.split(line)  # every second part is code
    return "".join(part if i % 2 else _MARKUP.sub(r"\\\1", part) for i, part in enumerate(parts))
