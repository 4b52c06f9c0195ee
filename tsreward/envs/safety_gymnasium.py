"""Safety-Gymnasium as plain Gymnasium environments: five values per step, the cost in `info["cost"]`."""

from copy import deepcopy
from functools import cache
from math import sqrt
from types import MethodType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.wrappers import TimeLimit

from tsreward.envs._compat import import_safety_gymnasium, rebound
from tsreward.errors import OptionError, unknown_name

BUILDER = "safety_gymnasium.builder:Builder"
VELOCITY = "safety_gymnasium.tasks.safe_velocity."


def safety_ids() -> list[str]:
    """Return every supported id: navigation, circle, run and velocity, with a flat observation and one agent."""
    import_safety_gymnasium()
    return sorted(id for id, spec in gymnasium.registry.items() if _is_supported(spec))


def _is_supported(spec: EnvSpec) -> bool:
    if spec.entry_point == BUILDER:
        config = spec.kwargs["config"]
        pictures_missing = config.get("floor_conf.type") == "village"  # its textures are not in the wheel
        return not (config.get("observe_vision") or config.get("debug") or pictures_missing)
    return isinstance(spec.entry_point, str) and spec.entry_point.startswith(VELOCITY)


def make_safety(
    id: str,
    *,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
    fast_reset: bool = True,
    **render_options: Any,
) -> gymnasium.Env:
    """Return the Safety-Gymnasium environment `id` with the five-value step of Gymnasium.

    Every `info` holds the `cost` of its step as a float, beside the keys of the task. The same `reset(seed=...)` and
    the same actions give the same trajectory. The episode is cut (`truncated`) after `max_episode_steps`, or after the
    length that belongs to the id. `fast_reset` leaves out the picture of the sky, which is decoded at every reset
    (about a second) and which only a rendered frame shows. `render_options` (`width`, `height`, `camera_id`,
    `camera_name`) go to the environment.

    Raises OptionError for an unknown id or limit, and MissingExtraError where safety-gymnasium is not installed.

    >>> env = make_safety("SafetyPointGoal1-v0")
    >>> obs, info = env.reset(seed=0)
    >>> obs, reward, terminated, truncated, info = env.step([1.0, 0.0])
    >>> obs.shape, info["cost"]
    ((60,), 0.0)
    """
    import_safety_gymnasium()
    spec = gymnasium.registry.get(id)
    if spec is None or not _is_supported(spec):
        raise unknown_name("environment", id, safety_ids())
    limit = spec.max_episode_steps if max_episode_steps is None else max_episode_steps
    if not isinstance(limit, int) or limit < 1:
        raise OptionError(f"make_safety('{id}') expects max_episode_steps of 1 or more, got {limit!r}.")
    picture = {"render_mode": render_mode, **render_options}
    kwargs = {**deepcopy(spec.kwargs), **picture}
    env: Any
    if spec.entry_point == BUILDER:
        env = _make_task(kwargs, limit, fast_reset)
    else:
        env = load_env_creator(str(spec.entry_point))(**kwargs)
    options = {"id": id, "max_episode_steps": limit, "fast_reset": fast_reset, **picture}
    env.spec = EnvSpec(id, f"{__name__}:make_safety", spec.reward_threshold, max_episode_steps=limit, kwargs=options)
    return TimeLimit(SafetyEnv(env), limit)


def _make_task(kwargs: dict[str, Any], limit: int, fast_reset: bool) -> Any:
    """Return a navigation, circle or run environment that ends where the time limit does."""
    env = _task_class()(**kwargs)
    env.task.num_steps = limit
    world = _skyless_world() if fast_reset else _same_world()
    env.task._build = MethodType(rebound(type(env.task)._build, World=world), env.task)
    _use_plain_arithmetic(env.task)
    return env


@cache
def _task_class() -> Any:
    """Return the class of the task environments, seeded from the operating system and not from numpy's global state."""
    from safety_gymnasium.builder import Builder

    class TaskEnv(Builder):
        def set_seed(self, seed: int | None = None) -> None:
            super().set_seed(int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
            gymnasium.Env.reset(self, seed=seed)
            return super().reset(seed=seed, options=options)

        def close(self) -> None:
            for viewer in self.task._viewers.values():
                viewer.close()
            self.task._viewers.clear()
            self.task.viewer = None

    return TaskEnv


@cache
def _same_world() -> Any:
    """Return a world that is the same at every reset with the same seed.

    The original computes the forces once at the first reset of an environment and twice, from a warm start, at later
    ones, so that the same seed would give other trajectories after the first episode.
    """
    from safety_gymnasium.world import World

    class SameWorld(World):
        def rebuild(self, config: dict[str, Any] | None = None, state: bool = True) -> None:
            self.parse(config)
            self.build()

    return SameWorld


@cache
def _skyless_world() -> Any:
    """Return a world that is built by the same code from the same description, less the texture of the sky."""
    import xmltodict
    import yaml
    from safety_gymnasium.world import World

    parsed: dict[str, Any] = {}

    def load_once(file: Any, Loader: Any) -> Any:
        if file.name not in parsed:
            parsed[file.name] = yaml.load(file, Loader=Loader)
        return parsed[file.name]  # World.build only reads it

    def unparse(tree: Any) -> str:
        asset = tree["mujoco"]["asset"]
        asset["texture"] = [texture for texture in asset["texture"] if texture["@type"] != "skybox"]
        return xmltodict.unparse(tree)

    class SkylessWorld(_same_world()):
        build = rebound(
            World.build,
            xmltodict=SimpleNamespace(parse=xmltodict.parse, unparse=unparse),
            yaml=SimpleNamespace(load=load_once, FullLoader=yaml.FullLoader),
        )

    return SkylessWorld


class _PlainNumpy:
    """numpy, with the same IEEE operations on points of the plane done as Python floats: a reset makes thousands."""

    sqrt = staticmethod(sqrt)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def square(xy: np.ndarray) -> tuple[float, float]:
        x, y = xy.tolist()
        return x * x, y * y

    @staticmethod
    def sum(xy: tuple[float, float]) -> float:
        return xy[0] + xy[1]

    class r_:
        def __class_getitem__(cls, parts: tuple[Any, ...]) -> np.ndarray:
            return np.concatenate(parts)


def _use_plain_arithmetic(task: Any) -> None:
    """Let this task's busiest methods skip numpy's overhead; every number stays the same to the last bit."""
    plain = _PlainNumpy()
    for owner, name in [(task.random_generator, "sample_layout"), (task.agent, "dist_xy")]:
        setattr(owner, name, MethodType(rebound(getattr(type(owner), name), np=plain), owner))
    for mocap in task._mocaps.values():
        mocap.move = MethodType(rebound(type(mocap).move, np=plain), mocap)


class SafetyEnv(gymnasium.Wrapper):
    """Six values become five: the cost moves into `info`."""

    @property
    def spec(self) -> EnvSpec | None:
        """The environment's own spec; it makes this wrapper too."""
        return self.env.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; its `info["cost"]` is 0."""
        obs, info = self.env.reset(seed=seed, options=options)
        info["cost"] = 0.0
        return obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act once."""
        obs, reward, cost, terminated, truncated, info = self.env.step(np.asarray(action))  # type: ignore[misc]
        info["cost"] = float(cost)
        return obs, float(reward), bool(terminated), bool(truncated), info
