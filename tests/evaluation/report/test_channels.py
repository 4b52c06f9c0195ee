"""The channels that show the anomalies, not those that are merely loud."""

import numpy as np

from tsreward.evaluation.report.channels import telling_channels
from tsreward.series import DetectionTask, Series


def task(dim: int = 5) -> DetectionTask:
    rng = np.random.default_rng(0)
    labels = np.zeros(500, dtype=bool)
    labels[200:250] = True
    values = rng.normal(size=(500, dim))
    values[labels, 3] += 6
    values[:, 1] += 20  # always far from the training mean
    values[:, 2] = 1.0
    train = rng.normal(size=(400, dim))
    train[:, 2] = 1.0
    return DetectionTask("a", Series(train), Series(values, labels))


def test_the_disturbed_channel_comes_first():
    assert telling_channels(task(), count=1) == [3]
    assert 3 in telling_channels(task(), count=3)
    assert len(telling_channels(task(), count=3)) == 3


def test_fewer_channels_than_asked_for_and_constant_ones():
    made = task()
    one = DetectionTask("a", Series(made.train.values[:, 2:3]), Series(made.test.values[:, 2:3], made.test.labels))
    assert telling_channels(one) == [0]
