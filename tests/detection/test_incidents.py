"""Incidents: joined, left out, ranked, and as rare on normal rows as was asked for."""

import numpy as np
import pytest

from tsreward.detection.incidents import (
    IncidentOptions,
    excursions,
    find_incidents,
    mark_known,
    most_similar,
    p_values,
    rate_threshold,
    swings,
)
from tsreward.errors import DataError, OptionError, ShapeError


def naive(scores, high, low, options, starts):
    """Walk through the rows, as `find_incidents` does at once."""
    found, start, stop = [], None, None
    for row, score in enumerate(scores):
        if starts[row] or (start is not None and row - stop > options.merge_rows):
            found.append((start, stop))
            start = None
        if score > low:
            start, stop = row if start is None else start, row + 1
    found.append((start, stop))
    runs = [one for one in found if one[0] is not None]
    return [one for one in runs if max(scores[slice(*one)]) > high and one[1] - one[0] >= options.min_rows]


@pytest.mark.parametrize("seed", range(30))
def test_runs_are_those_of_a_walk_through_the_rows(seed) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=200)
    starts = rng.random(200) < 0.05
    options = IncidentOptions(min_rows=int(rng.integers(1, 5)), merge_rows=int(rng.integers(0, 4)))
    found = find_incidents(scores, 1.0, 0.3, options, starts)
    assert [(one.start, one.stop) for one in found] == naive(scores, 1.0, 0.3, options, starts)
    assert all(scores[one.row] == one.peak == scores[one.start : one.stop].max() for one in found)


def test_a_score_that_wavers_is_one_incident() -> None:
    scores = np.tile([2.1, 1.9], 20)
    one = IncidentOptions(merge_rows=0)
    assert len(find_incidents(scores, 2.0, None, one)) == 20
    assert [(found.start, found.stop) for found in find_incidents(scores, 2.0, 1.0, one)] == [(0, 40)]


def test_short_ones_are_left_out_and_near_ones_joined() -> None:
    scores = np.zeros(50)
    scores[[10, 11, 14, 15, 40]] = 2
    options = IncidentOptions(min_rows=3, merge_rows=2)
    assert [(one.start, one.stop) for one in find_incidents(scores, 1.0, None, options)] == [(10, 16)]


def test_no_incident_goes_across_a_gap() -> None:
    scores, starts = np.full(10, 2.0), np.arange(10) == 4
    assert [(one.start, one.stop) for one in find_incidents(scores, 1.0, starts=starts)] == [(0, 4), (4, 10)]


def test_thresholds_may_move_with_the_rows() -> None:
    scores, high = np.full(10, 2.0), np.repeat([3.0, 1.0], 5)
    assert [(one.start, one.stop) for one in find_incidents(scores, high)] == [(5, 10)]


def test_the_severe_ones_are_unlikely_and_p_values_are_valid() -> None:
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):  # a swing of normal scores has a p-value <= u in a fraction u at most
        normal, new = (swings(scores, 2.0, 1.0) for scores in rng.exponential(size=(2, 800)))
        rates += p_values(new[:1], normal).tolist()
    assert np.mean(np.array(rates) <= 0.1) < 0.13
    normal, broken = rng.exponential(size=(2, 2000))
    broken[500:520] += 30
    worst = max(find_incidents(broken, 4.0, 3.0, normal=normal), key=lambda one: one.severity)
    assert worst.start <= 500 < 519 < worst.stop and worst.p_value < 0.1
    assert find_incidents(broken, 4.0, 3.0)[0].p_value == 1.0


def test_severity_grows_with_height_and_length_but_not_by_one_wild_row_alone() -> None:
    scores = np.zeros(300)
    scores[10], scores[50:110], scores[200:203] = 1e6, 5.0, 5.0
    wild, long, short = find_incidents(scores, 1.0, 0.5)
    assert long.severity > wild.severity > short.severity


def test_a_rate_a_day_is_kept_on_new_rows() -> None:
    rng = np.random.default_rng(0)
    options, rows_per_day = IncidentOptions(merge_rows=3), 1440
    normal, new = rng.exponential(size=(2, 30 * rows_per_day))
    low = float(np.quantile(normal, 0.95))
    counts = []
    for per_day in (1, 5, 20):
        high = rate_threshold(normal, low, per_day, rows_per_day, options)
        assert len(find_incidents(normal, high, low, options)) == 30 * per_day - 1
        counts.append(len(find_incidents(new, high, low, options)) / 30)
    assert np.allclose(counts, (1, 5, 20), rtol=0.35)


def test_a_rate_that_is_too_small_for_the_rows_takes_their_peak() -> None:
    normal = np.random.default_rng(0).exponential(size=500)
    assert rate_threshold(normal, 2.0, 0.1, 1440) == normal.max()
    assert rate_threshold(np.zeros(500), 2.0, 1.0, 100) == 2.0


def test_similar_ones_are_earlier_and_of_the_same_side() -> None:
    signatures = np.array([[5.0, 0.1, 0], [0, 0, 3.0], [-5.0, 0, 0], [9.0, 0.5, 0], [0, 0, 0]])
    found = most_similar(signatures)
    assert [[number for number, _ in one] for one in found] == [[], [], [], [0], []]
    assert found[3][0][1] == pytest.approx(0.999, abs=1e-3)


def test_known_rows_mark_what_overlaps_them() -> None:
    scores, known = np.zeros(100), np.zeros(100, dtype=bool)
    scores[10:20] = scores[50:60] = 2
    known[59] = True
    assert [one.known for one in mark_known(find_incidents(scores, 1.0), known)] == [False, True]
    assert mark_known([], known) == []


def test_nothing_above_is_no_incident() -> None:
    assert find_incidents(np.zeros(5), 1.0) == find_incidents(np.zeros(0), 1.0) == []
    assert len(excursions(np.zeros(0), 1.0)[0]) == 0
    assert p_values(np.zeros(0), np.zeros(3)).shape == (0,)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="finite scores"):
        find_incidents(np.array([1.0, np.nan]), 1.0)
    with pytest.raises(DataError, match="lower threshold of incidents must not be above"):
        find_incidents(np.zeros(3), 1.0, 2.0)
    with pytest.raises(ShapeError, match="need as many in threshold"):
        find_incidents(np.zeros(3), np.zeros(2))
    with pytest.raises(OptionError, match="must be above 0, got 0 and 10"):
        rate_threshold(np.zeros(3), 1.0, 0, 10)
    with pytest.raises(DataError, match="got none"):
        rate_threshold(np.zeros(0), 1.0, 1, 10)
    with pytest.raises(OptionError, match="hold must be a finite number >= 1"):
        IncidentOptions(hold=0.5)
