"""A process of a vector environment that is killed ends the run with its number, and leaves nothing behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

from tests.hanging import must_end
from tests.slow_world import Slow
from tests.walk import walk_model
from tsreward.errors import WorkerError
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

E = 3


@pytest.fixture(autouse=True)
def ending():
    with must_end():
        yield


CASES = [("fork", 0), ("fork", 1), ("fork", 2), ("forkserver", 1), ("spawn", 2)]


def gymnasium_envs(method: str) -> Any:
    return LearnedRewardVector(AsyncVectorEnv([Slow] * E, context=method), walk_model("likeness"))


def sb3_envs(method: str, between: Callable[[Any], Any] = lambda venv: venv) -> Any:
    return LearnedRewardVecEnv(between(SubprocVecEnv([Slow] * E, start_method=method)), walk_model("likeness"))


MADE: dict[str, Callable[[str], Any]] = {"Gymnasium": gymnasium_envs, "SB3": sb3_envs}


def actions(value: float = 0.0) -> np.ndarray:
    return np.full((E, 1), value, np.float32)


def semaphores() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("*mp-*")} if Path("/dev/shm").is_dir() else set()


def owner_of(envs: Any) -> Any:
    return next(layer for layer in (envs.env if hasattr(envs, "env") else envs.venv,) if hasattr(layer, "processes"))


@pytest.mark.parametrize(("method", "killed"), CASES)
@pytest.mark.parametrize("kind", MADE)
def test_a_killed_worker_is_named_and_nothing_is_left(kind, method, killed):
    before = semaphores()
    envs = MADE[kind](method)
    processes = owner_of(envs).processes
    envs.reset()
    envs.step(actions())
    os.kill(processes[killed].pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=rf"worker {killed} of 3 has died \(SIGKILL, as where memory has run out\)"):
        for _ in range(3):
            envs.step(actions())
    with pytest.raises(WorkerError, match=f"worker {killed} of 3"):  # and again
        envs.reset()
    envs.close()
    envs.close()
    assert not any(process.is_alive() for process in processes)
    del envs, processes
    gc.collect()
    assert semaphores() <= before


@pytest.mark.parametrize("kind", MADE)
def test_who_waits_for_a_worker_that_dies_is_woken(kind):
    envs = MADE[kind]("fork")
    processes = owner_of(envs).processes
    envs.reset()
    threading.Timer(0.3, os.kill, (processes[-1].pid, signal.SIGKILL)).start()
    slow = actions()
    slow[-1] = 1.0
    with pytest.raises(WorkerError, match="worker 2 of 3"):
        envs.step(slow)
    envs.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("kind", MADE)
def test_a_worker_that_died_unseen_does_not_keep_close(kind):
    envs = MADE[kind]("fork")
    processes = owner_of(envs).processes
    envs.reset()
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    envs.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("kind", MADE)
def test_workers_that_are_dead_before(kind):
    inner = AsyncVectorEnv([Slow] * E) if kind == "Gymnasium" else SubprocVecEnv([Slow] * E, start_method="fork")
    os.kill(inner.processes[1].pid, signal.SIGKILL)
    inner.processes[1].join()
    make = LearnedRewardVector if kind == "Gymnasium" else LearnedRewardVecEnv
    with pytest.raises(WorkerError, match="worker 1 of 3"):
        make(inner, walk_model("likeness"))
    for process in inner.processes:
        process.kill()
        process.join()
    inner.closed = True


@pytest.mark.parametrize("kind", MADE)
def test_what_lives_closes_as_before(kind):
    others = set(threading.enumerate())
    envs = MADE[kind]("fork")
    processes = owner_of(envs).processes
    envs.reset()
    envs.close()
    assert [process.exitcode for process in processes] == [0] * E
    threads = [one for one in set(threading.enumerate()) - others if one.name == "tsreward-workers"]
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_a_training_ends_with_the_message():
    others = set(multiprocessing.active_children())
    envs = sb3_envs("fork", VecMonitor)
    processes = envs.venv.venv.processes
    agent = PPO("MlpPolicy", envs, n_steps=16, batch_size=16, n_epochs=1)
    threading.Timer(0.5, os.kill, (processes[0].pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerError, match="worker 0 of 3"):
        agent.learn(10**7, callback=LearnedRewardCallback(envs))
    envs.close()
    assert set(multiprocessing.active_children()) <= others
