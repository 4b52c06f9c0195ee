"""Signals that end a command: held back where half of an action would do harm, or noted until there is time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What ends a command."""


class NotedSignal:
    """The first signal that came, which ends the command when `obey` is called."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._handlers: dict[int, Any] = {}

    def obey(self) -> None:
        """Do what the signal that came would have done at once; nothing where none came."""
        if self.number is not None:
            number, self.number = self.number, None
            self._handlers[number](number, None)


@contextmanager
def noted(tell: Callable[[int], None]) -> Iterator[NotedSignal]:
    """Note the first signal that ends a command, and `tell` of it; a second one ends it at once, as it does outside.

    A signal that nobody obeyed is obeyed when the block ends. Outside of the main thread, signals do what they do.
    """
    signals = NotedSignal()

    def note(number: int, frame: Any) -> None:
        if signals.number is not None:
            signals.obey()
        signals.number = number
        tell(number)

    if threading.current_thread() is threading.main_thread():
        signals._handlers = {one: signal.getsignal(one) for one in ENDING if callable(signal.getsignal(one))}
        for one in signals._handlers:
            signal.signal(one, note)
    try:
        yield signals
    finally:
        for one, handler in signals._handlers.items():
            signal.signal(one, handler)
        signals.obey()


@contextmanager
def held_back() -> Iterator[None]:
    """Let the first signal that ends a command wait until the block has ended.

    Processes begun in the block start with these signals blocked. That alone would hold nothing back here: another
    thread of this process takes a signal that the main one blocks, and Python hands it to the main one at once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        with noted(lambda number: None):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
