"""A guard against hanging: no test asserts how fast something is, but none waits for ever either."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def must_end(seconds: int = 300) -> Iterator[None]:
    """Fail the test where the block has not ended by then; give it far more than it takes on a busy machine."""

    def fail(*_: object) -> None:
        pytest.fail(f"hung: it had not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
