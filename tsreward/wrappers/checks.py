"""What all adapters check before the first step."""

from __future__ import annotations

from typing import Any

import gymnasium

from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import NotFittedError, ShapeError
from tsreward.pipeline.model import RewardModel

INFO_KEYS = ("original_reward", "anomaly_score", "anomaly_p_value", "is_anomaly")
"""What every adapter adds to `info`: the environment's reward, the (smoothed) score, its p-value, the flag."""


def check_model(who: str, model: RewardModel, space: gymnasium.Space[Any]) -> None:
    """Check that a model can read the observations of one environment.

    Raises:
        ShapeError: `space` is not a Box of the shape that the model was made for.
        NotFittedError: the model is not fitted.
    """
    check_fitted(who, model)
    wanted = model.obs_shape
    if not isinstance(space, gymnasium.spaces.Box):
        raise ShapeError(
            f"{who} reads Box observations {wanted}, got {space}: put gymnasium.wrappers.FlattenObservation round "
            f"the single environment, and fit the model on what that gives."
        )
    if space.shape != wanted:
        remedy = picture_remedy(wanted, space.shape) or (
            "fit a model on this environment, or put the same observation wrappers round it that the model was fitted "
            "with"
        )
        raise ShapeError(
            f"{who}: the environment gives observations {space.shape} but the model reads {wanted}: {remedy}."
        )


def check_fitted(who: str, model: RewardModel) -> None:
    """Check that a model has learned all that rewards need.

    Raises:
        NotFittedError: it is not fitted.
    """
    if not bool(model.scorer.fitted) or not int(model.calibration.count):
        raise NotFittedError(f"{who} got a model that is not fitted: call model.fit(...) or load a fitted one first.")
