"""A decreasing function of the score, with clipping to quantiles of normal scores."""

import itertools
import math

import pytest
import torch

from tsreward.errors import DataError, OptionError
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.likeness import Likeness, LikenessOptions


def rewards(scores: list[float], probes: list[float] | None = None, **options: object) -> list[float]:
    calibration = Calibration()
    calibration.fit(torch.arange(101.0))  # median 50, q90 - q50 = 40
    mode = Likeness(LikenessOptions(**options))  # type: ignore[arg-type]
    mode.fit(calibration, None, None if probes is None else torch.tensor(probes))
    asked = torch.tensor(scores)
    return mode(asked, calibration.p_value(asked), None).tolist()


def test_exponential_is_one_up_to_the_median_and_falls_by_e_with_every_spread() -> None:
    assert rewards([0.0, 50.0, 90.0, 130.0]) == pytest.approx([1.0, 1.0, math.exp(-1), math.exp(-2)])


def test_negative_is_the_distance_to_the_median_in_spreads() -> None:
    assert rewards([10.0, 50.0, 130.0], transform="negative") == pytest.approx([1.0, 0.0, -2.0])


def test_tail_is_the_tail_probability() -> None:
    assert rewards([-1.0, 1000.0], transform="p_value") == pytest.approx([1.0, 1 / 102])


def test_scores_are_clipped_to_quantiles_of_normal_ones() -> None:
    got = rewards([-1e6, 1e6], transform="negative", clip_low=0.1, clip_high=0.9)
    assert got == pytest.approx([1.0, -1.0])


def test_a_scale_of_ones_own() -> None:
    assert rewards([60.0], scale=10.0) == pytest.approx([math.exp(-1)])


def test_auto_pays_a_twentieth_where_nine_tenths_of_the_probes_lie_above() -> None:
    probes = torch.linspace(100, 200, 101).tolist()  # the 10 % quantile is 110
    assert rewards([50.0, 70.0, 110.0], probes, transform="auto") == pytest.approx([1.0, math.exp(-1), math.exp(-3)])
    assert rewards([60.0], probes, transform="auto", scale=10.0) == pytest.approx([math.exp(-1)])


def test_auto_never_falls_below_a_quarter_of_the_normal_spread() -> None:
    for probes in ([0.0], [50.0], [50.0 + 1e-3]):
        assert rewards([50.0, 60.0], probes, transform="auto") == pytest.approx([1.0, math.exp(-1)])


@pytest.mark.parametrize("probes", [None, []])
def test_auto_without_probes_is_refused(probes: list[float] | None) -> None:
    with pytest.raises(DataError, match=r"'auto' measures its scale .* and got none: give fit\(..., probes=...\)"):
        rewards([1.0], probes, transform="auto")


def test_odds_and_least_squares_take_the_score_as_it_is() -> None:
    assert rewards([0.0, 1.0, 3.0], transform="odds") == pytest.approx([1.0, 0.75, 0.19])
    assert rewards([0.0, 1.0, 3.0], transform="least_squares") == pytest.approx([1.0, 0.75, 0.0])


@pytest.mark.parametrize("transform", ["exponential", "negative", "p_value"])
def test_every_transform_decreases(transform: str) -> None:
    got = rewards(torch.linspace(-50, 500, 200).tolist(), transform=transform)
    assert all(later <= earlier for earlier, later in itertools.pairwise(got)) and got[0] > got[-1]


def test_options_that_cannot_work_are_refused() -> None:
    with pytest.raises(
        OptionError, match=r"LikenessOptions.transform must be 'exponential', .* or 'least_squares', got 'c"
    ):
        Likeness(LikenessOptions(transform="cubic"))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="scale must be a finite number > 0 or None"):
        Likeness(LikenessOptions(scale=0.0))
