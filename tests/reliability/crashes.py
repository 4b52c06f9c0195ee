"""Writers that are killed, and disks that are full, in children forked from a warm parent."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import struct
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import torch

from tests.reliability.models import file_bytes, fitted
from tsreward.errors import DataError, TSRewardError
from tsreward.files import write_atomic
from tsreward.io import describe, load, save

FILES = 8


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in the calling thread alone: the threads of a pool do not survive a fork."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def fork(work: Callable[[], Any]) -> int:
    """Run `work` in a child process and end it there; return the number of the child."""
    with warnings.catch_warnings():
        # From Python 3.12 on: the child never touches the other threads' locks.
        warnings.filterwarnings("ignore", ".*use of fork.*", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        forkserver._forkserver.__init__()  # the parent's server is no child of this process
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def kill_writers(folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill that many writers that overwrite one model file over and over; return what went wrong, and "unfinished".

    "unreadable": the file did not load, or was no version that was ever written. "lost": an older version was there
    than the last that was acknowledged. "stale": temporary files that outlived the next save. "unfinished" counts the
    kills that came during a write, which the other counts are about.
    """
    path, draw, seen = folder / "model.safetensors", random.Random(seed), Counter[str]()
    models = [fitted(0, size=2**16), fitted(1, size=2**16)]
    versions = [file_bytes(models[count % 2], count=count) for count in range(FILES)]
    write_atomic(path, versions[0])
    for _ in range(kills):
        acknowledged, unfinished = _kill_one(path, versions, draw.uniform(0, 0.008))
        seen["unfinished"] += unfinished
        try:
            load(path)
            count = describe(path)["note"]["count"]
        except TSRewardError:
            seen["unreadable"] += 1
            continue
        seen["unreadable"] += path.read_bytes() != versions[count]
        if acknowledged is not None:
            seen["lost"] += count not in (acknowledged % FILES, (acknowledged + 1) % FILES)
    save(models[0], path)
    seen["stale"] = len(_leftovers(folder))
    return seen


def _kill_one(path: Path, versions: list[bytes], delay: float) -> tuple[int | None, bool]:
    """Return the last version that the killed writer acknowledged, and whether it left a temporary file."""
    reading, writing = os.pipe()

    def write_for_ever() -> None:
        os.write(writing, b"!")  # on a busy machine a child may begin late
        count = 0
        while True:
            write_atomic(path, versions[count % FILES])
            os.write(writing, struct.pack("<q", count))
            count += 1

    before = set(_leftovers(path.parent))
    child = fork(write_for_ever)
    os.close(writing)
    os.read(reading, 1)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        counts = pipe.read()
    acknowledged = struct.unpack("<q", counts[-8:])[0] if counts else None
    return acknowledged, bool(set(_leftovers(path.parent)) - before)


def fill_disk(folder: Path, sizes: int) -> Counter[str]:
    """Save over a good file in a child whose files may not grow beyond each of `sizes` limits; count what went wrong.

    "saved": it fitted, although the limit was below the size. "changed": the previous file was touched. "untold": the
    error was of another type, or did not name the path. "stale": a temporary file stayed.
    """
    path, model = folder / "model.safetensors", fitted(1)
    save(fitted(0), path)
    previous, needed = path.read_bytes(), len(file_bytes(model))
    report = folder / "report.json"

    def save_under_limits() -> None:
        seen: Counter[str] = Counter()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        for index in range(sizes):
            resource.setrlimit(resource.RLIMIT_FSIZE, (index * (needed - 1) // max(1, sizes - 1), hard))
            try:
                save(model, path)
                seen["saved"] += 1
            except DataError as error:
                seen["untold"] += str(path) not in str(error)
            except Exception:
                seen["untold"] += 1
            seen["changed"] += path.read_bytes() != previous
            seen["stale"] += bool(_leftovers(folder))
            seen["tried"] += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        report.write_text(json.dumps(seen))

    _, status = os.waitpid(fork(save_under_limits), 0)
    if status or not report.exists():
        return Counter(died=1)
    return Counter(json.loads(report.read_text()))


def _leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.startswith(".tsreward-tmp-")]
