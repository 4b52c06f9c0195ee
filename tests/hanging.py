"""A guard against hanging: no test asserts how fast something is, but none waits for ever either."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def must_end(seconds: float = 300) -> Iterator[None]:
    """Fail the test where the block has not ended by then; give it far more than it takes on a busy machine.

    Guards may stand inside each other: the outer one goes on where the inner one ends.
    """

    def fail(*_: object) -> None:
        pytest.fail(f"hung: it had not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)
