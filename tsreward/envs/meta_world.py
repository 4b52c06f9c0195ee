"""Meta-World's manipulation tasks as Gymnasium environments, with their scripted experts (Yu et al. 2019)."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from tsreward.envs.blind_policies import Policy
from tsreward.envs.ids import split_id
from tsreward.envs.make import ENV_FAMILIES, repeating
from tsreward.envs.pixels import frame_size, with_frames
from tsreward.envs.rendering import LOOKS, FrameRenderer, choose_backend, find_camera
from tsreward.errors import OptionError, missing_extra, unknown_name

RENDER_SIZE = 240
VERSION = "-v3"
"""What ends Meta-World's own names of the tasks."""


def meta_world_ids() -> list[str]:
    """Return every id: `metaworld/` and Meta-World's name of the task without its version."""
    return sorted(f"metaworld/{name.removesuffix(VERSION)}" for name in _tasks())


@ENV_FAMILIES.register("metaworld")
def make_meta_world(
    id: str,
    *,
    action_repeat: int = 1,
    pixels: int | None = None,
    frames: int | None = None,
    stack: int = 1,
    grey: bool = False,
    camera: int | str = "corner2",
    flip: bool = True,
    rendering: str = "fast",
    sparse: bool = False,
    hidden_goal: bool = False,
    start_seed: int | None = None,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env:
    """Return the Meta-World environment `id`, such as "metaworld/drawer-open".

    It observes a float32 vector [39] (see `MetaWorld`) or, with `pixels`, square frames of that size (see `Pixels` for
    `stack` and `grey`) that `camera` sees in the look `rendering` (see `FrameRenderer`). With `frames` it observes the
    vector, and the frames of that size are in `info["frame"]`. The cameras corner to corner4 hang upside down: `flip`
    turns their pictures round. `sparse` rewards success with 1 and all else with 0. With `hidden_goal` the place of the
    goal reads 0. Every reset draws a start and a goal; with `start_seed` they are those of that seed in every episode,
    as a goal video of one episode wants it. Episodes are cut (`truncated`) after 500 steps, or `max_episode_steps`.

    Raises OptionError for an unknown id, camera or look or options that do not fit together, and MissingExtraError
    where metaworld is not installed or frames are wanted and no GL library is there.
    """
    size = frame_size(id, pixels, frames, grey, stack)
    spec = EnvSpec(
        id,
        f"{__name__}:MetaWorld",
        disable_env_checker=True,
        max_episode_steps=max_episode_steps,
        kwargs={
            "task": id.removeprefix("metaworld/"),
            "size": RENDER_SIZE if size is None else size,
            "camera": camera,
            "flip": flip,
            "rendering": rendering,
            "sparse": sparse,
            "hidden_goal": hidden_goal,
            "start_seed": start_seed,
            "render_mode": render_mode if size is None else "rgb_array",
        },
    )
    env = gymnasium.make(spec)
    env = repeating(env, action_repeat)
    return with_frames(env, pixels, frames, grey, stack)


class MetaWorld(gymnasium.Env):
    """One task, such as "drawer-open", with Meta-World's dense reward in [0, 10]; the options of `make_meta_world`.

    The observation [39] holds the hand, the gripper's opening and the objects [18], the same one step before [18], and
    the place of the goal [3]. `info["success"]` is 1.0 in steps where the task is solved, else 0.0; an episode goes on
    after that. The same `reset(seed=...)` and the same actions give the same episode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 80}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        task: str,
        size: int = RENDER_SIZE,
        camera: int | str = "corner2",
        flip: bool = True,
        rendering: str = "fast",
        sparse: bool = False,
        hidden_goal: bool = False,
        start_seed: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        tasks = _tasks()
        if f"{task}{VERSION}" not in tasks:
            raise unknown_name("environment", f"metaworld/{task}", meta_world_ids())
        if rendering not in LOOKS:
            raise unknown_name("rendering", rendering, LOOKS)
        if size < 1:
            raise OptionError(f"A frame of 'metaworld/{task}' needs a size of 1 pixel or more, got {size}.")
        if start_seed is not None and start_seed < 0:
            raise OptionError(f"The option start_seed of 'metaworld/{task}' is 0 or more, got {start_seed}.")
        env = tasks[f"{task}{VERSION}"]()
        env._set_task_called = env.seeded_rand_vec = True  # else its goals come from the global generator
        env._freeze_rand_vec = False
        env._partially_observable = hidden_goal
        env.__dict__.pop("sawyer_observation_space", None)  # cached, with the goal hidden
        space = env.sawyer_observation_space
        self.observation_space = Box(np.float32(space.low), np.float32(space.high), dtype=np.float32)
        self.action_space = Box(-1.0, 1.0, (4,), np.float32)
        self.frame_shape = (size, size)
        self.camera = find_camera(env.model, camera)
        self.flip, self.rendering, self.render_mode = flip, rendering, render_mode
        self.sparse, self.start_seed = sparse, start_seed
        self._env: Any = env
        self._renderer: FrameRenderer | None = None
        self._running = False

    @property
    def model(self) -> Any:
        """The task's `mujoco.MjModel`."""
        return self._env.model

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        drawn = self.start_seed if self.start_seed is not None else seed
        if drawn is not None:
            self._env.seed(drawn)
        obs, _ = self._env.reset()
        self._running = True
        return self._seen(obs), {"success": 0.0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move the hand by the first three numbers of the action, and the gripper with the fourth's strength."""
        if not self._running:
            raise gymnasium.error.ResetNeeded("MetaWorld.step was called outside an episode: call reset() first.")
        obs, reward, _, truncated, told = self._env.step(np.asarray(action, np.float32))
        self._running = not truncated
        info = {name: float(value) for name, value in told.items()}
        return self._seen(obs), info["success"] if self.sparse else float(reward), False, bool(truncated), info

    def _seen(self, obs: np.ndarray) -> np.ndarray:
        return np.clip(np.float32(obs), self.observation_space.low, self.observation_space.high)  # type: ignore[attr-defined]

    def render(self) -> Any:
        """Return the current frame [size, size, 3] (uint8)."""
        if self._renderer is None:
            size = self.frame_shape[0]
            self._renderer = FrameRenderer(self.model, size, self.camera, self.rendering, upright=self.flip)
        return self._renderer.render(self._env.data)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def scripted_policy(id: str) -> Policy:
    """Return Meta-World's scripted expert of the environment `id`: observations [E, 39] -> actions [E, 4].

    Raises:
        OptionError: the environment is none of Meta-World's, or does not observe what the expert reads.
    """
    name, options = split_id(id)
    if not name.startswith("metaworld/"):
        raise OptionError(f"Scripted experts come with Meta-World (metaworld/drawer-open), and '{id}' has none.")
    unfit = {"pixels", "hidden_goal"} & {name for name, value in options.items() if value not in (None, False)}
    if unfit:
        raise OptionError(
            f"The scripted expert of '{name}' reads sensors and the goal, and '{id}' shows it other things: leave out "
            f"{' and '.join(sorted(unfit))}. Frames are drawn beside the sensors with frames=64."
        )
    if name not in meta_world_ids():
        raise unknown_name("environment", name, meta_world_ids())
    from metaworld.policies import ENV_POLICY_MAP  # pyright: ignore[reportMissingImports]

    expert = ENV_POLICY_MAP[f"{name.removeprefix('metaworld/')}{VERSION}"]()

    def act(obs: Any) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that actions are clipped, as here
            actions = [np.clip(expert.get_action(row), -1, 1) for row in np.asarray(obs, np.float64)]
        return np.asarray(actions, np.float32)

    return act


def _tasks() -> dict[str, Any]:
    if importlib.util.find_spec("metaworld") is None:
        raise missing_extra("metaworld", "metaworld")
    choose_backend()
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS  # pyright: ignore[reportMissingImports]

    return ALL_V3_ENVIRONMENTS
