"""One function for every environment: the family is read off the id."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from tsreward.envs.ids import checked_options, split_id
from tsreward.errors import OptionError, unknown_name
from tsreward.registry import Registry


class ActionRepeat(gymnasium.Wrapper, RecordConstructorArgs):
    """Take every action `times` steps long, or until the episode ends; rewards and `info["cost"]` add up.

    >>> env = ActionRepeat(gymnasium.make("CartPole-v1"), times=3)
    >>> _ = env.reset(seed=0)
    >>> env.step(0)[1]
    3.0
    """

    def __init__(self, env: gymnasium.Env, times: int) -> None:
        RecordConstructorArgs.__init__(self, times=times)
        gymnasium.Wrapper.__init__(self, env)
        if times < 1:
            raise OptionError(f"ActionRepeat repeats an action at least once, got {times}.")
        self.times = times

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        total, cost = float(reward), info.get("cost", 0.0)
        for _ in range(self.times - 1):
            if terminated or truncated:
                break
            obs, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            cost += info.get("cost", 0.0)
        return obs, total, terminated, truncated, {**info, "cost": cost} if "cost" in info else info


ENV_FAMILIES: Registry[Callable[..., gymnasium.Env]] = Registry("environment family", "tsreward.envs")
"""`ENV_FAMILIES[name](id, action_repeat=..., **options)` makes the environments whose ids begin with "name/".

What options there are, and of which kind, is read off the signature of the function."""


def make(id: str, action_repeat: int = 1, **options: Any) -> gymnasium.Env:
    """Return the environment `id`, made with `options`, that takes every action `action_repeat` steps long.

    An id that begins with "dmc/" belongs to the DeepMind Control Suite (`tsreward.envs.dm_control.make_dmc`), with
    "atari/" to Atari (`tsreward.envs.atari.make_atari`), with "NAME/" to whatever family is registered under that name
    (`ENV_FAMILIES`), with "Safety" to Safety-Gymnasium (`tsreward.envs.safety_gymnasium.make_safety`), every other id
    to `gymnasium.make`. An id that none knows, or an option that a family does not know, raises OptionError with the
    nearest one, and so does a value that is none. In an id of a family, options may also stand after a colon, as in
    "dmc/walker-walk:frames=64,grey".

    >>> make("CartPole-v1").observation_space.shape
    (4,)
    """
    if (family := family_of(id)) is not None:
        id, own = split_id(id)
        if action_repeat != 1 and "action_repeat" in own:
            raise OptionError(f"make('{id}') got action_repeat in the id and beside it: leave out one.")
        maker = ENV_FAMILIES[family]
        return maker(id, **checked_options(id, maker, {"action_repeat": action_repeat, **own, **options}))
    env = _make(id, **options)
    return env if action_repeat == 1 else ActionRepeat(env, action_repeat)


def family_of(id: str) -> str | None:
    """Return the family that an id belongs to, or None where it is one of Gymnasium's or Safety-Gymnasium's.

    >>> family_of("dmc/walker-walk:camera=side"), family_of("CartPole-v1"), family_of("ALE/Pong-v5")
    ('dmc', None, None)
    """
    name, slash, _ = id.partition("/")
    return name if slash and name in ENV_FAMILIES else None


def full_options(id: str) -> dict[str, Any]:
    """Return every option of an id of a family, those that it does not name at their defaults.

    >>> options = full_options("dmc/walker-walk:camera=side")
    >>> options["camera"], options["rendering"], options["action_repeat"]
    ('side', 'fast', 1)
    """
    own, family = split_id(id)[1], family_of(id)
    if family is None:
        raise unknown_name("environment family", id.partition("/")[0], ENV_FAMILIES)
    options = list(signature(ENV_FAMILIES[family]).parameters.values())[1:]
    return {option.name: option.default for option in options} | own


def _make(id: str, **options: Any) -> gymnasium.Env:
    if id.startswith("Safety"):
        from tsreward.envs.safety_gymnasium import make_safety

        return make_safety(id, **options)
    try:
        return gymnasium.make(id, **options)
    except gymnasium.error.DependencyNotInstalled:
        raise
    except gymnasium.error.Error as error:
        if id in gymnasium.registry:
            raise
        raise unknown_name("environment", id, (name for name in gymnasium.registry if name[:6] != "Safety")) from error
