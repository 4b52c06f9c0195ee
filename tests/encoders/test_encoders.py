"""Encoders: shapes, purity, and what sorting lidar is for."""

import pytest
import torch

from tsreward.encoders.base import Identity
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.errors import OptionError, ShapeError


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (torch.float64, torch.float64),
        (torch.int64, torch.float64),
        (torch.int32, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.uint8, torch.float32),
        (torch.bool, torch.float32),
    ],
)
def test_identity_flattens_and_loses_no_digit(given: torch.dtype, wanted: torch.dtype) -> None:
    obs = torch.arange(12).reshape(2, 2, 3).to(given)
    features = Identity((2, 3))(obs)
    assert features.dtype == wanted and features.tolist() == obs.reshape(2, 6).tolist()
    assert Identity((1,))(torch.tensor([[1e9 + 1e-6]], dtype=torch.float64)).item() == 1e9 + 1e-6


def test_sorted_lidar_does_not_turn_with_the_robot(seed: int) -> None:
    rings = torch.rand(5, 16, generator=torch.Generator().manual_seed(seed))
    others = torch.rand(5, 3, generator=torch.Generator().manual_seed(seed + 1))
    encoder = SortedLidar((19,), SortedLidarOptions(groups=((3, 19),)))
    still = encoder(torch.cat([others, rings], 1))
    turned = encoder(torch.cat([others, rings.roll(5, 1)], 1))
    assert torch.equal(still, turned)
    assert torch.equal(still[:, :3], others) and torch.equal(still[:, 3], rings.max(1).values)


def test_the_observation_is_not_changed() -> None:
    obs = torch.tensor([[1.0, 2.0, 3.0]])
    SortedLidar((3,), SortedLidarOptions(groups=((0, 3),)))(obs)
    assert obs.tolist() == [[1.0, 2.0, 3.0]]


def test_another_observation_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"expects observations \[B, 4\], got \[B, 5\]"):
        Identity((4,))(torch.zeros(2, 5))


@pytest.mark.parametrize("groups", [((0, 5),), ((2, 2),)])
def test_groups_outside_the_observation_are_refused(groups: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(OptionError, match="lies outside"):
        SortedLidar((4,), SortedLidarOptions(groups=groups))


def test_groups_that_no_observation_has_are_refused() -> None:
    with pytest.raises(OptionError, match=r"SortedLidarOptions.groups must be .* integer >= 0, got \(\(-1, 2\),\)"):
        SortedLidarOptions(groups=((-1, 2),))


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="observation shape"):
        Identity(())
    with pytest.raises(OptionError, match="flat observations"):
        SortedLidar((2, 2))
