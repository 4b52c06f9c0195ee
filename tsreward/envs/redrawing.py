"""Frames of episodes that were collected with sensors: the states are drawn afterwards."""

from __future__ import annotations

import numpy as np

from tsreward.envs.dm_control import DmControl
from tsreward.envs.pixels import grey_frame
from tsreward.errors import OptionError


def render_states(
    id: str,
    states: np.ndarray,
    pixels: int = 64,
    *,
    grey: bool = False,
    camera: int | str | None = None,
    rendering: str = "fast",
) -> np.ndarray:
    """Return the frames [T, H, W, C] of states [T, S] that were `info["physics_state"]` of the environment `id`.

    They are those that `make(id, pixels=pixels, ...)` would have observed, bit for bit: collect once with sensors and
    draw later, at any size.

    Raises OptionError for "dmc/quadruped-escape", whose terrain is drawn at every reset and is no part of the state,
    and ShapeError for states of another task.
    """
    if id == "dmc/quadruped-escape":
        raise OptionError(f"The terrain of '{id}' is no part of its states: record its frames while it runs.")
    options = {"camera": camera, "rendering": rendering, "render_mode": "rgb_array"}
    env = DmControl(id.removeprefix("dmc/"), size=pixels, **options)
    frames = np.empty((len(states), pixels, pixels, 1 if grey else 3), np.uint8)
    try:
        env.reset(seed=0)
        for frame, state in zip(frames, np.asarray(states), strict=True):
            env.set_state(state)
            frame[:] = grey_frame(env.render()) if grey else env.render()
    finally:
        env.close()
    return frames
