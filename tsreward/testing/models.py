"""`check_model`: whether a fitted model is sound, and scores alike step by step and in bulk."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tsreward.episodes import Episode
from tsreward.model import RewardModel
from tsreward.testing.model_case import ModelCase
from tsreward.testing.model_promises import MODEL_PROMISES
from tsreward.testing.report import CheckReport, try_all


def check_model(
    model: RewardModel, episodes: Sequence[Episode] | None = None, only: Collection[str] | None = None
) -> CheckReport:
    """Check a fitted model on episodes of the kind that it is for, or on noise where there are none.

    Of the episodes, the first 40 steps of the first three are looked at. `only` names the checks that are made.

    Raises:
        OptionError: `only` has an unknown name.

    >>> import numpy as np
    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> model = RewardModel(Mahalanobis(3, 2), Likeness())
    >>> model.fit([np.random.default_rng(0).normal(size=(99, 2))])
    >>> check_model(model).raise_if_failed()
    """
    return try_all(f"model of {type(model.scorer).__name__}", ModelCase(model, episodes), MODEL_PROMISES, only)
