"""`SavedStates`: environments that go back to a moment that was kept, as planners need it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from tsreward.envs.atari import AtariGame
from tsreward.envs.mujoco_moments import restore_physics, restore_task, save_physics, save_task
from tsreward.errors import OptionError


class _Moment(NamedTuple):
    inner: Any
    generator: dict[str, Any] | None
    elapsed: tuple[int, ...]
    """Steps that the time limits of the wrappers have counted."""


class SavedStates:
    """Keeps moments of an environment, and goes back to them: the same actions then have the same outcome.

    dm_control, Atari, Safety-Gymnasium, the MuJoCo and the classic-control environments of Gymnasium can do so, and
    environments with methods `save_moment()` and `restore_moment(moment)`.
    Of Atari the random numbers are kept too, and with them which actions will stick.

    >>> env = gymnasium.make("InvertedPendulum-v5")
    >>> obs, _ = env.reset(seed=0)
    >>> states = SavedStates(env)
    >>> moment = states.save()
    >>> first = env.step([1.0])[0]
    >>> states.restore(moment)
    >>> bool((env.step([1.0])[0] == first).all())
    True

    Raises:
        OptionError: the environment cannot go back.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        self._inner = env.unwrapped
        self._save, self._restore = _ways(self._inner)
        self._limits: list[Any] = []
        while isinstance(env, gymnasium.Wrapper):
            if "_elapsed_steps" in vars(env):
                self._limits.append(env)
            env = env.env

    def save(self) -> _Moment:
        """Return the moment; it belongs to this environment alone."""
        drawn = vars(self._inner).get("_np_random")
        generator = None if drawn is None else drawn.bit_generator.state
        return _Moment(self._save(), generator, tuple(limit._elapsed_steps for limit in self._limits))

    def restore(self, moment: _Moment) -> None:
        """Go back to a moment that `save` returned."""
        self._restore(moment.inner)
        if moment.generator is not None:
            self._inner.np_random.bit_generator.state = moment.generator
        for limit, elapsed in zip(self._limits, moment.elapsed, strict=True):
            limit._elapsed_steps = elapsed


def _ways(env: Any) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Return what keeps the state of an environment without wrappers, and what goes back to it."""
    if hasattr(env, "save_moment") and hasattr(env, "restore_moment"):
        return env.save_moment, env.restore_moment
    if isinstance(env, AtariGame):
        return lambda: env.ale.cloneState(include_rng=True), env.ale.restoreState
    if hasattr(env, "task") and hasattr(env.task, "world_info"):
        return lambda: save_task(env), lambda moment: restore_task(env, moment)
    if hasattr(env, "set_state") and hasattr(env, "data") and hasattr(env, "model"):
        model, data = env.model, env.data
        return lambda: save_physics(model, data), lambda state: restore_physics(model, data, state)
    if type(env).__module__.startswith("gymnasium.envs.classic_control."):
        return lambda: _plain(env), lambda moment: vars(env).update(copy.deepcopy(moment))
    raise OptionError(
        f"{type(env).__name__} cannot go back to an earlier moment, as planning needs it: dm_control, Atari, "
        f"Safety-Gymnasium, the MuJoCo and the classic-control environments of Gymnasium can, and those with "
        f"save_moment() and restore_moment(moment)."
    )


def _plain(env: Any) -> dict[str, Any]:
    """Return a copy of the attributes that are numbers or hold some; what draws has other ones."""
    kinds = (type(None), bool, int, float, np.generic, np.ndarray, list, tuple)
    return {name: copy.deepcopy(value) for name, value in vars(env).items() if isinstance(value, kinds)}
