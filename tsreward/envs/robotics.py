"""Gymnasium-Robotics (Fetch, point and ant mazes, hands, kitchen), with frames by our own renderer."""

from __future__ import annotations

import importlib.util
from copy import copy
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from tsreward.envs.make import ENV_FAMILIES, repeating
from tsreward.envs.pixels import frame_size, with_frames
from tsreward.envs.rendering import LOOKS, FrameRenderer, choose_backend, find_camera
from tsreward.errors import OptionError, missing_extra, unknown_name

RENDER_SIZE = 240


def robotics_ids() -> list[str]:
    """Return every id: `robotics/` and Gymnasium-Robotics's own, without what needs the old mujoco-py."""
    return sorted(f"robotics/{name}" for name in _specs())


@ENV_FAMILIES.register("robotics")
def make_robotics(
    id: str,
    *,
    action_repeat: int = 1,
    pixels: int | None = None,
    frames: int | None = None,
    stack: int = 1,
    grey: bool = False,
    camera: int | str | None = None,
    rendering: str = "fast",
    start_seed: int | None = None,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env:
    """Return the environment `id`, such as "robotics/PointMaze_UMaze-v3" or "robotics/FetchReach-v4".

    It observes what Gymnasium-Robotics does, a Dict of `observation`, `achieved_goal` and `desired_goal`, or frames as
    in `tsreward.envs.dm_control.make_dmc`. Without a `camera` it is "track" where the task has that, else the free
    camera (-1) where the task's author put it. Where a task tells of its success, under either of its names,
    `info["success"]` is 1.0 or 0.0. With `start_seed` every episode has the start and the goal of that seed, as one
    picture of a goal wants it.

    Raises OptionError for an unknown id, camera or look or options that do not fit together, and MissingExtraError
    where gymnasium-robotics is not installed or frames are wanted and no GL library is there.
    """
    size = frame_size(id, pixels, frames, grey, stack)
    name, specs = id.removeprefix("robotics/"), _specs()
    if name not in specs:
        raise unknown_name("environment", id, robotics_ids())
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    env = gymnasium.make(specs[name], disable_env_checker=True, **limit)
    drawn = size if size is not None else RENDER_SIZE if render_mode == "rgb_array" else None
    env = RobotFrames(env, drawn, camera, rendering, start_seed)
    env = repeating(env, action_repeat)
    return with_frames(env, pixels, frames, grey, stack)


class RobotFrames(gymnasium.Wrapper, RecordConstructorArgs):
    """Name the success `info["success"]`, and draw frames `[size, size, 3]` (uint8) of a Gymnasium-Robotics task.

    Gymnasium's own renderers disturb each other where one process holds two of them; these do not.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        size: int | None = None,
        camera: int | str | None = None,
        rendering: str = "fast",
        start_seed: int | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(self, size=size, camera=camera, rendering=rendering, start_seed=start_seed)
        gymnasium.Wrapper.__init__(self, env)
        if rendering not in LOOKS:
            raise unknown_name("rendering", rendering, LOOKS)
        if size is not None and size < 1:
            raise OptionError(f"A frame of RobotFrames needs a size of 1 pixel or more, got {size}.")
        if start_seed is not None and start_seed < 0:
            raise OptionError(f"The option start_seed of RobotFrames is 0 or more, got {start_seed}.")
        task: Any = env.unwrapped
        self._task = task
        self._simulated = getattr(task, "point_env", getattr(task, "ant_env", getattr(task, "robot_env", task)))
        self.frame_shape = (size, size)
        model = self._simulated.model
        if camera is None:
            camera = next((index for index in range(model.ncam) if model.camera(index).name == "track"), -1)
        self.rendering, self.camera, self.start_seed = rendering, find_camera(model, camera), start_seed
        self._renderer: FrameRenderer | None = None

    @property
    def render_mode(self) -> str | None:
        """Frames are arrays, where there are any."""
        return None if self.frame_shape[0] is None else "rgb_array"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, the one of `start_seed` where that is given."""
        return self.env.reset(seed=seed if self.start_seed is None else self.start_seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        reached = info.get("is_success", info.get("success"))
        told = info if reached is None else {**info, "success": float(reached)}
        return obs, float(reward), terminated, truncated, told

    def render(self) -> Any:
        """Return the current frame [size, size, 3] (uint8), or None without a size."""
        size = self.frame_shape[0]
        if size is None:
            return None
        if self._renderer is None:
            view = self._simulated.mujoco_renderer.default_cam_config
            self._renderer = FrameRenderer(self._simulated.model, size, self.camera, self.rendering, view=view)
        if not hasattr(self._task, "_render_callback"):
            return self._renderer.render(self._simulated.data)
        # It puts the goal's marker in its place, and works out the state anew, which would change the course of things.
        data, sites = self._simulated.data, self._simulated.model.site_pos.copy()
        self._simulated.data = copy(data)
        try:
            self._task._render_callback()
            return self._renderer.render(self._simulated.data)
        finally:
            self._simulated.data = data
            self._simulated.model.site_pos[:] = sites

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        self.env.close()


def _specs() -> dict[str, Any]:
    if importlib.util.find_spec("gymnasium_robotics") is None:
        raise missing_extra("gymnasium_robotics", "robotics")
    choose_backend()
    import gymnasium_robotics  # pyright: ignore[reportMissingImports]

    gymnasium.register_envs(gymnasium_robotics)
    return {name: spec for name, spec in gymnasium.registry.items() if _is_supported(str(spec.entry_point))}


def _is_supported(point: str) -> bool:
    """Tell whether an entry point is Gymnasium-Robotics's, and needs no mujoco-py."""
    module, _, name = point.partition(":")
    old = "MujocoPy" in name or module.endswith(".ant_maze_v3") or ".envs.mujoco." in module
    return module.startswith("gymnasium_robotics.") and not old
