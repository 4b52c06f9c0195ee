"""The windows of the label benchmark: what is normal, what may be asked about, what is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tsreward.detection.datasets.smd import load_smd
from tsreward.detection.datasets.synthetic import yahoo_like
from tsreward.scorers.dqn.environment import DQNOptions
from tsreward.scorers.dqn.labelling import ActiveOptions
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class Split:
    """Windows to learn what is normal from (None: the pool), to ask about, and to evaluate, with labels."""

    name: str
    normal: WindowSet | None
    pool: WindowSet
    pool_labels: np.ndarray
    evaluated: WindowSet
    labels: np.ndarray
    agent: DQNOptions
    active: ActiveOptions

    @property
    def unlabelled(self) -> WindowSet:
        return self.pool if self.normal is None else self.normal


def smd_splits(folder: Path, machines: Sequence[str]) -> Iterator[Split]:
    """Yield one split per machine."""
    for task in load_smd(folder, machines or None):
        half, labels = len(task.test) // 2, np.asarray(task.test.labels)
        parts = [torch.from_numpy(part.values) for part in (task.train, task.test)]
        normal, pool, evaluated = (
            WindowSet.from_episodes([rows], 16) for rows in (parts[0], parts[1][:half], parts[1][half:])
        )
        active = ActiveOptions(budget=len(pool) // 100)
        yield Split(task.name, normal, pool, labels[:half], evaluated, labels[half:], DQNOptions(), active)


def yahoo_split(seed: int) -> Split:
    """Return the split of a synthetic set."""
    series: dict[str, list[np.ndarray]] = {"pool": [], "pool_labels": [], "evaluated": [], "labels": []}
    for task in yahoo_like(seed):
        mean, std = task.train.values.mean(), task.train.values.std()
        for part, name, known in ((task.train, "pool", "pool_labels"), (task.test, "evaluated", "labels")):
            series[name].append((part.values - mean) / std)
            series[known].append(np.asarray(part.labels))
    pool, evaluated = (WindowSet.from_episodes(series[name], 24) for name in ("pool", "evaluated"))
    pool_labels, labels = (np.concatenate(series[name]) for name in ("pool_labels", "labels"))
    # Its anomalies are single rows.
    agent = DQNOptions(error="last", vae_latent=16, vae_beta=0.01)
    active = ActiveOptions(budget=len(pool) // 100)
    return Split("yahoo_like", None, pool, pool_labels, evaluated, labels, agent, active)
