"""Ctrl-C waits until what has begun is written down."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block has ended; the second of them ends it at once.

    Signals cannot be deferred outside of the main thread, and need not be: handlers run in that one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    before: dict[int, Any] = {}

    def wait(number: int, frame: Any) -> None:
        came.append((number, frame))
        if len(came) > 1:
            _deliver(before, came.pop())

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.getsignal(number)
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None was not set from Python
                signal.signal(number, handler)
        if came:
            _deliver(before, came[0])


def _deliver(before: dict[int, Any], signalled: tuple[int, Any]) -> None:
    number, frame = signalled
    handler = before[number]
    if callable(handler):
        handler(number, frame)
    elif handler is signal.SIG_DFL:
        signal.signal(number, handler)
        signal.raise_signal(number)
