"""WindowSet against the obvious loop;"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.naive import sliding_windows
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.sequences.windows import WindowSet


def episodes(*lengths: int) -> list[Tensor]:
    """Return episodes [T, 2] whose values are all different, so that a window tells where it comes from."""
    rows = torch.arange(2.0 * sum(lengths)).view(-1, 2)
    return list(rows.split(list(lengths)))


def all_windows(windows: WindowSet) -> Tensor:
    return windows.gather(torch.arange(len(windows)))


def rows_seen(windows: WindowSet) -> set[float]:
    return set(all_windows(windows)[..., 0].flatten().tolist())


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4), window=st.integers(1, 5), frame_skip=st.integers(1, 3)
)
def test_windows_equal_the_loop_and_never_cross_episodes(lengths: list[int], window: int, frame_skip: int) -> None:
    if (window - 1) * frame_skip + 1 > max(lengths):
        with pytest.raises(DataError, match="use a shorter window or longer episodes"):
            WindowSet.from_episodes(episodes(*lengths), window, frame_skip)
        return
    windows = WindowSet.from_episodes(episodes(*lengths), window, frame_skip)
    expected = np.concatenate([sliding_windows(episode.numpy(), window, frame_skip) for episode in episodes(*lengths)])
    np.testing.assert_array_equal(all_windows(windows), expected)
    np.testing.assert_array_equal(torch.cat(list(windows.batches(5))), expected)
    assert windows.episodes == len(lengths)


def test_an_episode_shorter_than_the_window_repeats_its_first_step() -> None:
    windows = WindowSet.from_episodes(episodes(2, 6), window=4)
    assert windows.gather(torch.tensor([1]))[0, :, 0].tolist() == [0, 0, 0, 2]


def test_images_stay_bytes_and_sensors_keep_their_digits() -> None:
    images = WindowSet.from_episodes([np.zeros((5, 3, 4, 4), np.uint8)], window=2)
    assert images.gather(torch.tensor([0, 4])).shape == (2, 2, 3, 4, 4)
    assert images.store.dtype == torch.uint8
    for kind, wanted in ((np.int64, torch.float64), (np.float64, torch.float64), (np.float32, torch.float32)):
        assert WindowSet.from_episodes([np.zeros((5, 2), kind)], window=2).store.dtype == wanted


def test_the_given_arrays_are_copied_once_and_never_changed() -> None:
    array = np.ones((5, 2), np.float32)
    windows = WindowSet.from_episodes([array], window=2)
    array[:] = 7
    assert windows.store.max() == 1
    assert windows.where(torch.ones(5, dtype=torch.bool)).store.data_ptr() == windows.store.data_ptr()


def test_where_keeps_windows_whole() -> None:
    windows = WindowSet.from_episodes(episodes(4, 4), window=2)
    kept = windows.where(torch.arange(8) % 3 == 0)
    assert torch.equal(all_windows(kept), all_windows(windows)[[0, 3, 6]])


def test_any_step_looks_at_every_step_of_the_window() -> None:
    windows = WindowSet.from_episodes(episodes(4, 3), window=3)
    flags = np.array([0, 1, 0, 0, 0, 0, 1], bool)
    assert windows.any_step(flags).tolist() == [False, True, True, True, False, False, True]


def test_any_step_after_where_still_takes_one_flag_per_row() -> None:
    windows = WindowSet.from_episodes(episodes(4, 3), window=2).where(torch.arange(7) >= 4)
    assert windows.any_step(torch.arange(7) == 4).tolist() == [True, True, False]


def test_map_changes_rows_and_keeps_windows() -> None:
    windows = WindowSet.from_episodes(episodes(4, 3), window=2)
    assert torch.equal(all_windows(windows.map(lambda rows: 2 * rows)), 2 * all_windows(windows))


@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.99])
def test_split_takes_whole_episodes(seed: int, fraction: float) -> None:
    windows = WindowSet.from_episodes(episodes(5, 6, 7, 8), window=3)
    rest, taken = windows.split(fraction, seed)
    assert rest.episodes + taken.episodes == 4
    assert taken.episodes == min(3, max(1, round(4 * fraction)))
    assert len(rest) + len(taken) == len(windows)
    assert not rows_seen(rest) & rows_seen(taken)


def test_split_follows_the_seed() -> None:
    windows = WindowSet.from_episodes(episodes(*[5] * 12), window=3)
    parts = [rows_seen(windows.split(0.5, seed)[0]) for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(("window", "frame_skip"), [(1, 1), (4, 1), (3, 2)])
def test_one_episode_is_cut_in_time_without_overlap(seed: int, window: int, frame_skip: int) -> None:
    windows = WindowSet.from_episodes(episodes(40), window, frame_skip)
    first, second = windows.split(0.25, seed)
    assert len(second) == 10
    assert len(first) == 30 - (window - 1) * frame_skip
    assert max(rows_seen(first)) < min(rows_seen(second))


def test_too_little_to_split_is_refused(seed: int) -> None:
    with pytest.raises(DataError, match=r"4 windows of 1 episode\(s\) are too few to hold out 50% of them"):
        WindowSet.from_episodes(episodes(4), window=4).split(0.5, seed)


def test_moving_to_the_same_device_changes_nothing() -> None:
    windows = WindowSet.from_episodes(episodes(4, 3), window=2)
    assert torch.equal(all_windows(windows.to("cpu")), all_windows(windows))


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: WindowSet.from_episodes([], 2), DataError, r"got no episodes: give at least one array \[T, \*obs\]"),
    (
        lambda: WindowSet.from_episodes(episodes(5), 0),
        OptionError,
        "needs window >= 1 and frame_skip >= 1, got window=0",
    ),
    (lambda: WindowSet.from_episodes(episodes(5), 2, 0), OptionError, "got window=2, frame_skip=0"),
    (
        lambda: WindowSet.from_episodes(episodes(5), 4, 2),
        DataError,
        r"spans 7 steps \(window=4, frame_skip=2\) but the longest of 1 episodes has 5",
    ),
    (
        lambda: WindowSet.from_episodes([np.zeros((3, 2)), np.zeros((3, 4))], 2),
        ShapeError,
        r"episode 0 is \[3, 2\], episode 1 is \[3, 4\]",
    ),
    (lambda: WindowSet.from_episodes([np.zeros(3)], 2), ShapeError, r"episode 0 is \[3\]"),
    (
        lambda: WindowSet.from_episodes([np.zeros((3, 2)), np.array([[0.0], [np.nan]]).repeat(2, 1)], 2),
        DataError,
        "Episode 1 holds NaN or inf at step 1: fill or drop it before fitting",
    ),
    (
        lambda: WindowSet.from_episodes(episodes(5), 2).where(torch.ones(4, dtype=torch.bool)),
        ShapeError,
        r"where expects flags \[5\], got \[4\]",
    ),
    (
        lambda: WindowSet.from_episodes(episodes(5), 2).any_step(torch.ones(6)),
        ShapeError,
        r"any_step expects flags \[5\], got \[6\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_say_what_was_wanted_and_what_came(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_sets_are_joined_in_order_and_keep_their_windows() -> None:
    first, second = (WindowSet.from_episodes(part, window=3, frame_skip=2) for part in (episodes(6, 5), episodes(9)))
    some = second.where(torch.arange(9) % 2 == 0)
    both = WindowSet.concat([first, some])
    assert torch.equal(all_windows(both), torch.cat([all_windows(first), all_windows(some)]))
    assert both.episodes == 3


def test_sets_that_differ_are_not_joined() -> None:
    one = WindowSet.from_episodes(episodes(6), window=3)
    with pytest.raises(ShapeError, match=r"set 0 has \(3, 1, \[2\]\), set 1 has \(2, 1, \[2\]\)"):
        WindowSet.concat([one, WindowSet.from_episodes(episodes(6), window=2)])
    with pytest.raises(DataError, match="got no sets"):
        WindowSet.concat([])
