"""The DeepMind Control Suite as Gymnasium environments: sensors or frames, and states that can be re-rendered."""

from __future__ import annotations

import importlib.util
import warnings
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from tsreward.envs.make import ENV_FAMILIES, repeating
from tsreward.envs.pixels import frame_size, with_frames
from tsreward.envs.rendering import LOOKS, FrameRenderer, choose_backend, close_at_exit, find_camera, no_frames
from tsreward.errors import OptionError, ShapeError, missing_extra, unknown_name

PLACED: dict[str, tuple[str, ...]] = {
    "finger": ("site_pos",),
    "fish": ("geom_pos",),
    "manipulator": ("body_pos", "body_quat"),
    "point_mass": ("wrap_prm",),
    "reacher": ("geom_pos",),
    "stacker": ("body_pos",),
    "swimmer": ("geom_pos", "light_pos"),
}
"""The arrays of the model into which a dm_control domain writes at reset: targets and the like.

The terrain of "quadruped-escape" is left out: it has 40,000 numbers.
"""


def get_state(physics: Any, domain: str) -> np.ndarray:
    """Return the state [S] (float64): time, positions, velocities, activations, the solver's warm start, placements.

    `physics` is dm_control's; S depends on the task alone.
    """
    mujoco, parts = _mujoco()
    model, data = physics.model.ptr, physics.data.ptr
    state = np.empty(mujoco.mj_stateSize(model, parts))
    mujoco.mj_getState(model, data, state, parts)
    return np.concatenate([state, *(getattr(model, name).ravel() for name in PLACED.get(domain, ()))])


def set_state(physics: Any, domain: str, state: np.ndarray) -> None:
    """Put the simulation into a state [S] that `get_state` returned, with everything that follows from it.

    Steps after it are bit-identical with those that came after `get_state`.
    """
    mujoco, parts = _mujoco()
    model, data = physics.model.ptr, physics.data.ptr
    end = mujoco.mj_stateSize(model, parts)
    mujoco.mj_setState(model, data, np.ascontiguousarray(state[:end], np.float64), parts)
    for name in PLACED.get(domain, ()):
        placed = getattr(model, name)
        placed[:] = state[end : end + placed.size].reshape(placed.shape)
        end += placed.size
    mujoco.mj_step1(model, data)  # what dm_control ends a step with


def _mujoco() -> tuple[Any, int]:
    """Return the module mujoco and the parts of its state that are kept."""
    mujoco = import_module("mujoco")
    kinds = mujoco.mjtState
    return mujoco, int(kinds.mjSTATE_FULLPHYSICS.value | kinds.mjSTATE_WARMSTART.value)


CAMERAS = {"dog": "y-axis", "quadruped": "y"}
"""The camera of a domain where it is not the first one."""
RENDER_SIZE = 240


def dmc_ids() -> list[str]:
    """Return every id: `dmc/` and dm_control's names of the domain and of the task, joined by a hyphen."""
    return sorted(f"dmc/{domain}-{task}" for domain, task in _suite().ALL_TASKS)


@ENV_FAMILIES.register("dmc")
def make_dmc(
    id: str,
    *,
    action_repeat: int = 1,
    pixels: int | None = None,
    frames: int | None = None,
    stack: int = 1,
    grey: bool = False,
    camera: int | str | None = None,
    rendering: str = "fast",
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env:
    """Return the dm_control environment `id`, such as "dmc/walker-walk".

    It observes a float32 vector (see `DmControl`) or, with `pixels`, square frames of that size (see `Pixels` for
    `stack` and `grey`) that `camera` sees in the look `rendering` (see `FrameRenderer`). With `frames` it observes the
    vector, and the frames of that size are in `info["frame"]` (see `FrameInInfo`). Every action is taken
    `action_repeat` steps long and frames are drawn for the last of them only. `max_episode_steps` cuts the episode
    (`truncated`) earlier than dm_control does, which is after 1,000 steps (never in "lqr").

    Raises OptionError for an unknown id, camera or look or options that do not fit together, and MissingExtraError
    where dm_control is not installed or frames are wanted and no GL library is there.

    >>> env = make_dmc("dmc/cartpole-swingup", action_repeat=4)
    >>> obs, info = env.reset(seed=0)
    >>> obs.shape, obs.dtype, env.action_space.shape
    ((5,), dtype('float32'), (1,))
    """
    size = frame_size(id, pixels, frames, grey, stack)
    spec = EnvSpec(
        id,
        f"{__name__}:DmControl",
        disable_env_checker=True,
        max_episode_steps=max_episode_steps,
        kwargs={
            "task": id.removeprefix("dmc/"),
            "size": RENDER_SIZE if size is None else size,
            "camera": camera,
            "rendering": rendering,
            "render_mode": render_mode if size is None else "rgb_array",
        },
    )
    env = gymnasium.make(spec)
    env = repeating(env, action_repeat)
    return with_frames(env, pixels, frames, grey, stack)


class DmControl(gymnasium.Env):
    """One task of the suite, such as "walker-walk", with its own rewards and seeds.

    The observation is the float32 vector of the task's observations, each flattened, in the order in which the task
    lists them ("walker-walk": orientations 14, height 1, velocity 9). `reset(seed=s)` begins the episode that
    dm_control begins with `task_kwargs={"random": s}`; "lqr", whose springs are drawn when it is built, always has
    those of seed 0. An episode is `terminated` only where dm_control's discount is 0, and `truncated` at its time
    limit. Every info holds `physics_state` [S] (float64), see `get_state`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        task: str,
        size: int = RENDER_SIZE,
        camera: int | str | None = None,
        rendering: str = "fast",
        render_mode: str | None = None,
    ) -> None:
        suite = _suite()
        self.domain, _, name = task.partition("-")
        if (self.domain, name) not in suite.ALL_TASKS:
            raise unknown_name("environment", f"dmc/{task}", dmc_ids())
        if rendering not in LOOKS:
            raise unknown_name("rendering", rendering, LOOKS)
        if size < 1:
            raise OptionError(f"A frame of 'dmc/{task}' needs a size of 1 pixel or more, got {size}.")
        self._env = suite.load(self.domain, name, task_kwargs={"random": 0})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of numpy, in quadruped: it looks up names once
            parts = self._env.observation_spec().values()
        self._env.task._random = np.random.RandomState()  # the generator that dm_control uses
        size_of_all = sum(int(np.prod(part.shape)) for part in parts)
        self.observation_space = Box(-np.inf, np.inf, (size_of_all,), np.float32)
        spec = self._env.action_spec()
        self.action_space = Box(spec.minimum.astype(np.float32), spec.maximum.astype(np.float32), dtype=np.float32)
        self.metadata = {**self.metadata, "render_fps": round(1 / self._env.control_timestep(), 6)}
        self.frame_shape = (size, size)
        self.camera = find_camera(self.model, CAMERAS.get(self.domain, 0) if camera is None else camera)
        self.rendering, self.render_mode = rendering, render_mode
        self._renderer: FrameRenderer | None = None
        self._running = False

    @property
    def model(self) -> Any:
        """The task's `mujoco.MjModel`."""
        return self._env.physics.model.ptr

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        if seed is not None:
            self._env.task._random = np.random.RandomState(seed)
        obs = self._env.reset().observation
        self._running = True
        if self._renderer is not None and self.model.nhfield:
            self._renderer.upload_terrain()
        return _flat(obs), {"physics_state": self.get_state()}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act for one control step of the task."""
        if not self._running:
            raise gymnasium.error.ResetNeeded("DmControl.step was called outside an episode: call reset() first.")
        after = self._env.step(np.asarray(action, np.float64))
        self._running = not after.last()
        terminated = bool(after.last() and after.discount == 0)
        truncated = after.last() and not terminated
        return _flat(after.observation), float(after.reward), terminated, truncated, {"physics_state": self.get_state()}

    def render(self) -> Any:
        """Return the current frame [size, size, 3] (uint8)."""
        if self._renderer is None:
            self._renderer = FrameRenderer(self.model, self.frame_shape[0], self.camera, self.rendering)
        return self._renderer.render(self._env.physics.data.ptr)

    def get_state(self) -> np.ndarray:
        """Return the state [S] of the simulation: what a frame shows follows from it."""
        return get_state(self._env.physics, self.domain)

    def set_state(self, state: np.ndarray) -> None:
        """Go on from a state [S] of this task; how many steps are left of the episode does not change.

        Raises ShapeError for a state of another size.
        """
        own = self.get_state().shape
        if np.shape(state) != own:
            raise ShapeError(f"DmControl expects a state {list(own)} of '{self.domain}', got {list(np.shape(state))}.")
        set_state(self._env.physics, self.domain, np.asarray(state))

    def save_moment(self) -> tuple[np.ndarray, int, Any]:
        """Return the state, the steps of the episode so far, and the state of the task's generator."""
        return self.get_state(), self._env._step_count, self._env.task.random.get_state()

    def restore_moment(self, moment: tuple[np.ndarray, int, Any]) -> None:
        """Go back to a moment of `save_moment`; the episode goes on from there, also where it had ended."""
        self.set_state(moment[0])
        self._env._step_count, self._env._reset_next_step, self._running = moment[1], False, True
        self._env.task.random.set_state(moment[2])

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _flat(obs: dict[str, Any]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in obs.values()]).astype(np.float32)


def _suite() -> Any:
    if importlib.util.find_spec("dm_control") is None:
        raise missing_extra("dm_control", "dmc")
    choose_backend()
    try:
        from dm_control import suite
    except (AttributeError, ImportError, RuntimeError) as error:
        raise no_frames(error) from error  # it opens the backend when it is imported
    close_at_exit()
    return suite
