"""`RewardObs`: what a learned reward looks at in the observations of an environment, of whatever space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from tsreward.data.observations import flat_observations
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import OptionError, ProtocolError, ShapeError, TSRewardError
from tsreward.functional.arrays import as_array
from tsreward.pipeline.model import RewardModel
from tsreward.user_modules import what_went_wrong
from tsreward.wrappers.checks import check_fitted, check_model

ObsKey = str | tuple[str | int, ...] | Sequence[str] | Callable[[Any], Any]
"""A key of a Dict; a tuple that leads to one inside others; a list of keys, whose parts stand side by side; or a
function that gets one observation."""


class RewardObs:
    """Picks what the model reads out of observations, and leaves what the agent gets as it is.

    Of a Dict or a Tuple, all parts stand side by side in the order of the space, or those of `obs_key`; what is
    Discrete is one number per value, as gymnasium flattens it.

    Args:
        who: reads the observations.
        model: a fitted model.
        space: of one observation.
        obs_key: what the model looks at; None is all.
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
        self._who, self._model, self._space, self._frames = who, model, space, frames
        self._function = obs_key if callable(obs_key) else None
        self._keys = () if obs_key is None or self._function is not None else _names(obs_key)
        self._whole = isinstance(space, Box) and not self._keys and self._function is None
        check_fitted(who, model)
        if self._function is not None:
            return
        if self._whole:
            check_model(who, model, space, frames, env)
            return
        picked = self._picked_space()
        try:
            check_model(who, model, picked, frames, env)
        except ShapeError as error:
            if self._keys:
                raise
            parts = ", ".join(f"{name} {shape}" for name, shape in _parts(space, ""))
            raise ShapeError(
                f"{who}: the environment gives {parts or space}, side by side {picked.shape}, but the model reads "
                f"{model.obs_shape}: name what it looks at with obs_key (--obs-key), or fit a model on all of it."
            ) from error

    def of_all(self, obs: Any) -> np.ndarray:
        """Return what is seen [E, *obs] in the observations of E environments."""
        if self._whole:
            return as_array(obs)
        if self._function is not None:
            return np.stack([self._called(_at(obs, index)) for index in range(_length(obs))])
        return flat_observations(self._space, _arrays(obs), self._keys, self._who)

    def of_one(self, obs: Any) -> np.ndarray:
        """Return what is seen [*obs] in one observation."""
        if self._whole:
            return as_array(obs)
        if self._function is not None:
            return self._called(obs)
        return flat_observations(self._space, _batched(obs), self._keys, self._who)[0]

    def _called(self, obs: Any) -> np.ndarray:
        assert self._function is not None
        try:
            seen = as_array(self._function(obs))
        except TSRewardError:
            raise
        except Exception as error:
            raise ProtocolError(f"{self._who}: the function obs_key failed: {what_went_wrong(error)}.") from error
        shape = seen.shape if self._frames is None else self._frames.frame_shape(seen.shape)
        if shape != self._model.obs_shape or seen.dtype.kind not in "biuf":
            raise ShapeError(
                f"{self._who}: the function obs_key gives {seen.dtype} {seen.shape}, but the model reads "
                f"{self._model.obs_shape}: give that, one observation at a time."
            )
        return seen

    def _picked_space(self) -> Box:
        """Return the space of what is picked: the Box itself where it is one."""
        leaf: Any = self._space
        for part in self._keys[0].split("/") if len(self._keys) == 1 else ():
            inner = getattr(leaf, "spaces", None)
            if inner is None or (isinstance(inner, Mapping) and part not in inner):
                break
            leaf = inner[part] if isinstance(inner, Mapping) else inner[int(part)] if part.isdigit() else leaf
        empty = flat_observations(self._space, _zeros(self._space, self._who), self._keys, self._who)
        if isinstance(leaf, Box) and leaf.shape == empty.shape[1:]:
            return leaf
        return Box(-np.inf, np.inf, empty.shape[1:], np.float64)


def _names(obs_key: Any) -> tuple[str, ...]:
    """Return names as "a/b" of a key, of a tuple that leads to one, or of a list of keys and tuples."""
    if isinstance(obs_key, str):
        return (obs_key,)
    if isinstance(obs_key, tuple):
        if not obs_key or not all(isinstance(part, (str, int)) for part in obs_key):
            raise OptionError(f"obs_key as a tuple leads to a part: ('outer', 'inner'), got {obs_key!r}.")
        return ("/".join(map(str, obs_key)),)
    if isinstance(obs_key, Sequence) and obs_key:
        return tuple(name for key in obs_key for name in _names(key))
    raise OptionError(f"obs_key is a key, a tuple, a list of these or a function, got {obs_key!r}.")


def _parts(space: Any, name: str) -> list[tuple[str, Any]]:
    inner = getattr(space, "spaces", None)
    if inner is None:
        return [(name.rstrip("/"), getattr(space, "shape", None))] if name else []
    entries = inner.items() if isinstance(inner, Mapping) else enumerate(inner)
    return [part for key, one in entries for part in _parts(one, f"{name}{key}/")]


def _zeros(space: Any, who: str) -> Any:
    """Return one batch of one observation, the first of the space."""
    inner = getattr(space, "spaces", None)
    if inner is None:
        if space.shape is None or space.dtype is None or np.dtype(space.dtype).kind not in "biuf":
            raise ShapeError(
                f"{who} reads observations of numbers, got {space}: name a part that holds numbers with obs_key "
                f"(--obs-key), or make numbers of it with a function."
            )
        return np.full((1, *space.shape), getattr(space, "start", 0), space.dtype)
    if isinstance(inner, Mapping):
        return {key: _zeros(one, who) for key, one in inner.items()}
    return tuple(_zeros(one, who) for one in inner)


def _arrays(obs: Any) -> Any:
    if isinstance(obs, Mapping):
        return {key: _arrays(value) for key, value in obs.items()}
    return tuple(map(_arrays, obs)) if isinstance(obs, tuple) else as_array(obs)


def _batched(obs: Any) -> Any:
    if isinstance(obs, Mapping):
        return {key: _batched(value) for key, value in obs.items()}
    return tuple(map(_batched, obs)) if isinstance(obs, tuple) else as_array(obs)[None]


def _at(obs: Any, index: int) -> Any:
    if isinstance(obs, Mapping):
        return {key: _at(value, index) for key, value in obs.items()}
    return tuple(_at(value, index) for value in obs) if isinstance(obs, tuple) else obs[index]


def _length(obs: Any) -> int:
    while isinstance(obs, (Mapping, tuple)):
        obs = next(iter(obs.values() if isinstance(obs, Mapping) else obs))
    return len(obs)


def final_of(final: Any, index: int) -> Any:
    """Return the last observation of environment `index` out of `final_obs`: a list of them, or one Dict of arrays."""
    return _at(final, index) if isinstance(final, (Mapping, tuple)) else final[index]
