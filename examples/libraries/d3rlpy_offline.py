"""Offline reinforcement learning of d3rlpy on relabelled episodes: learned rewards take the place of the old ones."""

from __future__ import annotations

from collections.abc import Sequence

import d3rlpy
import numpy as np

import tsreward


def dataset_of(model: tsreward.RewardModel, episodes: Sequence[tsreward.Episode]) -> d3rlpy.dataset.MDPDataset:
    """Return the transitions of episodes with learned rewards; each needs actions, and rewards for a penalty."""
    earned = tsreward.relabel(model, list(episodes))
    ends = [np.arange(len(episode)) == len(episode) - 1 for episode in episodes]
    terminated = [end & bool(episode.terminated) for episode, end in zip(episodes, ends, strict=True)]
    return d3rlpy.dataset.MDPDataset(
        observations=np.concatenate([episode.obs[:-1] for episode in episodes]),
        actions=np.concatenate([episode.actions for episode in episodes]),
        rewards=np.concatenate([step.reward.numpy() for step in earned]).astype(np.float32),
        terminals=np.concatenate(terminated).astype(np.float32),
        timeouts=np.concatenate([e & ~t for e, t in zip(ends, terminated, strict=True)]).astype(np.float32),
    )


def trained(dataset: d3rlpy.dataset.MDPDataset, steps: int = 1000, seed: int = 0) -> d3rlpy.algos.TD3PlusBC:
    """Return an agent of TD3+BC."""
    d3rlpy.seed(seed)
    agent = d3rlpy.algos.TD3PlusBCConfig(batch_size=64).create(device="cpu:0")
    logger = d3rlpy.logging.NoopAdapterFactory()
    agent.fit(dataset, n_steps=steps, n_steps_per_epoch=steps, show_progress=False, logger_adapter=logger)
    return agent
