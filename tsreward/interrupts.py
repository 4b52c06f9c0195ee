"""Signals that end a command, held back where half of an action would do harm."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What ends a command."""


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals that end a command wait until the block has ended; processes begun in it start with them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
