"""Blind policies, which do not look at observations: they must not be rewarded, but may be all an expert does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from tsreward.errors import OptionError, unknown_name
from tsreward.functional.arrays import count

Policy = Callable[[Any], np.ndarray]
"""Observations [E, *obs], or a dict of such arrays, -> actions [E, *action]."""

NOISE = 0.1
"""Small noise: its standard deviation in units of half the range of an action, or the fraction of random discrete
actions."""


def random_actions(space: Space, rng: np.random.Generator) -> Policy:
    """Uniform actions."""
    if isinstance(space, Discrete):
        return lambda obs: rng.integers(space.n, size=count(obs)) + space.start
    low, high = _bounds(space)
    return lambda obs: rng.uniform(low, high, (count(obs), *low.shape)).astype(space.dtype)


def no_action(space: Space, rng: np.random.Generator) -> Policy:
    """Return the first discrete action, which is "nothing" in Atari; or 0, as near as the range allows."""
    return _always(space, int(space.start) if isinstance(space, Discrete) else 0.0)


def small_noise(space: Space, rng: np.random.Generator) -> Policy:
    """No action, and a little noise on it (see `NOISE`)."""
    still, random = no_action(space, rng), random_actions(space, rng)
    if isinstance(space, Discrete):
        return lambda obs: np.where(rng.random(count(obs)) < NOISE, random(obs), still(obs))
    low, high = _bounds(space)

    def act(obs: Any) -> np.ndarray:
        shake = NOISE * (high - low) / 2 * rng.standard_normal((count(obs), *low.shape))
        return np.clip(still(obs) + shake, low, high).astype(space.dtype)

    return act


def lowest(space: Space, rng: np.random.Generator) -> Policy:
    """The lowest of every action, always; or the second discrete one."""
    return _always(space, min(1, int(space.n) - 1) + int(space.start) if isinstance(space, Discrete) else -np.inf)


def highest(space: Space, rng: np.random.Generator) -> Policy:
    """The highest of every action, always; or the last discrete one."""
    return _always(space, int(space.start + space.n) - 1 if isinstance(space, Discrete) else np.inf)


BLIND: dict[str, Callable[[Space, np.random.Generator], Policy]] = {
    "no_action": no_action,
    "small_noise": small_noise,
    "lowest": lowest,
    "highest": highest,
}
"""What must not be rewarded, name -> function of the action space and the source of randomness."""


def blind_policy(name: str, space: Space, seed: int = 0) -> Policy:
    """Return the policy "random", one of `BLIND`, or "constant:ACTION" with one number, or one for every action.

    Raises:
        OptionError: there is no such policy, or the action is none of the space.

    >>> blind_policy("constant:2", Discrete(3))(np.zeros((4, 1)))
    array([2, 2, 2, 2])
    >>> blind_policy("constant:0.5,-1", Box(-1, 1, (2,)))(np.zeros((1, 1)))
    array([[ 0.5, -1. ]], dtype=float32)
    """
    known, rng = {"random": random_actions, **BLIND}, np.random.default_rng(seed)
    if name in known:
        return known[name](space, rng)
    kind, _, text = name.partition(":")
    if kind != "constant":
        raise unknown_name("policy", name, [*known, "constant:ACTION"])
    try:
        values = np.array([float(part) for part in text.split(",")])
        action = np.broadcast_to(values if len(values) > 1 else values[0], space.shape or ())
    except ValueError:
        action = None
    if action is None or not _holds(space, action):
        raise OptionError(f"'{name}' is no action of {space}: give one number, or one for every action.")
    return _always(space, action)


def _always(space: Space, action: float | np.ndarray) -> Policy:
    if isinstance(space, Discrete):
        return lambda obs: np.full(count(obs), int(action), space.dtype)
    low, high = _bounds(space)
    fixed = np.clip(np.broadcast_to(action, low.shape), low, high).astype(space.dtype)
    return lambda obs: np.broadcast_to(fixed, (count(obs), *fixed.shape)).copy()


def _holds(space: Space, action: np.ndarray) -> bool:
    if isinstance(space, Discrete):
        return bool(action == np.round(action)) and bool(space.contains(np.int64(action)))
    low, high = _bounds(space)
    return bool(((low <= action) & (action <= high)).all())


def _bounds(space: Space) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(space, Box) or not space.is_bounded():
        raise OptionError(f"Blind policies need discrete or bounded actions, got {space}.")
    return space.low, space.high
