"""Questions are about what is flagged, and answers count near by and where the same columns are to blame."""

from __future__ import annotations

import numpy as np
import pytest

from tsreward.detection.questions import REACH, ROWS, ask, lean, leaned
from tsreward.errors import DataError, OptionError, ShapeError


def test_the_highest_stretches_are_asked_about_and_none_twice() -> None:
    rng = np.random.default_rng(0)
    scores, parts = rng.random(1000), rng.random((1000, 4))
    scores[500:510], parts[500:510, 2] = 9.0, 50.0
    first = ask(scores, parts, 5)
    assert (first[0].start, first[0].stop) == (496, 512) and first[0].blamed[0] == 2
    assert [one.score for one in first] == sorted((one.score for one in first), reverse=True)
    again = ask(scores, parts, 5, [(one.start, one.stop) for one in first])
    assert not {one.start for one in again} & {one.start for one in first}
    assert again[0].score <= first[-1].score
    assert len(ask(scores, parts, 10_000)) == 1000 // ROWS
    assert ask(scores, parts, 9, [(0, 1000)]) == []


def test_an_answer_fades_with_distance_and_stops_where_other_columns_are_to_blame() -> None:
    parts = np.tile([1.0, 0.0, 0.0], (1000, 1))
    parts[700:] = [0.0, 1.0, 0.0]
    found = lean(parts, [(500, 516)], [True])
    assert (found[500:516] == 1).all() and (found[[499, 516]] < 1).all()
    assert (np.diff(found[500 - REACH : 501]) >= 0).all() and (found[: 500 - REACH] == 0).all()
    assert found[690] > 0.05 and (found[720:] == 0).all()  # as near, but with another column
    parts[700:] = [1.0, 0.0, 0.0]
    assert lean(parts, [(500, 516)], [True])[720] > 0.05


def test_the_nearer_answer_counts_and_answers_have_two_signs() -> None:
    found = lean(np.ones((1000, 2)), [(300, 316), (400, 416)], [True, False])
    assert found[330] > 0 > found[390] and found[310] == 1 and found[410] == -1
    scores = leaned(np.ones(1000), found, np.exp(np.random.default_rng(0).normal(size=500)))
    assert scores[310] > scores[330] > 1 > scores[390] > scores[410] > 0 and scores[800] == 1
    assert (leaned(np.array([-1.0, 0.0]), np.ones(2), np.ones(3)) == [-1, 0]).all()


def test_what_cannot_be_is_refused() -> None:
    scores, parts = np.ones(40), np.ones((40, 2))
    with pytest.raises(ShapeError, match="need scores"):
        ask(scores, parts[:9], 1)
    with pytest.raises(OptionError, match="at least 1 question"):
        ask(scores, parts, 0)
    with pytest.raises(DataError, match="about 16 rows, and the log has 9"):
        ask(scores[:9], parts[:9], 1)
    with pytest.raises(ShapeError, match="one answer for each span"):
        lean(parts, [(0, 9)], [])
    with pytest.raises(DataError, match="are none of the 40"):
        lean(parts, [(30, 41)], [True])
