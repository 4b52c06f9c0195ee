"""Signals that end a command, held back where half of an action would do harm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tsreward.interrupts import ENDING, held_back, noted


class Ended(Exception):
    """What the handlers below raise."""


@contextmanager
def raising() -> Iterator[Callable[[int], None]]:
    """Handle the signals as a command does; yield what sends one to another thread and waits until it is taken."""

    def end(number: int, frame: object) -> None:
        raise Ended(number)

    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    taken, written = os.pipe()
    os.set_blocking(written, False)
    former = signal.set_wakeup_fd(written)

    def send(number: int) -> None:
        assert other.ident is not None
        signal.pthread_kill(other.ident, number)
        assert os.read(taken, 1) == bytes([number])

    before = {one: signal.signal(one, end) for one in ENDING}
    try:
        yield send
    finally:
        signal.set_wakeup_fd(former)
        os.close(taken)
        os.close(written)
        for one, handler in before.items():
            signal.signal(one, handler)
        done.set()
        other.join()


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_waits_until_the_block_has_ended_though_another_thread_takes_it(number: int) -> None:
    reached = False
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with raising() as send:
        with pytest.raises(Ended, match=str(int(number))), held_back():
            send(number)
            reached = True
        assert reached
        with pytest.raises(Ended):
            send(number)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_a_signal_is_not_lost_where_the_block_fails() -> None:
    with raising() as send, pytest.raises(Ended) as caught, held_back():
        send(signal.SIGTERM)
        raise OSError("disk full")
    assert isinstance(caught.value.__context__, OSError)


def test_the_first_signal_is_noted_and_the_second_one_ends_the_block() -> None:
    told: list[int] = []
    with raising() as send, pytest.raises(Ended), noted(told.append) as signals:
        send(signal.SIGTERM)
        assert (signals.number, told) == (signal.SIGTERM, [signal.SIGTERM])
        send(signal.SIGTERM)
        pytest.fail("the second signal was noted, too")


def test_outside_of_the_main_thread_handlers_stay_as_they_are() -> None:
    seen: list[object] = []

    def hold() -> None:
        with held_back():
            seen.append(signal.getsignal(signal.SIGTERM))

    with raising():
        wanted = signal.getsignal(signal.SIGTERM)
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join()
    assert seen == [wanted]
