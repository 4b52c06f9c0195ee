"""Moments of MuJoCo's physics, and of Safety-Gymnasium's tasks, whose state is more than that."""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from typing import Any

import numpy as np

from tsreward.errors import OptionError

_PLAIN = (bool, int, float, str, np.ndarray, np.generic, type(None))
_MOVED = ("body_pos", "geom_pos", "geom_rgba")
"""What tasks change in MuJoCo's model: where the next goal stands, and the colours of buttons."""


def save_physics(model: Any, data: Any) -> np.ndarray:
    """Return all that the next steps of a simulation follow from."""
    mujoco = import_module("mujoco")
    state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    return state


def restore_physics(model: Any, data: Any, state: np.ndarray) -> None:
    """Go back to what `save_physics` returned, with everything that is computed from it."""
    mujoco = import_module("mujoco")
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(model, data)
    # The solver has written down where it would start next time, which changes the last bits of what follows.
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)


def save_task(env: Any) -> dict[str, Any]:
    """Return the moment of a task environment: physics, goals, timers and random numbers.

    It belongs to this environment, and to the episode that is on.
    """
    task = env.task
    return {
        "model": task.model,
        "physics": save_physics(task.model, task.data),
        "moved": {name: getattr(task.model, name).copy() for name in _MOVED},
        # In one piece: some of them share their dicts.
        "values": deepcopy([_plain_values(one) for one in _owners(env)]),
        "random": task.random_generator.random_generator.get_state(),
    }


def restore_task(env: Any, moment: dict[str, Any]) -> None:
    """Go back to a moment that `save_task` returned.

    Raises:
        OptionError: the environment was reset since then, which builds its world anew.
    """
    task = env.task
    if task.model is not moment["model"]:
        raise OptionError(f"{type(task).__name__} was reset since this moment: go back within an episode only.")
    for name, values in moment["moved"].items():
        getattr(task.model, name)[:] = values
    for owner, values in zip(_owners(env), deepcopy(moment["values"]), strict=True):
        vars(owner).update(values)
    task.random_generator.random_generator.set_state(moment["random"])
    restore_physics(task.model, task.data, moment["physics"])


def _owners(env: Any) -> list[Any]:
    """Return all objects that a step of a task changes."""
    task = env.task
    things = (*task._geoms.values(), *task._free_geoms.values(), *task._mocaps.values())
    return [env, task, task.world_info, task.random_generator, *things]


def _plain_values(owner: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(owner).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
