"""Placing and smoothing scores, against loops that say the same slowly."""

import numpy as np
import pytest

from tsreward.detection.detectors.smoothing import moving_average, place_scores

SCORES = np.random.default_rng(0).gamma(1.0, size=57)


def covering(scores, window):
    rows = len(scores)
    return [np.mean([scores[min(row + ahead, rows - 1)] for ahead in range(window)]) for row in range(rows)]


def around(scores, width, ahead):
    rows = range(len(scores))
    return [np.mean(scores[max(0, row + ahead - width + 1) : row + ahead + 1]) for row in rows]


def test_the_last_row_keeps_the_score() -> None:
    assert place_scores(SCORES, 5, "last") is SCORES


@pytest.mark.parametrize("window", [1, 2, 5, 10, 80])
def test_the_centre_is_half_a_window_back(window: int) -> None:
    expected = [SCORES[min(row + window // 2, len(SCORES) - 1)] for row in range(len(SCORES))]
    np.testing.assert_array_equal(place_scores(SCORES, window, "centre"), expected)


@pytest.mark.parametrize("window", [1, 2, 5, 10, 80])
def test_covering_averages_all_windows_with_the_row(window: int) -> None:
    np.testing.assert_allclose(place_scores(SCORES, window, "covering"), covering(SCORES, window))


@pytest.mark.parametrize("width", [1, 2, 3, 10, 11, 80])
def test_moving_averages(width: int) -> None:
    np.testing.assert_allclose(moving_average(SCORES, width, "causal"), around(SCORES, width, 0))
    np.testing.assert_allclose(moving_average(SCORES, width, "centred"), around(SCORES, width, width // 2))


def test_a_huge_score_leaves_no_rounding_behind() -> None:
    scores = np.array([1e-3] * 50 + [1e18] + [1e-3] * 50)
    np.testing.assert_allclose(moving_average(scores, 10, "causal")[60:], 1e-3)
