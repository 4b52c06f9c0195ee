"""Nothing is fetched from elsewhere when a page is opened: the build fails where something would be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\ssrc=["'](?:https?:)?//[^"']*"""
    r"""|<link\b(?![^>]*rel=["'](?:canonical|author|license)["'])[^>]*\shref=["'](?:https?:)?//[^"']*"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]*"""
    r"""|url\(\s*["']?(?:https?:)?//[^"')]*"""
)


def check(app: Any, exception: Exception | None) -> None:
    """Raise after a build whose pages or style sheets name a file of another host."""
    if exception is not None:
        return
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in (".html", ".css"):
            found = fetched(path.read_text(encoding="utf-8"))
            if found:
                raise RuntimeError(f"{path} would fetch {found[0]}: keep a copy under docs/_static.")


def fetched(text: str) -> list[str]:
    """Return what a page or a style sheet would fetch from another host; links to follow are none of it.

    >>> fetched('<a href="https://example.org">x</a> <img src="_static/a.png">')
    []
    >>> fetched('<link rel="stylesheet" href="//fonts.example.org/a.css"/>')
    ['<link rel="stylesheet" href="//fonts.example.org/a.css']
    """
    return _FETCHED.findall(text)
