"""Observations of every space as agents of Stable-Baselines3 take them: one array, or a Dict of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple
from gymnasium.wrappers import FlattenObservation
from stable_baselines3.common.preprocessing import is_image_space

_COUNTED = (Discrete, MultiDiscrete, MultiBinary)


def for_agent(env: gymnasium.Env) -> gymnasium.Env:
    """Return an environment that an agent can be trained in, with everything that `env` observes.

    A Box and a flat Dict stay as they are. Of Tuples and of Dicts in others every part gets a name of its own, as in
    "outer/inner" or "0"; what is Discrete alone is one number per value.
    """
    space = env.observation_space
    if isinstance(space, Dict) and all(_is_plain(part) for part in space.spaces.values()):
        return env
    if isinstance(space, (Dict, Tuple)):
        return NamedParts(env)
    return FlattenObservation(env) if isinstance(space, _COUNTED) else env


class NamedParts(gymnasium.ObservationWrapper):
    """Give every part of observations of Dict and Tuple spaces in one flat Dict; numbers [] become arrays [1]."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        parts = [(name, _one_axis(space)) for name, space in _leaves(env.observation_space, "")]
        self.observation_space = Dict(parts)  # pairs keep their order

    def observation(self, observation: Any) -> dict[str, Any]:
        """Return the parts by name."""
        given = dict(_values(observation, self.env.observation_space, ""))
        parts = self.observation_space.spaces  # type: ignore[attr-defined]
        return {
            name: np.reshape(np.asarray(given[name], space.dtype), space.shape) if isinstance(space, Box) else value
            for (name, space), value in zip(parts.items(), given.values(), strict=True)
        }


def _is_plain(space: gymnasium.Space[Any]) -> bool:
    return not isinstance(space, (Dict, Tuple)) and (not isinstance(space, Box) or bool(space.shape))


def _one_axis(space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    if not isinstance(space, Box) or space.shape:
        return space
    return Box(space.low.reshape(1), space.high.reshape(1), dtype=space.dtype)  # type: ignore[arg-type]


def _inner(space: gymnasium.Space[Any]) -> list[tuple[Any, gymnasium.Space[Any]]]:
    if isinstance(space, Dict):
        return list(space.spaces.items())
    return list(enumerate(space.spaces)) if isinstance(space, Tuple) else []


def _leaves(space: gymnasium.Space[Any], name: str) -> Iterator[tuple[str, gymnasium.Space[Any]]]:
    for key, part in _inner(space):
        if isinstance(part, (Dict, Tuple)):
            yield from _leaves(part, f"{name}{key}/")
        else:
            yield f"{name}{key}", part


def _values(obs: Any, space: gymnasium.Space[Any], name: str) -> Iterator[tuple[str, Any]]:
    for key, part in _inner(space):
        if isinstance(part, (Dict, Tuple)):
            yield from _values(obs[key], part, f"{name}{key}/")
        else:
            yield f"{name}{key}", obs[key]


def unsuited_part(space: gymnasium.Space[Any]) -> str | None:
    """Return which part of observations no agent can take, or None where it can take all."""
    if isinstance(space, Dict) and space.spaces:
        wrong = [f"{part} at '{key}'" for key, part in space.spaces.items() if not isinstance(part, (Box, *_COUNTED))]
        return wrong[0] if wrong else None
    return None if isinstance(space, Box) and space.shape else str(space)


def normalised_keys(space: gymnasium.Space[Any]) -> list[str] | None:
    """Return the parts of a Dict that a VecNormalize normalises: numbers that are no pictures; None for no Dict."""
    if not isinstance(space, Dict):
        return None
    return [key for key, part in space.spaces.items() if isinstance(part, Box) and not is_image_space(part)]


def policy_name(space: gymnasium.Space[Any]) -> str:
    """Return the name of Stable-Baselines3's policy for these observations."""
    if isinstance(space, Dict):
        return "MultiInputPolicy"
    return "CnnPolicy" if is_image_space(space) else "MlpPolicy"


def stacked(observations: Sequence[Any]) -> Any:
    """Return observations of E environments as one array [E, ...], or as a dict of these."""
    if isinstance(observations[0], Mapping):
        return {key: np.stack([np.asarray(one[key]) for one in observations]) for key in observations[0]}
    return np.stack(observations)
