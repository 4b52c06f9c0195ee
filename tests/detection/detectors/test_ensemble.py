"""The geometric mean of detectors."""

import numpy as np
import pytest

from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.ensemble import Ensemble
from tsreward.errors import OptionError

ROWS = np.random.default_rng(0).gamma(2.0, size=(200, 1))


class Scaled(Detector):
    """The first column, times a factor, to a power."""

    def __init__(self, factor: float, power: float = 1.0) -> None:
        self.factor, self.power = factor, power

    def learn(self, series) -> None:
        pass

    def measure(self, series) -> np.ndarray:
        return self.factor * series.values[:, 0] ** self.power


def fitted(*members: Detector) -> Ensemble:
    ensemble = Ensemble(members)
    ensemble.fit(ROWS)
    return ensemble


def test_a_members_scale_is_only_a_scale() -> None:
    one, other = fitted(Scaled(1), Scaled(1, 2)), fitted(Scaled(1e6), Scaled(1e-3, 2))
    ratio = one.score(ROWS) / other.score(ROWS)
    np.testing.assert_allclose(ratio, ratio[0])


def test_it_is_the_geometric_mean() -> None:
    values = ROWS[:, 0]
    floors = np.quantile(values, 0.01), np.quantile(values**2, 0.01)
    expected = np.sqrt((values + floors[0]) * (values**2 + floors[1]))
    np.testing.assert_allclose(fitted(Scaled(1), Scaled(1, 2)).score(ROWS), expected)


def test_negative_scores_are_refused() -> None:
    with pytest.raises(OptionError, match="Scaled gives negative scores"):
        fitted(Scaled(-1))
    with pytest.raises(OptionError, match="at least one detector"):
        Ensemble([])
