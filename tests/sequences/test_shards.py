"""Windows that are read in parts are those of the whole."""

from __future__ import annotations

import pytest
import torch

from tsreward.errors import DataError
from tsreward.sequences.shards import BLOCK, Shards
from tsreward.sequences.windows import WindowSet


def shard(place: int) -> WindowSet:
    """Return windows over two episodes, whose rows no other shard has."""
    rows = torch.arange(1_000.0)[:, None] + 10_000 * place
    return WindowSet.from_episodes([rows[:400], rows[400:]], window=3, frame_skip=2)


SHARDS = Shards(5, shard)


def test_a_shard_is_read_when_it_is_looked_at():
    seen: list[int] = []

    def read(place: int) -> WindowSet:
        seen.append(place)
        return shard(place)

    shards = Shards(5, read)
    rest, held = shards.split(0.2, seed=0)
    assert (len(rest), len(held), seen) == (4, 1, [])
    assert len(list(rest)) == 4 and len(seen) == 4
    doubled = held.map(lambda one: one.map(lambda rows: 2 * rows))
    assert torch.equal(doubled[0].store, 2 * held[0].store)
    with pytest.raises(IndexError):
        shards[5]
    with pytest.raises(DataError, match="two or more, got 1"):
        Shards(1, shard).split(0.2, seed=0)


def test_all_shards_are_split_without_overlap_and_the_same_every_time():
    parts = [SHARDS.split(0.4, seed=3) for _ in range(2)]
    stores = [[float(one.store[0]) for half in split for one in half] for split in parts]
    assert stores[0] == stores[1] and sorted(stores[0]) == [10_000.0 * place for place in range(5)]


def test_a_sample_holds_windows_as_they_were():
    drawn = SHARDS.sample(1_500, seed=0)
    assert 1_500 - 5 * BLOCK <= len(drawn) <= 1_500 + 5 * BLOCK
    whole = {tuple(window) for one in SHARDS for window in one.gather(torch.arange(len(one)))[..., 0].tolist()}
    found = [tuple(window) for window in drawn.gather(torch.arange(len(drawn)))[..., 0].tolist()]
    assert set(found) <= whole and len(set(found)) == len(found)
    assert len({int(window[-1] // 10_000) for window in found}) == 5  # of every shard
    assert len(drawn.store) < len(drawn) + 2 * 2 * drawn.episodes + 1  # and only the rows that they need
    assert not torch.equal(drawn.store[:50], SHARDS.sample(1_500, seed=1).store[:50])


def test_a_sample_of_more_than_there_is_is_all():
    assert len(SHARDS.sample(10**9, seed=0)) == 5_000
