"""EPIC does not see constants, scales and potentials, and sees the opposite."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.circles import circles, moving_model
from tsreward.audit.agreement import _canonical, epic, kendall, pearson, pearson_distance, spearman
from tsreward.audit.behaviour import observe

GAMMA = 0.99


def base(start, end):
    return np.sin(3 * start[:, 0]) * end[:, 1] + end[:, 0]


def shaped(start, end):
    potential = [np.cos(5 * part[:, 0]) * part[:, 1] ** 2 for part in (start, end)]
    return 7 * base(start, end) + 4 + 50 * (GAMMA * potential[1] - potential[0])


def draws():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 2)), rng.normal(size=(40, 2)), rng.normal(size=(16, 2))


def test_potentials_scales_and_constants_are_not_seen():
    start, end, states = draws()
    first, second = _canonical(base, start, end, states), _canonical(shaped, start, end, states)
    assert pearson(base(start, end), shaped(start, end)) < 0.5
    # With as many states as are averaged over, only the states' own mean is left of the potential: exact to rounding.
    assert pearson(first, second) == pytest.approx(1.0, abs=1e-9)
    assert pearson(first, _canonical(lambda *pair: -shaped(*pair), start, end, states)) == pytest.approx(-1, abs=1e-9)


def test_the_canonical_shape_against_an_obvious_twin():
    start, end, states = draws()

    def one(a, b):
        return float(base(a[None], b[None])[0])

    everywhere = np.mean([one(a, b) for a in states for b in states])
    expected = [
        one(a, b) + GAMMA * np.mean([one(b, s) for s in states]) - np.mean([one(a, s) for s in states])
        - GAMMA * everywhere
        for a, b in zip(start, end, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(_canonical(base, start, end, states), expected)
    tensors = [torch.from_numpy(part) for part in (start, end, states)]
    np.testing.assert_allclose(_canonical(lambda *pair: base(*map(np.asarray, pair)), *tensors), expected)


def test_a_model_is_near_a_truth_that_it_follows_and_far_from_its_opposite():
    model = moving_model("last")
    pool = [observe(model, "good", circles(1)), observe(model, "bad", circles(2, 0.0))]
    truth = [behaviour.column("rewards") for behaviour in pool]
    near = epic(model, pool, truth, seed=0)
    far = epic(model, pool, [-column for column in truth], seed=0)
    assert near.distance < 0.3 < 0.7 < far.distance
    assert near.pearson_distance < 0.3
    assert near.distance**2 + far.distance**2 == pytest.approx(1)
    assert not near.exact_truth
    assert near.transitions == 256


def test_a_true_reward_that_can_be_asked_is_asked():
    model = moving_model("last")
    pool = [observe(model, "good", circles(1)), observe(model, "bad", circles(2, 0.0))]
    truth = [behaviour.column("rewards") for behaviour in pool]

    def on_the_circle(start, end):
        return (np.abs(np.linalg.norm(end, axis=1) - 1) < 0.1) * 1.0 + 20 * (GAMMA * end[:, 0] - start[:, 0])

    found = epic(model, pool, truth, seed=0, true_reward=on_the_circle)
    assert found.exact_truth
    assert found.distance < 0.3


def test_a_constant_truth_has_no_distance():
    model = moving_model()
    pool = [observe(model, "good", circles(1))]
    assert epic(model, pool, [np.ones(640)], seed=0) is None


def test_ends_of_the_scale():
    assert (pearson_distance(1.0), pearson_distance(-1.0)) == (0.0, 1.0)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), [(pearson, "pearsonr"), (spearman, "spearmanr"), (kendall, "kendalltau")])
def test_against_scipy(ours, theirs, ties):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=40), rng.normal(size=40)
    second += first
    if ties:
        first, second = first.round(), second.round()
    assert ours(first, second) == pytest.approx(getattr(stats, theirs)(first, second).statistic, abs=1e-12)


@pytest.mark.parametrize("correlation", [pearson, spearman, kendall])
def test_a_constant_has_none(correlation):
    assert correlation(np.ones(4), np.arange(4.0)) is None
    assert correlation(np.arange(1.0), np.arange(1.0)) is None
