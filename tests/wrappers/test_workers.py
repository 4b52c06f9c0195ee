"""A process of a vector environment that is killed ends the run with its number, and leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor, VecNormalize

from tests.hanging import must_end
from tests.reliability.workers import KINDS, SECONDS, E, actions, kill_worker, processes_of
from tests.slow_world import Slow
from tests.walk import Walk, walk_model
from tsreward.errors import WorkerError
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.checkpoints import Checkpoints, Training, keep_training
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector


@pytest.fixture(autouse=True)
def ending():
    with must_end():
        yield


CASES = [("fork", 0), ("fork", 1), ("fork", 2), ("forkserver", 1), ("spawn", 2)]


@pytest.mark.parametrize(("method", "killed"), CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_worker_is_named_and_nothing_is_left(kind, method, killed):
    assert kill_worker(kind, method, killed) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_for_a_worker_that_dies_is_woken(kind):
    envs = KINDS[kind]("fork")
    processes = processes_of(envs)
    envs.reset()
    threading.Timer(0.3, os.kill, (processes[-1].pid, signal.SIGKILL)).start()
    slow = actions()
    slow[-1] = 1.0
    with must_end(SECONDS):
        with pytest.raises(WorkerError, match="worker 2 of 3"):
            envs.step(slow)
        envs.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_died_unseen_does_not_keep_close(kind):
    envs = KINDS[kind]("fork")
    processes = processes_of(envs)
    envs.reset()
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    with must_end(SECONDS):
        envs.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("kind", KINDS)
def test_what_lives_closes_as_before(kind):
    others = set(threading.enumerate())
    envs = KINDS[kind]("fork")
    processes = processes_of(envs)
    envs.reset()
    envs.close()
    assert [process.exitcode for process in processes] == [0] * E
    threads = [one for one in set(threading.enumerate()) - others if one.name == "tsreward-workers"]
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_a_training_ends_with_the_message():
    others = set(multiprocessing.active_children())
    inner = SubprocVecEnv([Walk] * E, start_method="fork")
    envs, processes = LearnedRewardVecEnv(VecMonitor(inner), walk_model("likeness")), inner.processes
    agent = PPO("MlpPolicy", envs, n_steps=16, batch_size=16, n_epochs=1)
    threading.Timer(0.5, os.kill, (processes[0].pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerError, match="worker 0 of 3"):
        agent.learn(10**7, callback=LearnedRewardCallback(envs))
    envs.close()
    assert set(multiprocessing.active_children()) <= others


def training(algorithm: str, envs: EpisodeRecorder) -> Training:
    """Return a training as `tsreward train` has it, on these environments."""
    paying = LearnedRewardVecEnv(envs, walk_model("likeness"), lazy=True)
    normaliser = VecNormalize(paying, norm_reward=algorithm == "ppo")
    agent = (
        PPO("MlpPolicy", normaliser, n_steps=16, batch_size=16, n_epochs=1)
        if algorithm == "ppo"
        else SAC("MlpPolicy", normaliser, learning_starts=20, train_freq=4, gradient_steps=1)
    )
    return Training(agent, normaliser, envs, paying.model, callback=LearnedRewardCallback(paying))


class Dying(EpisodeRecorder):
    """Kills the last of its environments' processes in the 30th step."""

    steps = 0

    def step_async(self, actions):
        self.steps += 1
        if self.steps == 30:
            os.kill(self.venv.processes[-1].pid, signal.SIGKILL)
        super().step_async(actions)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_training_that_ends_so_leaves_a_checkpoint_and_goes_on(algorithm: str, tmp_path: Path):
    told: list[str] = []
    options = AgentOptions(algorithm, steps=150, num_envs=E)
    first = training(algorithm, Dying(SubprocVecEnv([Walk] * E, start_method="fork")))
    callbacks = [first.callback]
    with pytest.raises(WorkerError, match="worker 2 of 3"):
        keep_training(Checkpoints(tmp_path, tell=told.append), first, options, callbacks)
    done = 29 * E
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{done}"]
    assert told == [f"an environment's process has died; kept in {tmp_path / f'step-{done}'}"]
    assert sum(map(len, first.record.all_episodes())) == done
    first.normaliser.close()

    second = training(algorithm, EpisodeRecorder(SubprocVecEnv([Walk] * E, start_method="fork")))
    keep_training(Checkpoints(tmp_path, resume=True), second, options, [second.callback])
    assert second.algorithm.num_timesteps >= options.steps
    assert sum(map(len, second.record.all_episodes())) == second.algorithm.num_timesteps
    second.normaliser.close()
