"""The channels that a reader wants to see."""

import numpy as np

from tsreward.series import DetectionTask

_FLOOR = 0.01


def telling_channels(task: DetectionTask, count: int = 3) -> list[int]:
    """Return the channels that differ most from their training mean in the anomalies, beyond what they do elsewhere.

    Distances are in standard deviations of the training rows, those at least a hundredth of the channel's range.

    >>> from tsreward.series import Series
    >>> learned = Series(np.tile([[0.0], [1.0]], (10, 3)))
    >>> judged = Series(np.array([[0, 0, 0], [1, 9, 0], [1, 0, 1]]), labels=np.array([0, 1, 0]))
    >>> telling_channels(DetectionTask("a", learned, judged), count=1)
    [1]
    """
    values, labels = task.test.values, task.test.labels
    assert labels is not None  # a DetectionTask has them
    spread = np.maximum(task.train.values.std(axis=0), _FLOOR * np.ptp(values, axis=0))
    distance = np.abs(values - task.train.values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    telling = np.zeros(values.shape[1])
    if labels.any():
        telling += distance[labels].mean(axis=0)
    if not labels.all():
        telling -= distance[~labels].mean(axis=0)
    return sorted(np.argsort(-telling, kind="stable")[:count].tolist())
