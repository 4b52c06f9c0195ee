"""Episodes come back from a file as they went in; whatever else is in the file is an error that names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.scripted import scripts
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.errors import DataError
from tsreward.sequences.episodes import Episode


@pytest.fixture
def episodes(seed) -> list[Episode]:
    drawn = scripts(seed, 1)[0]
    return [replace(episode, actions=np.full((len(episode), 2), index)) for index, episode in enumerate(drawn)]


def same(first: Episode, second: Episode) -> bool:
    arrays = [(getattr(first, name), getattr(second, name)) for name in ("obs", "rewards", "costs", "actions")]
    return first.terminated == second.terminated and all(
        (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b)) for a, b in arrays
    )


@pytest.mark.parametrize("without", [(), ("costs",), ("rewards", "costs", "actions")])
def test_episodes_come_back_as_they_were(tmp_path, episodes, without):
    episodes = [replace(episode, **dict.fromkeys(without)) for episode in episodes]
    save_episodes(episodes, tmp_path / "e.npz")
    loaded = load_episodes(tmp_path / "e.npz")
    assert len(loaded) == len(episodes)
    assert all(map(same, loaded, episodes))


def test_pictures_stay_bytes(tmp_path):
    picture = Episode(np.arange(48, dtype=np.uint8).reshape(3, 4, 4))
    save_episodes([picture], tmp_path / "e.npz")
    assert same(load_episodes(tmp_path / "e.npz")[0], picture)


def test_only_what_all_episodes_have_can_be_written(tmp_path, episodes):
    mixed = [episodes[0], replace(episodes[1], costs=None)]
    with pytest.raises(DataError, match="1 of 2 episodes have costs: give it to all or to none"):
        save_episodes(mixed, tmp_path / "e.npz")
    with pytest.raises(DataError, match="No episodes to write"):
        save_episodes([], tmp_path / "e.npz")
    assert list(tmp_path.iterdir()) == []


def rewritten(path: Path, **changed: np.ndarray | None) -> Path:
    with np.load(path) as file:
        arrays = dict(file) | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"terminated": None}, "lacks terminated: write it with"),
        ({"lengths": np.array([1.5, 2.0])}, "'lengths' must be positive integers"),
        ({"lengths": np.array([0, 17])}, "'lengths' must be positive integers"),
        ({"lengths": np.array([], np.int64)}, "'lengths' must be positive integers"),
        ({"lengths": np.array([2, 1, 9, 6])}, "'lengths' promises 22 rows of 'obs', found shape"),
        ({"rewards": np.ones(3)}, "'lengths' promises 17 rows of 'rewards', found shape"),
        ({"obs": np.ones(21)}, "expects observations"),
        ({"obs": np.full((21, 3), np.inf)}, "'obs' of episode 0 holds NaN or inf at step 0"),
        ({"costs": np.r_[np.zeros(16), np.nan]}, "'costs' of episode 3 holds NaN or inf at step 4"),
        ({"obs": np.full((21, 3), "a")}, "array 'obs' must hold real numbers"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path, episodes, changed, message):
    save_episodes(episodes, tmp_path / "e.npz")
    with pytest.raises(DataError, match=f"e.npz.*{message}"):
        load_episodes(rewritten(tmp_path / "e.npz", **changed))


def test_no_damage_goes_unseen_or_raises_anything_else(tmp_path, episodes, seed):
    path = tmp_path / "e.npz"
    save_episodes(episodes, path)
    whole, rng = path.read_bytes(), np.random.default_rng(seed)
    refused = 0
    for case in range(400):
        damaged = bytearray(whole)
        if case % 2:
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        else:
            del damaged[rng.integers(len(whole)) :]
        path.write_bytes(damaged)
        try:
            loaded = load_episodes(path)
        except DataError as error:
            assert str(path) in str(error)
            refused += 1
        else:  # e.g. a date in the archive's directory
            assert all(map(same, loaded, episodes))
    assert refused > 300
