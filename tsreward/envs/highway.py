"""highway-env (Leurent 2018): driving in traffic, where a crash is the cost."""

from __future__ import annotations

import importlib.util
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import FlattenObservation

from tsreward.envs.make import ENV_FAMILIES, repeating
from tsreward.errors import OptionError, missing_extra, unknown_name


def highway_ids() -> list[str]:
    """Return every id: `highway/` and highway-env's own, without those for several agents."""
    return sorted(f"highway/{name}" for name in _specs())


@ENV_FAMILIES.register("highway")
def make_highway(
    id: str,
    *,
    action_repeat: int = 1,
    vehicles: int | None = None,
    density: float | None = None,
    lanes: int | None = None,
    frequency: int | None = None,
    duration: int | None = None,
    continuous: bool = False,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env:
    """Return the environment `id`, such as "highway/highway-fast-v0" or "highway/merge-v1".

    `vehicles` is how many others drive, and `density` how densely, in multiples of the usual: a detector may learn from
    an agent in sparse traffic, "highway/highway-fast-v0:vehicles=8,density=0.7", and an agent be trained in dense,
    "highway/highway-fast-v0:vehicles=20,density=1.5". `lanes` is the number of lanes. The world is simulated
    `frequency` times a second, None is 5, or as often as the task decides where that is more often; highway-env's own
    are mostly 15, and slow. An episode ends with a crash, or is cut (`truncated`) after `duration` seconds or
    `max_episode_steps` decisions. Actions are those of the task, mostly to change lane or speed; with `continuous`,
    acceleration and steering.

    Tables and grids, such as the places and speeds of the nearest vehicles, are observed as one float32 vector.
    `info["crashed"]` is true in the step of a crash, and is read as the cost.

    Raises OptionError for an unknown id, or an option that the task does not have or that is out of range, and
    MissingExtraError where highway-env is not installed.

    >>> env = make_highway("highway/highway-fast-v0", vehicles=8)  # doctest: +SKIP
    >>> env.observation_space.shape  # doctest: +SKIP
    (25,)
    """
    name, specs = id.removeprefix("highway/"), _specs()
    if name not in specs:
        raise unknown_name("environment", id, highway_ids())
    usual = load_env_creator(str(specs[name].entry_point)).default_config()  # type: ignore[attr-defined]
    often = usual["policy_frequency"]
    given = {"vehicles": vehicles, "density": density, "lanes": lanes, "frequency": frequency, "duration": duration}
    wanted: dict[str, Any] = {"simulation_frequency": max(_FREQUENCY, often), "offscreen_rendering": True}
    for option, value in given.items():
        if value is None:
            continue
        if _CONFIG[option] not in usual:
            has = ", ".join(one for one, key in _CONFIG.items() if key in usual)
            raise OptionError(f"'{id}' has no {option}: leave it out. Its options are {has}.")
        if not value > 0:
            raise OptionError(f"The option {option} of '{id}' is above 0, got {value}.")
        wanted[_CONFIG[option]] = value
    if wanted["simulation_frequency"] < often:
        raise OptionError(
            f"The option frequency of '{id}' is {often} or more, its decisions a second, got {frequency}."
        )
    if continuous:
        wanted["action"] = {"type": "ContinuousAction"}
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    env = gymnasium.make(specs[name], config=wanted, render_mode=render_mode, disable_env_checker=True, **limit)
    return repeating(Driving(env), action_repeat)


_CONFIG = {
    "vehicles": "vehicles_count",
    "density": "vehicles_density",
    "lanes": "lanes_count",
    "frequency": "simulation_frequency",
    "duration": "duration",
}
"""Our options, and what highway-env calls them."""
_FREQUENCY = 5
_OTHERS = ("intersection-multi-agent", "parking-ActionRepeat", "parking-parked", "lane-keeping")
"""How the names begin of environments for several agents, or that cannot be made with options."""


class Driving(gymnasium.Wrapper, RecordConstructorArgs):
    """Observe a table or grid as one vector, and be paid and told in plain numbers."""

    def __init__(self, env: gymnasium.Env) -> None:
        RecordConstructorArgs.__init__(self)
        space = env.observation_space
        table = isinstance(space, Box) and len(space.shape) > 1
        gymnasium.Wrapper.__init__(self, FlattenObservation(env) if table else env)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, float(reward), bool(terminated), bool(truncated), {**info, "crashed": bool(info["crashed"])}


def _specs() -> dict[str, Any]:
    if importlib.util.find_spec("highway_env") is None:
        raise missing_extra("highway_env", "highway")
    import highway_env  # noqa: F401  # pyright: ignore[reportMissingImports] - registers them

    return {name: spec for name, spec in gymnasium.registry.items() if _is_one(spec) and not name.startswith(_OTHERS)}


def _is_one(spec: Any) -> bool:
    return isinstance(spec.entry_point, str) and spec.entry_point.startswith("highway_env.")
