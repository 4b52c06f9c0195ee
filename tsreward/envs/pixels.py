"""Frames as observations, or in `info` beside them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from tsreward.errors import OptionError


def grey_frame(frames: np.ndarray) -> np.ndarray:
    """Return the luma `[..., 1]` (uint8, ITU-R BT.601) of frames `[..., 3]`.

    >>> grey_frame(np.array([[0, 0, 0], [255, 0, 0], [255, 255, 255]], np.uint8))[:, 0]
    array([  0,  76, 255], dtype=uint8)
    """
    return ((frames @ np.array([299, 587, 114], np.uint32) + 500) // 1000).astype(np.uint8)[..., None]


class Pixels(gymnasium.Wrapper, RecordConstructorArgs):
    """Observe frames `[H, W, C * stack]` (uint8) in place of what the environment observes.

    C is 3, or 1 with `grey`. The last `stack` frames lie side by side in the channels, the oldest first, and the first
    frame of an episode repeats: Stable-Baselines3's CnnPolicy takes them as they are. A reward model cuts its own
    windows out of single frames: give it `stack` 1.

    Raises:
        OptionError: `stack` is below 1, or the environment does not draw.
    """

    def __init__(self, env: gymnasium.Env, grey: bool = False, stack: int = 1) -> None:
        RecordConstructorArgs.__init__(self, grey=grey, stack=stack)
        gymnasium.Wrapper.__init__(self, env)
        if stack < 1:
            raise OptionError(f"Pixels needs a stack of 1 frame or more, got {stack}.")
        if env.render_mode != "rgb_array":
            raise OptionError(f"Pixels needs an environment with render_mode='rgb_array', got {env.render_mode!r}.")
        height, width = env.get_wrapper_attr("frame_shape")
        channels = (1 if grey else 3) * stack
        self.observation_space = gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)
        self.grey, self.stack = grey, stack
        self._frames: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode whose first frame fills the stack."""
        _, info = self.env.reset(seed=seed, options=options)
        self._frames = [current_frame(self.env, self.grey)] * self.stack
        return np.concatenate(self._frames, -1), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act, and observe the frame that came of it."""
        _, reward, terminated, truncated, info = self.env.step(action)
        self._frames = [*self._frames[1:], current_frame(self.env, self.grey)]
        return np.concatenate(self._frames, -1), float(reward), terminated, truncated, info


def current_frame(env: gymnasium.Env, grey: bool) -> np.ndarray:
    """Return what the environment draws now, `[H, W, 3]`, or `[H, W, 1]` with `grey`."""
    frame = np.asarray(env.render())
    return grey_frame(frame) if grey else frame


class FrameInInfo(gymnasium.Wrapper, RecordConstructorArgs):
    """Leave the observation alone and put the frame `[H, W, C]` (uint8) of every step into `info["frame"]`.

    C is 3, or 1 with `grey`. The info of a reset holds the first frame of its episode, and that of the step that ends
    an episode holds the last.

    Raises:
        OptionError: the environment does not draw.
    """

    def __init__(self, env: gymnasium.Env, grey: bool = False) -> None:
        RecordConstructorArgs.__init__(self, grey=grey)
        gymnasium.Wrapper.__init__(self, env)
        if env.render_mode != "rgb_array":
            raise OptionError(
                f"FrameInInfo needs an environment with render_mode='rgb_array', got {env.render_mode!r}."
            )
        self.grey = grey

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        return obs, {**info, "frame": current_frame(self.env, self.grey)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act once."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, float(reward), terminated, truncated, {**info, "frame": current_frame(self.env, self.grey)}


def frame_size(id: str, pixels: int | None, frames: int | None, grey: bool, stack: int) -> int | None:
    """Return the side of the frames that options of the environment `id` ask for, None for none.

    Raises:
        OptionError: options that do not fit together.
    """
    if pixels is not None and frames is not None:
        raise OptionError(f"make('{id}') observes pixels or puts frames into its info, got both: leave out one.")
    if pixels is None and (stack != 1 or (grey and frames is None)):
        raise OptionError(f"make('{id}') has no frames to make grey or to stack: give pixels=64 as well.")
    return frames if pixels is None else pixels


def with_frames(env: gymnasium.Env, pixels: int | None, frames: int | None, grey: bool, stack: int) -> gymnasium.Env:
    """Return an environment that draws, observing `Pixels` or with a `FrameInInfo`, or as it is without either."""
    if frames is not None:
        return FrameInInfo(env, grey)
    return env if pixels is None else Pixels(env, grey, stack)
