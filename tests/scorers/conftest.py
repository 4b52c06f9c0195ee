"""Windows that the tests of single scorers share."""

import pytest
from torch import Tensor

from tests.worlds import all_windows, waves
from tsreward.sequences.windows import WindowSet


@pytest.fixture(scope="session")
def normal(seed: int) -> WindowSet:
    return WindowSet.from_episodes(waves(seed), window=4)


@pytest.fixture(scope="session")
def unseen(seed: int) -> Tensor:
    return all_windows(WindowSet.from_episodes(waves(seed + 1, episodes=4), window=4))
