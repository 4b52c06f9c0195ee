"""A small pool with a few anomalies, for the tests of the agent."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from tests.worlds import waves
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

QUICK = TrainOptions(windows_per_epoch=512, epochs=6)


class Pool(NamedTuple):
    windows: WindowSet
    labels: Tensor


@pytest.fixture(scope="session")
def pool(seed: int) -> Pool:
    """Return windows of which every 29th row, in half of the columns, is not where it belongs."""
    episodes = waves(seed + 7, episodes=4)
    labels = []
    for episode in episodes:
        episode[10::29, :3] += 4.0
        labels.append(torch.arange(len(episode)) % 29 == 10)
    return Pool(WindowSet.from_episodes(episodes, window=4), torch.cat(labels).long())
