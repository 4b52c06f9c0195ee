"""One function for every environment: the family is read off the id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs

from tsreward.envs.ids import checked_options, split_id
from tsreward.errors import MissingExtraError, OptionError, TSRewardError, shown, unknown_name
from tsreward.registry import Registry
from tsreward.sequences.cost_reader import STEP_COST, CostReader
from tsreward.sequences.costs import COMMON
from tsreward.user_modules import current_folder_searched, import_user_module, split_name, what_went_wrong


class ActionRepeat(gymnasium.Wrapper, RecordConstructorArgs):
    """Take every action `times` steps long, or until the episode ends; rewards and costs add up.

    Of the keys that are common for costs (`tsreward.sequences.costs.COMMON`) the info holds the sums over these steps,
    and whether any was true of those that are true or false. With `costs`, what that reads in every step is added up
    under a key of its own, for another reader.

    >>> env = ActionRepeat(gymnasium.make("CartPole-v1"), times=3)
    >>> _ = env.reset(seed=0)
    >>> env.step(0)[1]
    3.0
    """

    def __init__(self, env: gymnasium.Env, times: int, costs: CostReader | None = None) -> None:
        RecordConstructorArgs.__init__(self, times=times)
        gymnasium.Wrapper.__init__(self, env)
        if times < 1:
            raise OptionError(f"ActionRepeat repeats an action at least once, got {times}.")
        self.times, self.costs = times, costs
        if "render_fps" in env.metadata:  # a film has one frame for each decision
            self.metadata = {**env.metadata, "render_fps": env.metadata["render_fps"] / times}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        total, infos = float(reward), [info]
        for _ in range(self.times - 1):
            if terminated or truncated:
                break
            obs, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            infos.append(info)
        return obs, total, terminated, truncated, {**info, **self._summed(infos)}

    def _summed(self, infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
        given = {key: [info[key] for info in infos if key in info] for key in COMMON}
        summed = {key: total for key, values in given.items() if values and (total := _sum(values)) is not None}
        return summed if self.costs is None else {**summed, STEP_COST: sum(map(self.costs.read, infos))}


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum of costs, whether any is true, or None for what can not be added."""
    if all(isinstance(value, (bool, np.bool_)) for value in values):
        return any(values)
    try:
        return sum(values[1:], start=values[0])
    except TypeError:
        return None


def repeating(env: gymnasium.Env, times: int) -> gymnasium.Env:
    """Return an environment that takes every action `times` steps long: the same one for 1."""
    return env if times == 1 else ActionRepeat(env, times)


def make_with_costs(id: str, costs: CostReader, action_repeat: int = 1) -> gymnasium.Env:
    """Return `make(id, action_repeat)`, whose costs are read by `costs` in every step of a repeated action."""
    env = make(id, action_repeat)
    if isinstance(env, ActionRepeat):
        env.costs = costs
    return env


ENV_FAMILIES: Registry[Callable[..., gymnasium.Env]] = Registry("environment family", "tsreward.envs")
"""`ENV_FAMILIES[name](id, action_repeat=..., **options)` makes the environments whose ids begin with "name/".

What options there are, and of which kind, is read off the signature of the function."""


def make(id: str, action_repeat: int = 1, **options: Any) -> gymnasium.Env:
    """Return the environment `id`, made with `options`, that takes every action `action_repeat` steps long.

    An id that is registered in Gymnasium is taken from there, whatever it begins with. Of the others, one that begins
    with "dmc/" belongs to the DeepMind Control Suite (`tsreward.envs.dm_control.make_dmc`), with "atari/" to Atari
    (`tsreward.envs.atari.make_atari`), with "metaworld/" to Meta-World (`tsreward.envs.meta_world.make_meta_world`),
    with "robotics/" to Gymnasium-Robotics (`tsreward.envs.robotics.make_robotics`), with "highway/" to highway-env
    (`tsreward.envs.highway.make_highway`), with "NAME/" to whatever family is
    registered under that name (`ENV_FAMILIES`), with "Safety" to Safety-Gymnasium
    (`tsreward.envs.safety_gymnasium.make_safety`). In an id of a family, options may also stand after a colon, as in
    "dmc/walker-walk:frames=64,grey".

    In "my_module:Maze-v0" the module is imported first, so that it can register the id. It may lie in the current
    folder, which is searched as `python -m` does it.

    Raises:
        OptionError: an id that none knows, with the nearest one; an option that a family does not know, or a value that
            is none; a module that is missing or broken; or an environment that cannot be made.
        MissingExtraError: a package that the family needs is not installed.

    >>> make("CartPole-v1").observation_space.shape
    (4,)
    """
    named = id
    # The module of a registered id may hold an import of its own, which is made when the environment is.
    if family_of(id) is None and not is_registered(id) and ":" in id:
        parts = split_name(id)
        if parts is None:
            raise OptionError(
                f"{shown(id)} is no id of an environment: options after a colon belong to the ids of families "
                f"({', '.join(ENV_FAMILIES)}), and an id of your own module is written my_module:Maze-v0."
            )
        import_user_module(parts[0], id)
        id = parts[1]
    if (family := family_of(id)) is not None:
        id, own = split_id(id)
        if action_repeat != 1 and "action_repeat" in own:
            raise OptionError(f"make('{id}') got action_repeat in the id and beside it: leave out one.")
        maker = ENV_FAMILIES[family]
        if not (name := id.removeprefix(f"{family}/")).strip() or "/" in name:
            raise OptionError(
                f"{shown(id)} names no environment of the family {family}: write {family}/NAME, as in dmc/walker-walk."
            )
        return maker(id, **checked_options(id, maker, {"action_repeat": action_repeat, **own, **options}))
    env = _make(id, named, **options)
    return repeating(env, action_repeat)


def family_of(id: str) -> str | None:
    """Return the family that an id belongs to, or None where it is one of Gymnasium's or Safety-Gymnasium's.

    An id that somebody else has registered in Gymnasium belongs to no family.

    >>> family_of("dmc/walker-walk:camera=side"), family_of("CartPole-v1"), family_of("ALE/Pong-v5")
    ('dmc', None, None)
    """
    name, slash, _ = id.partition("/")
    return name if slash and name in ENV_FAMILIES and not is_registered(id) else None


def is_registered(id: str) -> bool:
    """Tell whether somebody else than tsreward and Safety-Gymnasium has registered an id, with or without a version.

    >>> is_registered("CartPole-v1"), is_registered("CartPole"), is_registered("dmc/walker-walk")
    (True, True, False)
    """
    spec = gymnasium.registry.get(id)
    if spec is not None:
        return not _is_ours(spec)
    return any(
        spec.version is not None and _without_version(spec) == id and not _is_ours(spec)
        for spec in gymnasium.registry.values()
    )


def _without_version(spec: EnvSpec) -> str:
    return spec.name if spec.namespace is None else f"{spec.namespace}/{spec.name}"


def _is_ours(spec: EnvSpec) -> bool:
    """Tell whether `make` knows better how to make it than Gymnasium does."""
    return isinstance(spec.entry_point, str) and spec.entry_point.startswith(("tsreward.", "safety_gymnasium."))


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


def _make(id: str, named: str, **options: Any) -> gymnasium.Env:
    """Return the environment `id`, which the user named as `named`, of Gymnasium or Safety-Gymnasium."""
    if id.startswith("Safety") and not is_registered(id):
        from tsreward.envs.safety_gymnasium import make_safety

        return make_safety(id, **options)
    if not is_registered(id):
        if not id.strip():
            raise OptionError("The id of an environment is empty: name one, such as CartPole-v1.")
        known = (name for name, spec in gymnasium.registry.items() if not _is_ours(spec))
        error = unknown_name("environment", shown(id)[1:-1], known)
        raise error if id == named else OptionError(f"The module of {shown(named)} does not register it. {error}")
    try:
        with current_folder_searched():  # for an entry point of the user's, which is imported here
            return gymnasium.make(id, **options)
    except TSRewardError:
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        raise MissingExtraError(f"{named} needs a package that is not installed: {error}") from error
    except Exception as error:
        if id == named and not isinstance(error, (gymnasium.error.Error, ImportError, SyntaxError)):
            raise
        raise OptionError(f"The environment {shown(named)} cannot be made: {what_went_wrong(error)}.") from error
