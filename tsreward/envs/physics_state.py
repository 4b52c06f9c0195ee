"""The state of a MuJoCo simulation as one small vector: enough to draw it again, and to go on from it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

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

    Steps after it are those that came after `get_state`, bit for bit.
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
