"""Probes keep the shape of the windows, leave them alone, and do what their names say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.worlds import all_windows
from tsreward.errors import DataError, OptionError
from tsreward.sequences.probes import PROBES, apart, probe_windows, shuffled
from tsreward.sequences.windows import WindowSet


@pytest.fixture
def windows() -> Tensor:
    """Return windows [6, 5, 2] in which no number comes twice."""
    return torch.arange(60.0).reshape(6, 5, 2)


ORDERS = {
    "held": [4, 4, 4, 4, 4],
    "frozen": [0, 0, 0, 0, 0],
    "reversed_in_time": [4, 3, 2, 1, 0],
    "looped": [0, 1, 0, 1, 0],
}


@pytest.mark.parametrize("name", ORDERS)
def test_steps_come_in_the_order_of_the_name(name: str, windows: Tensor) -> None:
    assert torch.equal(PROBES[name](windows), windows[:, ORDERS[name]])


def test_every_window_is_shuffled_in_its_own_way_and_by_the_seed_alone(windows: Tensor) -> None:
    state = torch.random.get_rng_state()
    mixed = shuffled(windows, seed=3)
    orders = (mixed[:, :, 0] - windows[:, :1, 0]) / 2
    assert torch.equal(orders.sort(1).values, torch.arange(5.0).expand(6, 5))
    assert len(orders.unique(dim=0)) > 1
    assert torch.equal(mixed, shuffled(windows, seed=3)) and not torch.equal(mixed, shuffled(windows, seed=4))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("shape", [(3, 1, 2), (3, 4, 8, 8, 3), (0, 4, 2)])
def test_any_windows_will_do_and_stay_as_they_are(name: str, shape: tuple[int, ...]) -> None:
    windows = torch.randint(0, 255, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    before = windows.clone()
    made = PROBES[name](windows)
    assert (made.shape, made.dtype) == (windows.shape, windows.dtype)
    made.fill_(7)
    assert torch.equal(windows, before)


@pytest.mark.parametrize("frame_skip", [1, 3])
def test_windows_come_back_from_a_set_of_their_own(frame_skip: int, windows: Tensor) -> None:
    made = apart(windows, frame_skip)
    assert torch.equal(all_windows(made), windows)
    assert (made.window, made.frame_skip, made.episodes) == (5, frame_skip, 6)


def test_probes_of_a_set_are_made_of_its_windows() -> None:
    normal = WindowSet.from_episodes(
        [torch.arange(20.0)[:, None], torch.arange(100.0, 120.0)[:, None]], 4, frame_skip=2
    )
    made = {name: all_windows(probe)[..., 0] for name, probe in probe_windows(normal, 50, seed=2).items()}
    assert set(made["frozen"].unique().tolist()) == {0.0, 100.0}  # the episodes' own first observations
    drawn = made["reversed_in_time"].flip(1)
    assert torch.isin(drawn, normal.store).all()
    assert torch.equal(made["held"], drawn[:, -1:].expand(-1, 4))
    assert torch.equal(made["looped"], drawn[:, [0, 1, 0, 1]])
    with pytest.raises(OptionError, match="needs number >= 1, got 0"):
        probe_windows(normal, 0)
    with pytest.raises(DataError, match="got no windows to make probes of"):
        probe_windows(normal.where(torch.zeros(40, dtype=torch.bool)), 1)
