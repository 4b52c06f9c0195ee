"""Tail probabilities and thresholds keep the promise that users choose: the share of false alarms."""

import math

import pytest
import torch

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.rewards.calibration import Calibration


def fitted(scores: torch.Tensor, size: int = 4096) -> Calibration:
    calibration = Calibration(size)
    calibration.fit(scores)
    return calibration


def naive_tail(normal: list[float], score: float) -> float:
    return (1 + sum(value >= score for value in normal)) / (len(normal) + 1)


def test_the_tail_is_the_conformal_p_value_ties_included(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    normal = torch.randint(0, 20, (57,), generator=draw).float()
    asked = torch.linspace(-1, 21, 89)
    expected = [naive_tail(normal.tolist(), score) for score in asked.tolist()]
    assert fitted(normal).p_value(asked).tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
def test_fresh_normal_scores_are_flagged_at_the_rate_that_was_asked_for(rate: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    calibration = fitted(torch.randn(4000, generator=draw).exp())
    fresh = torch.randn(200_000, generator=draw).exp()
    flagged = float((fresh > calibration.threshold(rate)).float().mean())
    assert flagged == pytest.approx(rate, abs=3.5 * math.sqrt(rate * (1 - rate) / 4000))


@pytest.mark.parametrize("rate", [0.013, 0.05, 0.3])
@pytest.mark.parametrize("count", [3, 19, 20, 100, 257])
def test_a_score_is_flagged_exactly_where_its_tail_is_below_the_rate(rate: float, count: int, seed: int) -> None:
    normal = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    calibration = fitted(normal)
    asked = torch.cat([normal, normal + 1e-4, torch.tensor([-9.0, 9.0])])
    flagged = asked > calibration.threshold(rate)
    possible = rate >= 1 / (count + 1)  # with fewer normal scores no tail is that small
    if possible:
        assert torch.equal(flagged, calibration.p_value(asked) <= rate)
    else:
        assert calibration.threshold(rate) == normal.max()


def test_more_scores_than_the_buffer_are_thinned_evenly(seed: int) -> None:
    normal = torch.randn(50_000, generator=torch.Generator().manual_seed(seed))
    whole, thinned = fitted(normal, size=50_000), fitted(normal, size=1024)
    asked = torch.linspace(-3, 3, 101)
    assert torch.allclose(whole.p_value(asked), thinned.p_value(asked), atol=2 / 1024)
    assert thinned.scores[0] == normal.min() and thinned.scores[-1] == normal.max()


def test_the_state_has_one_shape_however_many_scores_there_are() -> None:
    assert fitted(torch.ones(3)).scores.shape == fitted(torch.ones(9000)).scores.shape == (4096,)


def test_fitting_again_forgets_what_was_before() -> None:
    calibration = fitted(torch.arange(100.0))
    calibration.fit(torch.tensor([5.0]))
    assert calibration.p_value(torch.tensor([5.0, 5.1])).tolist() == [1.0, 0.5]


def test_quantiles_are_nearest_ranks() -> None:
    calibration = fitted(torch.arange(101.0))
    assert [calibration.quantile(share) for share in (0.0, 0.5, 0.9, 1.0)] == [0.0, 50.0, 90.0, 100.0]


def test_wrong_use_is_refused() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        Calibration().p_value(torch.ones(1))
    with pytest.raises(ShapeError, match=r"scores \[N\], got \[2, 2\]"):
        Calibration().fit(torch.ones(2, 2))
    with pytest.raises(DataError, match="finite"):
        Calibration().fit(torch.tensor([1.0, math.nan]))
    with pytest.raises(DataError, match="finite"):
        Calibration().fit(torch.empty(0))
    with pytest.raises(OptionError, match="between 0 and 1"):
        fitted(torch.ones(3)).threshold(1.0)
