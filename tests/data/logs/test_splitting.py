"""The first share of the rows is the part to learn from."""

import numpy as np
import pytest

from tsreward.data.logs.splitting import split
from tsreward.errors import DataError, OptionError
from tsreward.series import Series

SERIES = Series(np.arange(7.0)[:, None], labels=np.arange(7) > 5, name="x", columns=("a",), index=np.arange(7) * 10)


def test_both_parts_keep_everything():
    task = split(SERIES, 0.5)
    assert task.name == task.train.name == task.test.name == "x"
    assert task.train.values.tolist() == [[0], [1], [2]]
    assert task.test.index.tolist() == [30, 40, 50, 60]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, False, False, True]
    assert task.train.columns == task.test.columns == ("a",)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_lie_between_0_and_1(fraction):
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1, both excluded, got"):
        split(SERIES, fraction)


def test_no_row_to_learn_from():
    with pytest.raises(DataError, match=r"'x' has 7 rows: a train_fraction of 0.1 leaves no row to learn from"):
        split(SERIES, 0.1)
