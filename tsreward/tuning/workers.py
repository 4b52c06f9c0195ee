"""Worker processes that run trials."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from tsreward.errors import TSRewardError
from tsreward.files import no_room
from tsreward.interrupts import ENDING, held_back
from tsreward.pipeline.own_names import import_own, named_modules
from tsreward.tuning.objective import Objective, Outcome
from tsreward.tuning.space import Setting

if TYPE_CHECKING:
    import optuna


class Closable(Protocol):
    """What a fork has open that is not its own."""

    def close(self) -> None: ...


class Reported(NamedTuple):
    """An intermediate value; the answer is whether to go on."""

    step: int
    value: float


class Ended(NamedTuple):
    """How a trial ended: its outcome, nothing where it was pruned, or why it failed."""

    outcome: Outcome | None = None
    error: str | None = None


class Pruned(BaseException):
    """The trial is to end here; no `except Exception` of a library may stop this."""


def work(
    objective: Objective, setting: Setting, connection: Connection, others: Sequence[Closable], own: Sequence[str] = ()
) -> None:
    """Evaluate a setting, and send what is reported and how it ended.

    `others` are what a fork left open here, `own` the modules that the user named (`named_modules`).
    """
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    answers: SimpleQueue[bool] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, answers), daemon=True).start()

    def report(step: int, value: float) -> None:
        _send(connection, Reported(step, value))
        if not answers.get():
            raise Pruned

    with redirect_stdout(sys.stderr):  # what simulators print
        _send(connection, _ended(objective, setting, report, own))


def _ended(objective: Objective, setting: Setting, report: Any, own: Sequence[str]) -> Ended:
    try:
        import_own(own)
        return Ended(objective.evaluate(setting, report))
    except Pruned:
        return Ended()
    except TSRewardError as error:
        return Ended(error=str(error))
    except Exception as error:
        if (told := no_room(error)) is not None:
            return Ended(error=told)
        traceback.print_exc()
        return Ended(error=f"{type(error).__name__}: {error}")


def _send(connection: Connection, told: Reported | Ended) -> None:
    """Send; when the other end is gone, so is the use of this process."""
    try:
        connection.send(told)
    except BrokenPipeError:
        os._exit(1)


def _listen(connection: Connection, answers: SimpleQueue[bool]) -> None:
    """Pass answers on, as long as the other end is there."""
    try:
        while True:
            answers.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


Start = Literal["server", "fork"]


@dataclass(frozen=True)
class Death:
    """The process of a trial ended by itself."""

    cause: str


@dataclass(frozen=True)
class _Running:
    trial: optuna.Trial
    process: BaseProcess
    connection: Connection


class Pool:
    """Trials that run, each in its own process; a fork closes what it is not to hold open there."""

    def __init__(self, objective: Objective, start: Start = "server", closed: Sequence[Closable] = ()) -> None:
        self._objective, self._forks, self._closed = objective, start == "fork", closed
        server = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        self._context: Any = get_context("fork" if self._forks else server)
        if not self._forks:
            self._context.set_forkserver_preload([type(objective).__module__])  # heavy packages are imported once
        self._running: dict[Connection, _Running] = {}

    def __len__(self) -> int:
        return len(self._running)

    def numbers(self) -> list[int]:
        """Return the numbers of the trials that run."""
        return [running.trial.number for running in self._running.values()]

    def start(self, trial: optuna.Trial, setting: Setting) -> None:
        """Evaluate a setting in a new process."""
        here, there = self._context.Pipe()
        others = [here, *self._running, *self._closed] if self._forks else []  # else they are not inherited
        arguments = (self._objective, setting, there, others, named_modules())
        process = self._context.Process(target=work, args=arguments, name=f"trial-{trial.number}", daemon=True)
        with held_back():  # a process that is sent half, or not ended by `kill`, would tell of it by a traceback
            process.start()
            self._running[here] = _Running(trial, process, here)
        there.close()

    def events(self, seconds: float) -> Iterator[tuple[optuna.Trial, Reported | Ended | Death]]:
        """Yield what trials have sent, waiting so long for the first; `answer` a `Reported`, the others have ended."""
        for ready in wait(list(self._running), seconds):
            assert isinstance(ready, Connection)
            running = self._running[ready]
            try:
                message = ready.recv()
            except (EOFError, OSError):
                running.process.join()
                message = Death(_cause(running.process.exitcode))
            yield running.trial, message
            if not isinstance(message, Reported):
                self._forget(running)

    def answer(self, trial: optuna.Trial, go_on: bool) -> None:
        """Tell a trial that has reported whether to go on."""
        for running in self._running.values():
            if running.trial is trial:
                try:
                    running.connection.send(go_on)
                except OSError:  # it died meanwhile: the next event says so
                    return

    def kill(self) -> None:
        """End all processes at once."""
        for running in list(self._running.values()):
            self._forget(running)

    def _forget(self, running: _Running) -> None:
        del self._running[running.connection]
        running.process.kill()
        running.process.join()
        running.connection.close()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


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

    for number in ENDING:
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
