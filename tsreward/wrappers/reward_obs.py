"""`RewardObs`: what a learned reward looks at in the observations of an environment, of whatever space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.wrappers.checks import check_fitted, check_model
from tsreward.wrappers.obs_parts import ObsKey, ObsParts, at


class RewardObs:
    """Picks what the model reads out of observations, and leaves what the agent gets as it is.

    Args:
        who: reads the observations.
        model: a fitted model.
        space: of one observation.
        obs_key: what the model looks at; None is all, see `ObsParts`.
        frames: how frames stand in that.
        env: the environment, whose wrappers tell a layout of frames that is not declared.

    Raises:
        ShapeError: what is picked is not of the model's shape, or cannot be flattened.
        OptionError: there is no such key.
        NotFittedError: the model is not fitted.
    """

    def __init__(
        self,
        who: str,
        model: RewardModel,
        space: gymnasium.Space[Any],
        obs_key: ObsKey | None = None,
        frames: FrameLayout | None = None,
        env: Any = None,
    ) -> None:
        self._who, self._model, self._frames = who, model, frames
        check_fitted(who, model)
        self._parts = parts = ObsParts(who, space, obs_key)
        if parts.space is None:
            return
        try:
            check_model(who, model, parts.space, frames, env)
        except ShapeError as error:
            if parts.keys or parts.whole:
                raise
            raise ShapeError(
                f"{who}: the environment gives {parts.told()}, side by side {parts.space.shape}, but the model reads "
                f"{model.obs_shape}: name what it looks at with obs_key (--obs-key), or fit a model on all of it."
            ) from error

    def of_all(self, obs: Any) -> np.ndarray:
        """Return what is seen [E, *obs] in the observations of E environments."""
        seen = self._parts.of_all(obs)
        self._check(seen.dtype, seen.shape[1:])
        return seen

    def of_one(self, obs: Any) -> np.ndarray:
        """Return what is seen [*obs] in one observation."""
        seen = self._parts.of_one(obs)
        self._check(seen.dtype, seen.shape)
        return seen

    def _check(self, dtype: np.dtype, given: tuple[int, ...]) -> None:
        """Check what a function gives; of spaces, all is known before."""
        if self._parts.function is None:
            return
        shape = self._model.shape_read(given, dtype.kind == "f", self._frames)
        if shape != self._model.obs_shape:
            raise ShapeError(
                f"{self._who}: the function obs_key gives {dtype} {given}, but the model reads "
                f"{self._model.obs_shape}: give that, one observation at a time."
            )


def final_of(final: Any, index: int) -> Any:
    """Return the last observation of environment `index` out of `final_obs`: a list of them, or one Dict of arrays."""
    return at(final, index) if isinstance(final, (Mapping, tuple)) else final[index]
