"""`Episode` holds arrays that fit together; `safe_windows` tells which of its windows are free of cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.naive import sliding_windows
from tsreward.errors import DataError, ShapeError
from tsreward.sequences.episodes import Episode, safe_windows
from tsreward.sequences.windows import WindowSet


def counting(costs: list[float]) -> Episode:
    """Return an episode whose observation t is the number t."""
    return Episode(np.arange(len(costs) + 1.0, dtype=np.float32)[:, None], costs=np.array(costs))


def steps(windows: WindowSet) -> list[list[int]]:
    """Return the numbers in every window."""
    return [[int(value) for value in window[:, 0]] for window in every(windows)]


def every(windows: WindowSet) -> np.ndarray:
    """Return all windows [B, K, D]."""
    return windows.gather(torch.arange(len(windows))).numpy()


def test_its_length_is_the_number_of_transitions() -> None:
    assert len(Episode(np.zeros((4, 2)), np.zeros(3), np.zeros(3), np.zeros((3, 1)))) == 3


@pytest.mark.parametrize("obs", [np.zeros((1, 2)), np.zeros((0, 2)), np.zeros(5)], ids=["one", "none", "flat"])
def test_an_episode_without_a_step_is_refused(obs: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"expects observations \[T \+ 1, \*obs\] of at least one step, got \["):
        Episode(obs)


@pytest.mark.parametrize("name", ["rewards", "costs", "actions"])
@pytest.mark.parametrize("number", [0, 2, 4])
def test_other_lengths_are_refused(name: str, number: int) -> None:
    with pytest.raises(ShapeError, match=f"expects 3 {name} for 4 observations, got {number}"):
        Episode(np.zeros((4, 2)), **{name: np.zeros(number)})


@pytest.mark.parametrize("name", ["rewards", "costs"])
def test_columns_are_refused(name: str) -> None:
    """[T, 1] would broadcast against scores [T] to [T, T]."""
    with pytest.raises(ShapeError, match=rf"expects {name} \[3\], got \[3, 1\]: flatten"):
        Episode(np.zeros((4, 2)), **{name: np.zeros((3, 1))})


def test_windows_with_a_cost_inside_are_not_safe_and_those_that_end_with_one_are_unsafe() -> None:
    safe, unsafe = safe_windows([counting([0, 0, 1, 0, 0, 0])], window=2)
    assert steps(safe) == [[0, 0], [0, 1], [1, 2], [4, 5], [5, 6]]
    assert unsafe is not None
    assert steps(unsafe) == [[2, 3]]  # [3, 4] has its cost before the end: it is neither


def test_a_cost_belongs_to_the_observation_at_which_its_step_arrives() -> None:
    safe, unsafe = safe_windows([counting([1, 0, 0])], window=1)
    assert steps(safe) == [[0], [2], [3]]
    assert unsafe is not None
    assert steps(unsafe) == [[1]]


@pytest.mark.parametrize("frame_skip", [1, 2])
def test_many_episodes_against_the_slow_way(frame_skip: int) -> None:
    rng = np.random.default_rng(frame_skip)
    episodes = [
        Episode(
            rng.normal(size=(length + 1, 2)).astype(np.float32), costs=(rng.random(length) < 0.2) * rng.random(length)
        )
        for length in (1, 4, 20, 35)
    ]
    safe, unsafe = safe_windows(episodes, window=3, frame_skip=frame_skip)
    wanted_safe, wanted_unsafe = [], []
    for episode in episodes:
        costs = np.concatenate([[0.0], episode.costs])
        windows, inside = sliding_windows(episode.obs, 3, frame_skip), sliding_windows(costs, 3, frame_skip)
        wanted_safe += [window for window, cost in zip(windows, inside, strict=True) if not cost.any()]
        wanted_unsafe += [window for window, cost in zip(windows, inside, strict=True) if cost[-1] > 0]
    assert unsafe is not None
    assert np.array_equal(every(safe), np.array(wanted_safe))
    assert np.array_equal(every(unsafe), np.array(wanted_unsafe))


def test_without_any_cost_nothing_is_unsafe() -> None:
    safe, unsafe = safe_windows([counting([0, 0]), counting([0, 0, 0])], window=2)
    assert len(safe) == 7
    assert unsafe is None


def test_without_any_safe_window_the_error_says_what_to_do() -> None:
    """The window of a first observation is always free of cost; alone it would be nothing to learn from."""
    episodes = [counting([1, 1, 1]), counting([0, 1, 0])]
    with pytest.raises(DataError, match=r"None of 3 windows of 3 steps is free of cost: collect from a safer agent"):
        safe_windows(episodes[:1], window=3)
    assert steps(safe_windows(episodes, window=3)[0]) == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_an_episode_without_costs_is_named() -> None:
    with pytest.raises(
        DataError, match=r"Episode 1 has no costs: collect from an environment that gives info\['cost'\]"
    ):
        safe_windows([counting([0, 0]), Episode(np.zeros((3, 1)))], window=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cost_that_is_not_finite_is_named(value: float) -> None:
    """NaN > 0 is false: without the check its step would count as safe."""
    with pytest.raises(DataError, match="Episode 1 has NaN or inf among its costs"):
        safe_windows([counting([0, 0]), counting([0, value])], window=1)
