"""The flagged fraction stays what was asked for, by the guarantee, however the scores drift and are cut."""

import numpy as np
import pytest

from tsreward.detection.adaptive import AdaptiveOptions, AdaptiveThreshold
from tsreward.errors import DataError, OptionError

RNG = np.random.default_rng(0)
DRIFTS = {
    "none": RNG.normal(size=8000),
    "up": RNG.normal(size=8000) + np.linspace(0, 50, 8000),
    "step": RNG.normal(size=8000) + 30 * (np.arange(8000) > 2000),
    "wider": RNG.normal(size=8000) * np.linspace(1, 9, 8000),
    "equal": np.ones(8000),
    "adversary": np.where(np.arange(8000) % 2, 1e9, -1e9),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_the_guarantee_holds(name: str) -> None:
    scores, rate, gamma = DRIFTS[name], 0.02, 0.01
    options = AdaptiveOptions(gamma, 1000, bound=None)
    threshold = AdaptiveThreshold(np.random.default_rng(1).normal(size=1000), rate, options=options)
    high, low = threshold.push(scores)
    assert abs((scores > high).mean() - rate) <= (1 - rate + gamma) / (gamma * len(scores))
    assert (low <= high).all()


def test_a_static_threshold_does_not_hold() -> None:
    scores = DRIFTS["up"]
    assert (scores > np.quantile(DRIFTS["none"], 0.98)).mean() > 0.9


def test_what_follows_an_incident_is_still_seen() -> None:
    scores = np.abs(np.random.default_rng(3).normal(size=3000))
    scores[500:550] += 40
    scores[900:910] += 20
    normal = np.abs(np.random.default_rng(4).normal(size=2000))
    found = {}
    for bound in (5.0, None):
        high, _ = AdaptiveThreshold(normal, 0.01, options=AdaptiveOptions(bound=bound)).push(scores)
        found[bound] = (scores > high)[900:910].mean()
    assert found == {5.0: 1.0, None: 0.0}


def test_it_goes_on_where_it_was_cut() -> None:
    scores, normal = DRIFTS["wider"][:2000], DRIFTS["none"][:500]
    whole = AdaptiveThreshold(normal, 0.01).push(scores)
    for cut in (1, 700, 1999):
        first, then = AdaptiveThreshold(normal, 0.01), AdaptiveThreshold(normal, 0.01)
        parts = [first.push(scores[:cut])]
        then.load(first.state())
        parts.append(then.push(scores[cut:]))
        for place in (0, 1):
            np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), whole[place])


def test_no_threshold_looks_ahead() -> None:
    scores = DRIFTS["none"][:300].copy()
    before = AdaptiveThreshold(DRIFTS["none"][:500], 0.05).push(scores)[0]
    scores[200] = 1e6
    after = AdaptiveThreshold(DRIFTS["none"][:500], 0.05).push(scores)[0]
    np.testing.assert_array_equal(after[:201], before[:201])
    assert after[201] != before[201]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match="between 0 and 1, got 0"):
        AdaptiveThreshold(np.ones(3), 0)
    with pytest.raises(DataError, match="needs finite held-out scores"):
        AdaptiveThreshold(np.zeros(0), 0.1)
