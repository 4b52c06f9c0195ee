"""Odd numbers in logs, with every transform and every way with missing values."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from itertools import product

import numpy as np
import pandas
import torch

from tests.reliability.crashes import one_thread
from tsreward.errors import TSRewardError, TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import ScoreStream
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.mahalanobis import Mahalanobis

ODD = (5e-324, 1e-40, 1e38, -1e38, 3.4e38, 1e300, math.inf, -math.inf, math.nan, 0.0, -0.0)
"""Subnormal, as large as float32 holds, larger than it holds, infinite, missing, none."""
MISSING = ("error", "drop", "ffill", "interpolate", "mask")
MODES = (
    *(lambda name=name: Likeness(LikenessOptions(transform=name)) for name in ("exponential", "p_value", "negative")),
    *(lambda form=form: Penalty(PenaltyOptions(form=form)) for form in ("tail", "raw", "constant")),
)
ROWS, DIM = 24, 3


def models(seed: int) -> list[RewardModel]:
    """Return a fitted model for every transform of a likeness and every form of a penalty."""
    normal = [np.random.default_rng(seed).normal(size=(200, DIM)).astype(np.float32)]
    return [RewardModel(Mahalanobis(3), mode()).fit(normal, rewards=np.ones(1)) for mode in MODES]


def odd_arrays(number: int, seed: int) -> Counter[str]:
    """Score random arrays with odd numbers in them; return what went wrong, and what came of them.

    "infinite": a reward, a score or a p-value is NaN or infinite. "outside": a p-value outside of [0, 1]. "spread": a
    row before the first odd one has other bits than without it. Other names are those of exceptions that are none of
    ours. "scored" and "refused" count the arrays.
    """
    draw, seen = np.random.default_rng(seed), Counter[str]()
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TSRewardWarning)
        made = [*product(models(seed), MISSING)]
        for index in range(number):
            model, missing = made[index % len(made)]
            values = draw.normal(size=(ROWS, DIM)).astype(np.float64)
            plain = values.copy()
            for _ in range(int(draw.integers(1, 6))):
                values[draw.integers(ROWS // 2, ROWS), draw.integers(DIM)] = draw.choice(ODD)
            if index % 17 == 0:
                values[ROWS // 2 :, draw.integers(DIM)] = draw.choice(ODD)
            try:
                found = _scored(model, values, missing)
            except TSRewardError:
                seen["refused"] += 1
                continue
            except Exception as error:
                seen[type(error).__name__] += 1
                continue
            seen["scored"] += 1
            seen["infinite"] += not all(np.isfinite(part).all() for part in found)
            seen["outside"] += not ((found[1] >= 0) & (found[1] <= 1)).all()
            alone = _scored(model, plain[: ROWS // 2], "error")
            kept = slice(ROWS // 2)
            seen["spread"] += any((one[kept] != other[kept]).any() for one, other in zip(found, alone, strict=True))
    return seen


def _scored(model: RewardModel, values: np.ndarray, missing: str) -> tuple[np.ndarray, ...]:
    """Return scores, p-values and rewards of all rows."""
    stream = ScoreStream(model, missing=missing)
    frame = pandas.DataFrame(values)
    parts = [part for part in (stream.push(frame), stream.finish()) if len(part.score)]
    score = np.concatenate([part.score for part in parts])
    earned = model.rate(torch.from_numpy(score), torch.zeros(len(score), dtype=torch.float64))
    return score, np.concatenate([part.p_value for part in parts]), earned.reward.numpy()
