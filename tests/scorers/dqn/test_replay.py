"""A memory with an end."""

import pytest
import torch

from tsreward.scorers.dqn.replay import Replay, Transitions


def some(*positions: int) -> Transitions:
    rows = torch.tensor(positions)
    return Transitions(rows, rows / 10, rows % 2 == 0)


@pytest.mark.parametrize("parts", [[(1, 2)], [(1, 2, 3), (4, 5, 6)], [tuple(range(23))], [(1,)] * 30])
def test_it_keeps_the_latest(parts: list[tuple[int, ...]]) -> None:
    replay = Replay(5)
    for part in parts:
        replay.add(some(*part))
    added = [position for part in parts for position in part]
    kept = replay.all()
    assert sorted(kept.positions.tolist()) == sorted(added[-5:])
    torch.testing.assert_close(kept.flags, kept.positions / 10)
    assert torch.equal(kept.done, kept.positions % 2 == 0)
    assert replay.filled == min(5, len(added))
