"""Window indices against the obvious loop, for every mix of length, window and frame_skip."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.naive import sliding_windows as naive_sliding_windows
from tsreward.functional.windows import flat_steps, sliding_windows, window_rows


@given(length=st.integers(1, 20), window=st.integers(1, 8), frame_skip=st.integers(1, 4))
def test_sliding_windows_equal_the_loop(length: int, window: int, frame_skip: int) -> None:
    trajectory = torch.arange(2.0 * length).view(length, 2)
    expected = naive_sliding_windows(trajectory.numpy(), window, frame_skip)
    np.testing.assert_array_equal(sliding_windows(trajectory, window, frame_skip), expected)


def test_rows_before_the_episode_repeat_its_first() -> None:
    assert window_rows(torch.tensor([6]), torch.tensor([5]), window=4, frame_skip=2).tolist() == [[5, 5, 5, 6]]


@pytest.mark.parametrize(("steps", "expected"), [("last", [[2.0, 3.0]]), ("window", [[0.0, 1.0, 2.0, 3.0]])])
def test_flat_steps(steps: str, expected: list[list[float]]) -> None:
    assert flat_steps(torch.arange(4.0).view(1, 2, 2), steps).tolist() == expected
