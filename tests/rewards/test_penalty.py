"""The penalty in its three forms, against arithmetic done by hand."""

import pytest
import torch

from tsreward.errors import OptionError
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.penalty import Penalty, PenaltyOptions

SCORES = torch.tensor([10.0, 94.0, 95.0, 96.5, 500.0])
ENV = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], dtype=torch.float64)


def calibrated() -> Calibration:
    calibration = Calibration()
    calibration.fit(torch.arange(99.0))  # threshold at 0.05: 94
    return calibration


def rewards(options: PenaltyOptions, unit: float | None = 2.0) -> list[float]:
    mode, calibration = Penalty(options), calibrated()
    mode.fit(calibration, unit)
    return mode(SCORES, calibration.p_value(SCORES), ENV).tolist()


def test_raw_takes_weight_times_score_past_the_threshold() -> None:
    got = rewards(PenaltyOptions(form="raw", weight=0.5), unit=None)
    assert got == pytest.approx([1.0, -2.0, 0.5 - 47.5, -48.25, 3.0 - 250.0])


def test_constant_takes_weight_times_unit_past_the_threshold() -> None:
    assert rewards(PenaltyOptions(form="constant", weight=3.0)) == pytest.approx([1.0, -2.0, 0.5 - 6, -6.0, 3.0 - 6])


def test_tail_grows_with_rarity_and_is_bounded_by_weight_times_unit() -> None:
    got = rewards(PenaltyOptions(form="tail", weight=3.0))
    # Tails (1 + #{>= s}) / 100: 0.90, 0.06, 0.05, 0.03, 0.01.
    assert got == pytest.approx([1.0, -2.0, 0.5 - 6 * 0.5, 0.0 - 6 * 0.7, 3.0 - 6 * 0.9], abs=1e-6)


def test_tail_lies_between_half_and_all_of_the_constant_form_where_flagged_and_is_zero_elsewhere(seed: int) -> None:
    mode, calibration = Penalty(PenaltyOptions(weight=1.0)), calibrated()
    mode.fit(calibration, 1.0)
    scores = 110 * torch.rand(2000, generator=torch.Generator().manual_seed(seed))
    size = -mode(scores, calibration.p_value(scores), torch.zeros(2000))
    flagged = scores > mode.threshold
    assert (size[~flagged] == 0).all()
    assert ((size[flagged] >= 0.5) & (size[flagged] < 1)).all() and flagged.sum() > 100


def test_a_floor_takes_no_more_than_it_says_and_pays_nothing() -> None:
    assert rewards(PenaltyOptions(form="constant", weight=3.0, floor=0.0)) == pytest.approx([1.0, -2.0, 0.0, 0.0, 0.0])
    assert rewards(PenaltyOptions(form="raw", weight=0.5, floor=0.0), unit=None)[1:] == pytest.approx([-2.0, 0, 0, 0])
    floored = rewards(PenaltyOptions(form="tail", weight=3.0, floor=1.5))
    assert floored == pytest.approx([1.0, -2.0, 0.5 - 6 * 0.5, -3.0, 3.0 - 6 * 0.9], abs=1e-6)
    mode = Penalty(PenaltyOptions(form="constant", floor=0.0))
    mode.fit(calibrated(), 1.0)
    bad = torch.full((5,), -4.0)
    assert mode(SCORES, calibrated().p_value(SCORES), bad).tolist() == [-4.0] * 5
    with pytest.raises(OptionError, match="in typical single-step"):
        Penalty(PenaltyOptions(form="raw", floor=1.0)).fit(calibrated(), None)


def test_an_option_for_the_unit_wins_over_the_measured_one() -> None:
    assert rewards(PenaltyOptions(form="constant", weight=1.0, unit=7.0))[-1] == pytest.approx(3.0 - 7.0)


def test_a_text_is_the_form_and_nothing_else_stands_for_options() -> None:
    assert Penalty("raw").options == PenaltyOptions(form="raw")
    with pytest.raises(OptionError, match=r"PenaltyOptions\.form must be 'tail', 'raw' or 'constant', got 'rough'"):
        Penalty("rough")
    with pytest.raises(OptionError, match=r"Penalty takes Penalty\(PenaltyOptions\(\.\.\.\)\), got 8\.0"):
        Penalty(8.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", [None, 0.0, float("nan")])
def test_without_a_unit_the_bounded_forms_refuse(unit: float | None) -> None:
    with pytest.raises(OptionError, match="typical single-step"):
        rewards(PenaltyOptions(form="tail"), unit)


def test_without_an_environment_reward_there_is_nothing_to_lower() -> None:
    with pytest.raises(OptionError, match="give env_reward"):
        Penalty()(SCORES, SCORES, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"form": "linear"}, "'tail', 'raw' or 'constant'"),
        ({"weight": -1.0}, "must be a finite number >= 0"),
        ({"weight": float("nan")}, "must be a finite number >= 0"),
        ({"false_alarm_rate": 0.0}, "must be a number in .0, 1."),
        ({"smoothing": 1.0}, "smoothing"),
    ],
)
def test_options_that_cannot_work_are_refused(values: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Penalty(PenaltyOptions(**values))
