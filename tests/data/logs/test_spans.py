"""Spans include both ends; one that cannot be is refused."""

import pytest

from tsreward.data.logs.spans import mark
from tsreward.errors import DataError


def test_spans_may_overlap_and_touch_the_ends():
    assert mark([(0, 1), (1, 2), (5, 5)], 6, "x").tolist() == [True, True, True, False, False, True]
    assert not mark([], 3, "x").any()


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((3, 2), r"x: the span \[3, 2\] ends before it starts"),
        ((2, 6), r"x: the span \[2, 6\] leaves the rows 0 to 5"),
        ((-1, 2), r"x: the span \[-1, 2\] leaves the rows 0 to 5"),
    ],
)
def test_impossible_spans(span, message):
    with pytest.raises(DataError, match=message):
        mark([span], 6, "x")
