"""Names come from clients: they cannot break the format of Prometheus."""

import math

from tsreward.serving.figures import exposition


def test_labels_are_escaped() -> None:
    text = exposition({"score": {('a"b\\c\nd',): 1.5}, "threshold": {("a",): -math.inf, ("b",): math.nan}})
    assert 'tsreward_score{stream="a\\"b\\\\c\\nd"} 1.5\n' in text
    assert 'tsreward_threshold{stream="a"} -Inf\ntsreward_threshold{stream="b"} NaN\n' in text
