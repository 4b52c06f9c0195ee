"""`python -m fuzz TARGET [FLAGS OF LIBFUZZER]`: see the package."""

from __future__ import annotations

import sys
from functools import partial

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["tsreward"]):
    from fuzz.targets import CORPUS, TARGETS, run


def main() -> None:
    """Fuzz one target, beginning with its corpus."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz {{{','.join(TARGETS)}}} [FLAGS OF LIBFUZZER]")
    name = sys.argv.pop(1)
    places = [word for word in sys.argv[1:] if not word.startswith("-")] or [str(CORPUS / name)]
    flags = [word for word in sys.argv[1:] if word.startswith("-")]
    atheris.Setup([sys.argv[0], *flags, "-timeout=10", "-rss_limit_mb=4096", *places], partial(run, name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
