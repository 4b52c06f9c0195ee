"""Frames of episodes that were collected with sensors: the states are drawn afterwards."""

from __future__ import annotations

import numpy as np

from tsreward.envs.dm_control import DmControl
from tsreward.envs.ids import split_id
from tsreward.envs.pixels import grey_frame
from tsreward.errors import OptionError


def render_states(
    id: str,
    states: np.ndarray,
    pixels: int = 64,
    *,
    grey: bool | None = None,
    camera: int | str | None = None,
    rendering: str | None = None,
) -> np.ndarray:
    """Return the frames [T, H, W, C] of states [T, S] that were `info["physics_state"]` of the environment `id`.

    They are those that `make(id, pixels=pixels, ...)` would have observed, bit by bit: collect once with sensors and
    draw later, at any size. `grey`, `camera` and `rendering` are taken from the options of the id, as in
    "dmc/walker-walk:camera=side", where they are not given beside it; its other options change no frame.

    Raises OptionError for an id that is not of dm_control and for "dmc/quadruped-escape", whose terrain is drawn at
    every reset and is no part of the state, and ShapeError for states of another task.
    """
    name, own = split_id(id)
    if not name.startswith("dmc/"):
        raise OptionError(
            f"render_states draws states of dm_control (dmc/...) only, got '{id}': for graded episodes of Atari, "
            f"draw_episodes plays the game again."
        )
    if name == "dmc/quadruped-escape":
        raise OptionError(f"The terrain of '{name}' is no part of its states: record its frames while it runs.")
    grey = own.get("grey", False) if grey is None else grey
    camera = own.get("camera") if camera is None else camera
    rendering = str(own.get("rendering", "fast")) if rendering is None else rendering
    env = DmControl(name.removeprefix("dmc/"), pixels, camera, rendering, "rgb_array")
    frames = np.empty((len(states), pixels, pixels, 1 if grey else 3), np.uint8)
    try:
        env.reset(seed=0)
        for frame, state in zip(frames, np.asarray(states), strict=True):
            env.set_state(state)
            frame[:] = grey_frame(env.render()) if grey else env.render()
    finally:
        env.close()
    return frames
