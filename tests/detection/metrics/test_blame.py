"""The rankings of channels that are known by hand."""

import numpy as np
import pytest

from tsreward.detection.metrics import hit_rate, ndcg
from tsreward.errors import DataError, OptionError, ShapeError

TRUTH = np.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 1]], dtype=bool)


def test_perfect_and_worst_rankings() -> None:
    assert hit_rate(TRUTH, TRUTH) == ndcg(TRUTH, TRUTH) == ndcg(TRUTH, TRUTH, 150) == 1.0
    assert hit_rate(TRUTH, -1.0 * TRUTH) == ndcg(TRUTH, -1.0 * TRUTH) == 0.0


def test_by_hand() -> None:
    parts = np.array([[1, 5, 9, 0, 0], [9, 0, 0, 0, 5]], dtype=float)
    assert hit_rate(TRUTH, parts) == pytest.approx((0.5 + 0) / 2)
    assert hit_rate(TRUTH, parts, 150) == pytest.approx((1.0 + 0) / 2)  # 3 of 5 and, of 1.5, one
    both = 1 + 1 / np.log2(3)
    assert ndcg(TRUTH, parts) == pytest.approx(1 / np.log2(3) / both / 2)


def test_random_blame_hits_by_chance() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((20_000, 10), dtype=bool)
    truth[:, :3] = True
    assert hit_rate(truth, rng.random(truth.shape)) == pytest.approx(0.3, abs=0.01)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ShapeError, match="truth and parts"):
        hit_rate(TRUTH, np.zeros((2, 4)))
    for truth, parts in ((np.zeros((1, 2)), np.zeros((1, 2))), (TRUTH, np.full(TRUTH.shape, np.nan))):
        with pytest.raises(DataError, match="finite parts"):
            ndcg(truth, parts)
    for metric in (hit_rate, ndcg):
        with pytest.raises(OptionError, match="100 % or more"):
            metric(TRUTH, TRUTH, 50)
