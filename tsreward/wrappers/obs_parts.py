"""`ObsParts`: which part of an observation is looked at, whatever its space is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from tsreward.data.observations import flat_observations
from tsreward.errors import OptionError, ProtocolError, ShapeError, TSRewardError
from tsreward.functional.arrays import as_array, count
from tsreward.user_modules import import_named, split_name, what_went_wrong

ObsKey = str | tuple[str | int, ...] | Sequence[str] | Callable[[Any], Any]
"""A key of a Dict; a tuple that leads to one inside others; a list of keys, whose parts stand side by side; or a
function that gets one observation."""

_OPTION = "obs_key (--obs-key)"


class ObsParts:
    """Picks arrays out of observations.

    Of a Dict or a Tuple, all parts stand side by side in the order of the space, or those of `obs_key`; what is
    Discrete is one number per value, as gymnasium flattens it.

    Args:
        who: reads the observations.
        space: of one observation.
        obs_key: what is picked; None is all.

    Raises:
        ShapeError: what is picked cannot be flattened.
        OptionError: there is no such key.
    """

    def __init__(self, who: str, space: gymnasium.Space[Any], obs_key: ObsKey | None = None) -> None:
        self._who = who
        self.function = obs_key if callable(obs_key) else None
        """The function that picks, if there is one."""
        self.keys = () if obs_key is None or self.function is not None else part_names(obs_key)
        """Names of what is picked, "a/b" for a part of a part; none are all."""
        self._space = _readable(space, self.keys)
        self.whole = isinstance(space, Box) and not self.keys and self.function is None
        """Whether an observation is taken as it is."""
        self.space: Box | None = None
        """The space of what is picked, the Box itself where it is one; None where a function picks."""
        if isinstance(space, Box) and self.whole:
            self.space = space
        elif self.function is None:
            self.space = self._picked_space()

    def of_all(self, obs: Any) -> np.ndarray:
        """Return what is picked [E, *obs] of the observations of E environments."""
        if self.whole:
            return as_array(obs)
        if self.function is not None:
            picked = [self._called(at(obs, index)) for index in range(count(obs))]
            if any(one.shape != picked[0].shape for one in picked):
                shapes = ", ".join(sorted({str(one.shape) for one in picked}))
                raise ShapeError(f"{self._who}: the function obs_key gives arrays of several shapes: {shapes}.")
            return np.stack(picked)
        return flat_observations(self._space, _taken(self._space, obs, as_array), self.keys, self._who, _OPTION)

    def of_one(self, obs: Any) -> np.ndarray:
        """Return what is picked [*obs] of one observation."""
        if self.whole:
            return as_array(obs)
        if self.function is not None:
            return self._called(obs)
        batch = _taken(self._space, obs, lambda part: as_array(part)[None])
        return flat_observations(self._space, batch, self.keys, self._who, _OPTION)[0]

    def told(self) -> str:
        """Return the parts of the space with their shapes, for messages."""
        return ", ".join(f"{name} {shape}" for name, shape in _parts(self._space, "")) or str(self._space)

    def _called(self, obs: Any) -> np.ndarray:
        assert self.function is not None
        try:
            seen = as_array(self.function(obs))
        except TSRewardError:
            raise
        except Exception as error:
            raise ProtocolError(f"{self._who}: the function obs_key failed: {what_went_wrong(error)}.") from error
        if seen.dtype.kind not in "biuf" or not seen.ndim:
            raise ShapeError(
                f"{self._who}: the function obs_key gives {seen.dtype} {seen.shape}: give an array of numbers, one "
                f"observation at a time."
            )
        return seen

    def _picked_space(self) -> Box:
        """Return the space of what is picked: the Box itself where it is one."""
        leaf: Any = self._space
        for part in self.keys[0].split("/") if len(self.keys) == 1 else ():
            inner = getattr(leaf, "spaces", None)
            if inner is None or (isinstance(inner, Mapping) and part not in inner):
                break
            leaf = inner[part] if isinstance(inner, Mapping) else inner[int(part)] if part.isdigit() else leaf
        empty = flat_observations(self._space, _zeros(self._space, self._who), self.keys, self._who, _OPTION)
        if isinstance(leaf, Box) and leaf.shape == empty.shape[1:]:
            return leaf
        return Box(-np.inf, np.inf, empty.shape[1:], np.float64)


def named_obs_key(words: Sequence[str]) -> ObsKey | None:
    """Return what the words of --obs-key pick: keys, or one function `my_module:state_of`; without any, None.

    Raises:
        OptionError: a function cannot be found, or stands beside others.
    """
    functions = [word for word in words if split_name(word)]
    if not functions:
        return list(words) or None
    if len(words) > 1:
        raise OptionError(
            f"obs_key (--obs-key) takes keys, or one function my_module:state_of, got {', '.join(words)}: let the "
            f"function put the parts together."
        )
    found = import_named(functions[0], "observation function")
    if not callable(found):
        raise OptionError(
            f"{functions[0]} is no observation function: it must take one observation and return an array."
        )
    return found


def part_names(obs_key: Any) -> tuple[str, ...]:
    """Return names as "a/b" of a key, of a tuple that leads to one, or of a list of keys and tuples."""
    if isinstance(obs_key, str):
        return (obs_key,)
    if isinstance(obs_key, tuple):
        if not obs_key or not all(isinstance(part, (str, int)) for part in obs_key):
            raise OptionError(f"obs_key as a tuple leads to a part: ('outer', 'inner'), got {obs_key!r}.")
        return ("/".join(map(str, obs_key)),)
    if isinstance(obs_key, Sequence) and obs_key:
        return tuple(name for key in obs_key for name in part_names(key))
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


def _readable(space: Any, keys: Sequence[str], name: str = "") -> Any:
    """Return a space without the parts that hold no numbers, such as texts, where the keys do not ask for them."""
    inner = getattr(space, "spaces", None)
    if isinstance(inner, Mapping):
        kept = {key: _readable(one, keys, f"{name}{key}/") for key, one in inner.items()}
        same = all(kept[key] is one for key, one in inner.items())
        return space if same else gymnasium.spaces.Dict(OrderedDict(kept))  # which keeps the order
    if inner is not None:
        places = [_readable(one, keys, f"{name}{place}/") for place, one in enumerate(inner)]
        same = all(kept is one for kept, one in zip(places, inner, strict=True))
        return space if same else gymnasium.spaces.Tuple(places)
    numbers = isinstance(space, (Box, Discrete, MultiBinary, MultiDiscrete))
    asked = not keys or any(name == f"{key}/" or name.startswith(f"{key}/") for key in keys)
    return space if numbers or asked or not name else gymnasium.spaces.Dict({})


def _taken(space: Any, obs: Any, convert: Callable[[Any], np.ndarray]) -> Any:
    """Return what a space names of observations, every array converted."""
    inner = getattr(space, "spaces", None)
    if isinstance(inner, Mapping) and isinstance(obs, Mapping):
        return {key: _taken(one, obs[key], convert) for key, one in inner.items() if key in obs}
    if inner is not None and not isinstance(inner, Mapping) and isinstance(obs, tuple):
        return tuple(_taken(one, part, convert) for one, part in zip(inner, obs, strict=False))
    return obs if inner is not None else convert(obs)


def at(obs: Any, index: int) -> Any:
    """Return the observation of environment `index`, of an array or of dicts and tuples of arrays."""
    if isinstance(obs, Mapping):
        return {key: at(value, index) for key, value in obs.items()}
    return tuple(at(value, index) for value in obs) if isinstance(obs, tuple) else obs[index]
