"""One trial in a process of its own, which ends when the one that started it does."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

from tsreward.errors import TSRewardError
from tsreward.tuning.objective import Objective, Outcome
from tsreward.tuning.space import Setting


class Closable(Protocol):
    """What a fork has open that is not its own."""

    def close(self) -> None: ...


class Reported(NamedTuple):
    """A value of the curve; the answer is whether to go on."""

    step: int
    value: float


class Ended(NamedTuple):
    """How a trial ended: its outcome, nothing where it was pruned, or why it failed."""

    outcome: Outcome | None = None
    error: str | None = None


class Pruned(BaseException):
    """The trial is to end here; no `except Exception` of a library may stop this."""


def work(objective: Objective, setting: Setting, connection: Connection, others: Sequence[Closable]) -> None:
    """Evaluate a setting, and send what is reported and how it ended. `others` are what a fork left open here."""
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    answers: SimpleQueue[bool] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, answers), daemon=True).start()

    def report(step: int, value: float) -> None:
        connection.send(Reported(step, value))
        if not answers.get():
            raise Pruned

    with redirect_stdout(sys.stderr):  # what simulators print
        connection.send(_ended(objective, setting, report))


def _ended(objective: Objective, setting: Setting, report: Any) -> Ended:
    try:
        return Ended(objective.evaluate(setting, report))
    except Pruned:
        return Ended()
    except TSRewardError as error:
        return Ended(error=str(error))
    except Exception as error:
        traceback.print_exc()
        return Ended(error=f"{type(error).__name__}: {error}")


def _listen(connection: Connection, answers: SimpleQueue[bool]) -> None:
    """Pass answers on; when the other end is gone, so is the use of this process."""
    try:
        while True:
            answers.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)
