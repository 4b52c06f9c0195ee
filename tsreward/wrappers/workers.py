"""`Workers`: the processes of vector environments, watched, so that the death of one is an error and never a hang."""

from __future__ import annotations

import os
import signal
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection
from typing import Any

from tsreward.errors import WorkerError
from tsreward.wrappers.stack import layers

_SECONDS = 1.0
"""How long a living worker may take to end after SIGTERM, and a dead one to be known as dead."""


class Workers:
    """The processes inside an environment, those of Gymnasium's `AsyncVectorEnv` or of SB3's `SubprocVecEnv`.

    Whoever waits for an answer of a dead worker waits for ever where other workers hold its end of the pipe, as forked
    ones do. A thread waits for the end of every worker, and then shuts its pipe down: who reads from it, or will, gets
    an EOFError. What the worker has sent before can still be read.

    Args:
        who: uses the environment, for messages.
        env: the environment, whose layers are looked through.
    """

    def __init__(self, who: str, env: Any) -> None:
        self._who = who
        self._owners = [layer for layer in layers(env) if _pipes(layer) is not None and "processes" in vars(layer)]
        self._processes = [process for owner in self._owners for process in owner.processes]
        self._lost: WorkerError | None = None
        for owner in self._owners:
            ends = [os.dup(process.sentinel) for process in owner.processes]
            wires = [_Wire(pipe) for pipe in _pipes(owner) or ()]
            threading.Thread(target=_watch, args=(ends, wires), name="tsreward-workers", daemon=True).start()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Do something with the environment inside.

        Raises:
            WorkerError: a worker has died.
        """
        if self._lost is not None:
            raise self._lost
        try:
            yield
        except (EOFError, OSError) as error:
            self._lost = self._death()
            if self._lost is None:
                raise
            raise self._lost from error

    def close(self, close: Callable[[], None]) -> None:
        """Close the environment inside by `close`; where a worker has died, its owner is ended by force before.

        Raises:
            Exception: what `close` raises where all workers live.
        """
        if self._lost is None and all(process.is_alive() for process in self._processes):
            try:
                close()
                return
            except (EOFError, OSError):
                if self._death() is None:
                    raise
        for owner in self._owners:
            if not getattr(owner, "closed", False):
                _end(owner)
        close()

    def _death(self) -> WorkerError | None:
        """Return the error about the first worker that has died; None where all live."""
        ended = connection.wait([process.sentinel for process in self._processes], timeout=_SECONDS)
        for index, process in enumerate(self._processes):
            if process.sentinel in ended:
                process.join(_SECONDS)  # its files are closed a moment before it is gone
            if not process.is_alive():
                return WorkerError(
                    f"{self._who}: worker {index} of {len(self._processes)} has died ({exit_cause(process.exitcode)}), "
                    f"so its environment is gone: close() ends the others; then make the environments anew."
                )
        return None


def _pipes(layer: Any) -> list[Any] | None:
    """Return the pipes to the workers of an environment; None where it has none."""
    held = getattr(layer, "__dict__", {})
    return held.get("remotes") or held.get("parent_pipes")


class _Wire:
    """A pipe to a worker, which it does not keep open."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = None if pipe is None else weakref.ref(pipe)
        self._node = None if pipe is None else os.fstat(pipe.fileno()).st_ino

    def shut_down(self) -> None:
        """Let who reads from it get the end of the file; nothing happens where it is closed."""
        pipe = None if self._pipe is None else self._pipe()
        if pipe is None:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(pipe.fileno())) as end:
            if os.fstat(end.fileno()).st_ino == self._node:  # it may be closed meanwhile, and its number given away
                end.shutdown(socket.SHUT_RDWR)


def _watch(ends: list[int], wires: list[_Wire]) -> None:
    """Shut the pipe of every worker down when it has ended, as the ends of the processes tell."""
    running = dict(zip(ends, wires, strict=True))
    while running:
        for ended in connection.wait([*running]):
            running.pop(ended).shut_down()  # type: ignore[call-overload, arg-type]
            os.close(ended)  # type: ignore[arg-type]


def exit_cause(code: int | None) -> str:
    """Say how a process ended.

    >>> exit_cause(-9), exit_cause(1)
    ('SIGKILL, as where memory has run out', 'exit code 1')
    """
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    return f"{name}, as where memory has run out" if name == "SIGKILL" else name


def _end(owner: Any) -> None:
    """End all workers of an environment, and leave it closed."""
    for process in owner.processes:
        if process.is_alive():
            process.terminate()
    for end in (None, "kill"):
        for process in owner.processes:
            if end is not None and process.is_alive():
                process.kill()
            process.join(_SECONDS if end is None else None)
    for pipe in _pipes(owner) or ():
        if pipe is not None:
            pipe.close()
    if (queue := vars(owner).get("error_queue")) is not None:
        queue.close()
        owner.error_queue = None  # with it go its three semaphores, which are files in /dev/shm
    owner.closed = True
