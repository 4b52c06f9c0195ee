"""Commands that are killed or told to end at any moment, and run again, in children forked from a warm parent."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import tests.tiny  # noqa: F401
from tests.reliability.crashes import fork, one_thread
from tsreward.cli.main import main
from tsreward.errors import CheckpointError
from tsreward.io import load
from tsreward.recipes.live_run import read_status
from tsreward.sb3.checkpoints import Checkpoints

COMMANDS = {
    "fit": (
        "fit --data DATA --scorer deep_svdd --train.epochs 12 --train.windows-per-epoch 4000 "
        "--train.state OUT/state --out OUT/new",
        "new",
    ),
    "score": ("score DATA --model MODEL --out OUT/new.csv", "new.csv"),
    "relabel": ("relabel DATA --model MODEL --out OUT/new.npz", "new.npz"),
}
"""What is killed -> (arguments, its result)."""
TRAIN = "train --env Tiny/Cost-v0 --model MODEL --num-envs 2 --hidden 8 --rollout 32 --save-every 64 --no-film"


def filled(command: str, files: dict[str, str], out: Path) -> list[str]:
    """Return the arguments of a command with the paths in it."""
    for word, value in {**files, "OUT": str(out)}.items():
        command = command.replace(word, value)
    return command.split()


def quietly(arguments: Sequence[str]) -> int:
    """Run a command whose output nobody wants; return its exit code."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return main(arguments)


def kill_command(name: str, files: dict[str, str], folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill a command that many times, and run it again until it ends; return what went wrong.

    "differ": results that are not, to the bit, those of a run that nothing interrupted. "broken": runs that did not end
    well afterwards. "unfinished" counts kills that came before the result was there.
    """
    command, target = COMMANDS[name]
    draw, seen = random.Random(seed), Counter[str]()
    with one_thread():
        whole, duration = folder / "whole", 0.0
        for place in ("warm", "whole"):  # whatever is imported late is then there in every child
            (folder / place).mkdir()
            began = time.perf_counter()
            assert quietly(filled(command, files, folder / place)) == 0
            duration = time.perf_counter() - began
        wanted = _digest(whole / target)
        while seen["kills"] < kills:
            out = folder / "killed"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            while seen["kills"] < kills and not (out / target).exists():
                killed_after(lambda out=out: quietly(filled(command, files, out)), draw.uniform(0, duration))
                seen["kills"] += 1
                seen["unfinished"] += not (out / target).exists()
            seen["broken"] += quietly(filled(command, files, out)) != 0
            seen["differ"] += _digest(out / target) != wanted
            seen["results"] += 1
            seen["stale"] += any(".tsreward-tmp-" in path.name for path in out.rglob("*"))
    return seen


def kill_training(files: dict[str, str], folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill `tsreward train` that many times and resume it; return what went wrong.

    "unreadable": checkpoints that could not be gone on from. "fewer": fewer decisions in the newest checkpoint than
    before. "broken": runs that did not end well with all their steps. "unfinished" counts the kills that came before
    the end.
    """
    draw, seen, number = random.Random(seed), Counter[str](), 0
    with one_thread():
        began = time.perf_counter()
        assert quietly(filled(f"{TRAIN} --steps 256 --out OUT", files, folder / "warm")) == 0
        duration = time.perf_counter() - began
        while seen["kills"] < kills:
            out, done = folder / f"run-{number}", 0
            number += 1
            begin = filled(f"{TRAIN} --steps 256 --out OUT", files, out)
            while seen["kills"] < kills and done < 256:
                arguments = ["train", "--resume", str(out)] if done else begin
                if not done:
                    shutil.rmtree(out, ignore_errors=True)
                killed_after(lambda words=arguments: quietly(words), draw.uniform(0.2, 1.2) * duration)
                seen["kills"] += 1
                before, done = done, _done(out, seen)
                seen["fewer"] += done < before
                seen["unfinished"] += done < 256
            if not done:
                shutil.rmtree(out, ignore_errors=True)
            code = 0 if done >= 256 else quietly(["train", "--resume", str(out)] if done else begin)
            seen["broken"] += code != 0 or _done(out, seen) < 256
    return seen


def _done(run: Path, seen: Counter[str]) -> int:
    """Return the decisions in the newest checkpoint of a run; 0 where there is none yet."""
    if not list((run / "checkpoints").glob("step-*")):
        return 0
    try:
        newest = Checkpoints(run / "checkpoints", resume=True)
        assert newest.model() is not None
        return newest.done or 0
    except CheckpointError:
        seen["unreadable"] += 1
        return 0


def signal_training(files: dict[str, str], folder: Path, signals: int, seed: int) -> Counter[str]:
    """Send SIGINT and SIGTERM to trainings at random moments; return what went wrong.

    "code": an exit code other than 130 and 143, or 0 where it was done. "traceback": one was shown. "lost": a run had
    begun and no checkpoint was left. "state": its status.json does not say stopped. Who does not end within 60 seconds
    counts as "hung".
    """
    draw, seen = random.Random(seed), Counter[str]()
    with one_thread():
        began = time.perf_counter()
        assert quietly(filled(f"{TRAIN} --steps 256 --out OUT", files, folder / "warm")) == 0
        duration = time.perf_counter() - began
        for number in range(signals):
            out, which = folder / f"run-{number}", (signal.SIGINT, signal.SIGTERM)[number % 2]
            words = filled(f"{TRAIN} --steps 4096 --out OUT", files, out)
            code, said = signalled(lambda words=words: main(words), which, draw.uniform(0, duration))
            seen["hung"] += code is None
            seen["code"] += code not in (None, {signal.SIGINT: 130, signal.SIGTERM: 143}[which])
            seen["traceback"] += "Traceback" in said
            if out.exists():  # where nothing had begun, no folder is left
                seen["begun"] += 1
                status = read_status(out)
                seen["state"] += status["state"] != "stopped"
                seen["lost"] += status.get("done", 0) > 64 and not list((out / "checkpoints").glob("step-*"))
            seen["signals"] += 1
    return seen


def killed_after(work: Callable[[], object], seconds: float) -> None:
    """Run `work` in a child that is killed after so long; where it has ended by then, nothing happens."""
    child = fork(work)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def signalled(
    work: Callable[[], int], number: signal.Signals, seconds: float, times: int = 1
) -> tuple[int | None, str]:
    """Run `work` in a child that gets signals after so long; return its exit code, None where it hangs, and stderr."""
    reading, writing = os.pipe()

    def run() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it
        sys.stdout, sys.stderr = io.StringIO(), os.fdopen(writing, "w")
        os.write(writing, b"\n")
        code = work()
        sys.stderr.flush()
        os._exit(code)

    child = fork(run)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        pipe.read(1)
        time.sleep(seconds)
        for _ in range(times):
            os.kill(child, number)
            time.sleep(0.02)
        until = time.monotonic() + 60
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None, pipe.read().decode()
        return os.waitstatus_to_exitcode(ended[1]), pipe.read().decode()


def _digest(path: Path) -> str:
    """Return the SHA-256 of a result; of a model that of its numbers, because its note names the paths."""
    if path.suffix:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    state = load(path).state_dict()
    return hashlib.sha256(b"".join(name.encode() + state[name].numpy().tobytes() for name in sorted(state))).hexdigest()
