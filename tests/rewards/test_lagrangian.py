"""The multiplier follows the share of flagged steps, within its bounds."""

import warnings

import pytest
import torch

from tsreward.errors import OptionError
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions


def fitted(**options: float) -> Lagrangian:
    calibration = Calibration()
    calibration.fit(torch.arange(99.0))
    mode = Lagrangian(LagrangianOptions(**options))
    mode.fit(calibration, 2.0)
    return mode


def test_the_multiplier_climbs_while_too_much_is_flagged_and_falls_again() -> None:
    mode = fitted(learning_rate=2.0, target=0.1)
    seen = []
    for share in (0.6, 0.35, 0.1, 0.0):
        mode.update(share)
        seen.append(float(mode.multiplier))
    assert seen == pytest.approx([1.0, 1.5, 1.5, 1.3])


def test_the_multiplier_stays_between_zero_and_its_cap() -> None:
    mode = fitted(learning_rate=100.0, cap=3.0)
    mode.update(0.9)
    assert float(mode.multiplier) == 3.0
    for _ in range(5):
        mode.update(0.0)
    assert float(mode.multiplier) == 0.0


def test_the_reward_is_a_weighted_mean_of_reward_and_penalty() -> None:
    mode = fitted(learning_rate=1.0, target=0.1)
    mode.update(0.6)  # μ = 0.5
    got = mode(torch.tensor([94.0, 95.0]), torch.ones(2), torch.tensor([3.0, 3.0]))
    assert got.tolist() == pytest.approx([3.0 / 1.5, (3.0 - 0.5 * 2.0) / 1.5])


def test_fitting_again_starts_from_zero() -> None:
    mode = fitted()
    mode.update(0.9, 100.0)
    calibration = Calibration()
    calibration.fit(torch.arange(9.0))
    mode.fit(calibration, 1.0)
    assert float(mode.multiplier) == 0.0 and float(mode.longest) == 0.0


def test_shrinking_episodes_are_warned_about_once() -> None:
    mode = fitted()
    mode.update(0.5, 200.0)
    mode.update(0.5, 150.0)
    with pytest.warns(RuntimeWarning, match="Episodes fell to 60 steps from 200"):
        mode.update(0.5, 60.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mode.update(0.5, 50.0)


@pytest.mark.parametrize("options", [{"target": 0.05}, {"target": 1.0}, {"false_alarm_rate": 0.2, "target": 0.1}])
def test_a_target_that_even_a_safe_agent_misses_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="even a safe agent"):
        Lagrangian(LagrangianOptions(**options))


def test_rate_and_cap_must_be_positive() -> None:
    with pytest.raises(OptionError, match="must be a finite number > 0"):
        Lagrangian(LagrangianOptions(cap=0.0))
