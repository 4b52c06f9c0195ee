"""Processes of vector environments that are killed, and what comes of it."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3.common.vec_env import SubprocVecEnv

from tests.hanging import must_end
from tests.slow_world import Slow
from tests.walk import walk_model
from tsreward.errors import WorkerError
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

E = 3
SECONDS = 5
"""Who has not ended by then hangs."""
METHODS = ("fork", "forkserver", "spawn")


def gymnasium_envs(method: str) -> Any:
    return LearnedRewardVector(AsyncVectorEnv([Slow] * E, context=method), walk_model("likeness"))


def sb3_envs(method: str) -> Any:
    return LearnedRewardVecEnv(SubprocVecEnv([Slow] * E, start_method=method), walk_model("likeness"))


KINDS: dict[str, Callable[[str], Any]] = {"Gymnasium": gymnasium_envs, "SB3": sb3_envs}


def actions(value: float = 0.0) -> np.ndarray:
    """Return an action for every environment."""
    return np.full((E, 1), value, np.float32)


def processes_of(envs: Any) -> list[Any]:
    """Return the processes of the vector environment inside."""
    return (envs.env if hasattr(envs, "env") else envs.venv).processes


def semaphores() -> set[str]:
    """Return the segments of shared memory that are there."""
    return {path.name for path in Path("/dev/shm").glob("*mp-*")} if Path("/dev/shm").is_dir() else set()


def kill_worker(kind: str, method: str, killed: int) -> Counter[str]:
    """Kill one worker between two steps; return what went wrong.

    "unnamed": a step or a reset afterwards gave another error than the one with the worker's number, or none. "alive":
    a process was left. "left": a segment of shared memory was. What hangs fails the test.
    """
    seen, before = Counter[str](), semaphores()
    envs = KINDS[kind](method)
    processes = processes_of(envs)
    envs.reset()
    envs.step(actions())
    os.kill(processes[killed].pid, signal.SIGKILL)
    named = f"worker {killed} of {E} has died (SIGKILL, as where memory has run out)"
    with must_end(SECONDS):
        seen["unnamed"] += not _says(named, lambda: [envs.step(actions()) for _ in range(3)])
        seen["unnamed"] += not _says(named, envs.reset)
    with must_end(SECONDS):
        envs.close()
        envs.close()
    seen["alive"] += any(process.is_alive() for process in processes)
    del envs, processes
    gc.collect()
    until = time.monotonic() + 2
    while not semaphores() <= before and time.monotonic() < until:
        time.sleep(0.05)
    seen["left"] += not semaphores() <= before
    return +seen


def _says(message: str, work: Callable[[], Any]) -> bool:
    try:
        work()
    except WorkerError as error:
        return message in str(error)
    return False
