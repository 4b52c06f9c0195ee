"""Whether a threshold flags the share of normal steps that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsreward.evaluation.audit.behaviour import Behaviour
from tsreward.evaluation.audit.bootstrap import Interval, episode_weights, interval
from tsreward.model import RewardModel

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class FalseAlarms:
    """A rate that was asked for, and the share of normal steps that the threshold for it flags."""

    asked: float
    seen: Interval
    chosen: bool
    """Whether this is the rate of the model's reward mode."""


def false_alarms(model: RewardModel, good: Behaviour, seed: int) -> tuple[FalseAlarms, ...]:
    """Compare asked with seen rates on good behaviour; steps whose windows have a cost do not count.

    The comparison is honest only on episodes that the model was not fitted on.
    """
    own = model.mode.options.false_alarm_rate
    safe = good.safe(model.window, model.skip)
    score = good.rated.score
    weights = episode_weights(np.random.default_rng(seed), len(good.episodes))
    steps = np.array([part.sum() for part in good.rated.parts(safe)])
    rows = []
    for asked in sorted({*RATES, own}):
        flags = safe & (score > model.calibration.threshold(asked))
        counts = np.array([part.sum() for part in good.rated.parts(flags)])
        drawn = (weights @ counts) / np.maximum(weights @ steps, 1)
        rows.append(FalseAlarms(asked, interval(float(counts.sum() / max(steps.sum(), 1)), drawn), asked == own))
    return tuple(rows)
