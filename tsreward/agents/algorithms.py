"""The algorithm that `AgentOptions` describe, of Stable-Baselines3 or of its twin on JAX."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from tsreward.agents.options import AgentOptions
from tsreward.errors import missing_extra

LEARNING_RATE = {"ppo": 4e-4, "td3": 1e-3, "sac": 7e-4}


@dataclass(frozen=True)
class FallingRate:
    """A learning rate for half of the steps, from there in a line to a share of it.

    >>> rate = FallingRate(1e-3, final=0.1)
    >>> [round(rate(left), 6) for left in (1.0, 0.5, 0.25, 0.0)]
    [0.001, 0.001, 0.00055, 0.0001]
    """

    start: float
    final: float

    def __call__(self, progress_remaining: float) -> float:
        """Return the rate where this share of the steps is left."""
        return self.start * min(1.0, self.final + (1 - self.final) * 2 * progress_remaining)


def algorithm_class(options: AgentOptions) -> type[BaseAlgorithm]:
    """Return the class of the algorithm.

    Raises:
        MissingExtraError: library is jax, and sbx is not installed.
    """
    if options.library == "torch":
        return getattr(stable_baselines3, options.algorithm.upper())
    try:
        import sbx  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra("sbx", "jax") from error
    return getattr(sbx, options.algorithm.upper())


def build_algorithm(
    venv: VecEnv, options: AgentOptions, replay_buffer: type[ReplayBuffer] | None = None, **buffer_options: Any
) -> BaseAlgorithm:
    """Return a fresh algorithm on `venv`, for td3 and sac with a buffer of this class made with these options.

    Raises:
        MissingExtraError: library is jax, and sbx is not installed.
    """
    chosen: Any = algorithm_class(options)
    rate = LEARNING_RATE[options.algorithm] if options.learning_rate is None else options.learning_rate
    shared: dict[str, Any] = {
        "seed": options.seed,
        "device": "cpu",
        "policy_kwargs": {"net_arch": [options.hidden, options.hidden]}
        | ({"layer_norm": True} if options.layer_norm else {}),
        "learning_rate": rate if options.final_rate == 1 else FallingRate(rate, options.final_rate),
        "gamma": options.gamma,
    }
    if options.algorithm == "ppo":
        steps, batch = rollout_shape(options)
        return chosen("MlpPolicy", venv, n_steps=steps, batch_size=batch, n_epochs=8, **shared)
    starts = min(5_000, options.steps // 4) if options.learning_starts is None else options.learning_starts
    shared |= {"batch_size": options.batch_size, "learning_starts": starts}
    shared |= {"gradient_steps": options.gradient_steps, "train_freq": options.train_every, "tau": options.tau}
    shared["buffer_size"] = min(1_000_000, options.steps + options.num_envs)
    if replay_buffer is not None:
        shared |= {"replay_buffer_class": replay_buffer, "replay_buffer_kwargs": buffer_options}
    size = int(np.prod(venv.action_space.shape or (1,)))
    if options.target_entropy is not None:
        shared["target_entropy"] = options.target_entropy * size
    if options.algorithm == "td3":
        shared["action_noise"] = NormalActionNoise(np.zeros(size), 0.1 * np.ones(size))
    return chosen("MlpPolicy", venv, **shared)


def rollout_shape(options: AgentOptions) -> tuple[int, int]:
    """Return (steps of each environment, batch size) of PPO: whole batches where there are enough steps.

    >>> rollout_shape(AgentOptions(steps=1_500, num_envs=8))
    (160, 256)
    """
    steps = max(2, min(options.rollout, options.steps // options.num_envs))
    whole = steps - steps % (options.batch_size // gcd(options.batch_size, options.num_envs))
    return (whole, options.batch_size) if whole else (steps, steps * options.num_envs)
