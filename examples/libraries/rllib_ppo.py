"""A learned reward in RLlib: the environment's creator wraps, with the file of a model in `env_config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.tune.registry import register_env

import tsreward


def create(config: dict[str, Any]) -> gymnasium.Env:
    """Return the environment of `env_config`, paid by the model of the file that it names."""
    return tsreward.LearnedReward(gymnasium.make(config["env"]), config["model"])


register_env("learned", create)


def algorithm(env: str, model: str | Path, batch: int = 4_000, seed: int = 0) -> PPO:
    """Return PPO, of which every `train()` is one rollout of `batch` steps in this process."""
    config = (
        PPOConfig()
        .environment("learned", env_config={"env": env, "model": str(model)})
        .env_runners(num_env_runners=0)
        .training(train_batch_size_per_learner=batch, minibatch_size=128, num_epochs=4)
        .debugging(seed=seed)
    )
    return config.build_algo()
