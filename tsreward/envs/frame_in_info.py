"""Frames beside the observation: an agent acts on sensors while a reward model looks at pictures."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from tsreward.envs.pixels import current_frame
from tsreward.errors import OptionError


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
