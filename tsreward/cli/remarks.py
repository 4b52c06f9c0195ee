"""One line at a time on stderr."""

from __future__ import annotations

import sys


def remark(text: str) -> None:
    """Write one line to stderr, whatever characters came in with the name of a file or a column."""
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)
    print(f"tsreward: {shown}", file=sys.stderr)
