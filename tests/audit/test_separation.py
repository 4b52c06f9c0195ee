"""Areas are exact, and their intervals know that steps of an episode belong together."""

from __future__ import annotations

import numpy as np
import pytest

from tsreward.audit import separation as module
from tsreward.audit.separation import episode_weights, interval, separation
from tsreward.detection.metrics import average_precision, roc_auc
from tsreward.errors import DataError


def groups(seed, episodes=6, steps=50, shift=0.0, spread=0.0):
    rng = np.random.default_rng(seed)
    return [rng.normal(shift + spread * rng.normal(), 1, steps).astype(np.float32) for _ in range(episodes)]


def test_areas_are_those_of_the_metrics():
    normal, strange = groups(0), groups(1, shift=1.0)
    found = separation("a", normal, strange, seed=0)
    scores, labels = np.concatenate([*normal, *strange]), np.repeat([0, 1], 300)
    assert found.roc.value == roc_auc(labels, scores)
    assert found.pr.value == average_precision(labels, scores)
    assert found.fraction == 0.5
    assert found.roc.low < found.roc.value < found.roc.high
    assert found.pr.low < found.pr.value < found.pr.high


@pytest.mark.parametrize("together", [False, True])
def test_every_draw_is_that_of_repeated_episodes(together):
    """The areas of a draw against those of the metrics on episodes that are really repeated."""
    normal, strange = groups(0, 3, 20), groups(1, 3, 15, shift=0.5)
    edges = np.unique(np.concatenate([*normal, *strange]))
    rng = np.random.default_rng(0)
    weights = episode_weights(rng, 3, draws=5)
    others = weights if together else episode_weights(rng, 3, draws=5)
    rocs, precisions = module._areas(weights @ module._counts(normal, edges), others @ module._counts(strange, edges))
    for row in range(5):
        low = np.concatenate([np.tile(part, times) for part, times in zip(normal, weights[row], strict=True)])
        high = np.concatenate([np.tile(part, times) for part, times in zip(strange, others[row], strict=True)])
        scores, labels = np.concatenate([low, high]), np.repeat([0, 1], [len(low), len(high)])
        assert rocs[row] == pytest.approx(roc_auc(labels, scores), abs=1e-12)
        assert precisions[row] == pytest.approx(average_precision(labels, scores), abs=1e-12)


def test_episodes_that_differ_make_wide_intervals():
    width = {}
    for spread in (0.0, 2.0):
        found = separation("a", groups(0, spread=spread), groups(1, shift=1.0, spread=spread), seed=0)
        width[spread] = found.roc.high - found.roc.low
    assert width[2.0] > 3 * width[0.0]


def test_many_scores_are_binned_and_the_interval_stays():
    normal, strange = groups(0, steps=2000), groups(1, steps=2000, shift=1.0)
    found = separation("a", normal, strange, seed=0)
    assert found.roc.low < found.roc.value < found.roc.high
    assert found.roc.high - found.roc.low < 0.05
    assert len(found.curve) <= 122


def test_the_curve_goes_from_nothing_to_all():
    curve = np.array(separation("a", groups(0), groups(1, shift=1.0), seed=0).curve)
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]
    assert (np.diff(curve, axis=0) >= 0).all()


def test_episodes_without_a_step_of_one_kind_are_allowed():
    found = separation("a", [np.zeros(3), np.zeros(0)], [np.zeros(0), np.ones(2)], seed=0, together=True)
    assert (found.roc.value, found.roc.low, found.roc.high) == (1.0, 1.0, 1.0)


def test_one_kind_only_is_refused():
    with pytest.raises(DataError, match="needs both classes"):
        separation("a", [np.zeros(3)], [np.zeros(0)], seed=0)


def test_nothing_drawn_leaves_the_value():
    assert interval(0.3, np.array([np.nan])).low == 0.3
