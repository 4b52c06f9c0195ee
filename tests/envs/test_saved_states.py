"""Going back to a moment: what follows is bit-identical, whatever happened in between."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.envs.conftest import ale, dmc  # noqa: F401
from tsreward.envs.make import make
from tsreward.envs.saved_states import SavedStates
from tsreward.errors import OptionError


def follow(env: gymnasium.Env, actions: list) -> list:
    """Return everything that actions lead to."""
    seen = []
    for action in actions:
        obs, reward, ended, truncated, _ = env.step(action)
        seen.append((np.array(obs).tolist(), float(reward), bool(ended), bool(truncated)))
        if ended or truncated:
            break
    return seen


@pytest.mark.parametrize(
    ("id", "repeat"),
    [
        ("dmc/cartpole-swingup", 4),
        ("dmc/reacher-easy", 1),
        ("atari/Boxing", 1),
        ("Hopper-v5", 1),
        ("InvertedPendulum-v5", 2),
        ("Pendulum-v1", 1),
        ("Acrobot-v1", 2),
        ("MountainCarContinuous-v0", 1),
        ("SafetyHopperVelocity-v1", 1),
        ("SafetyPointGoal2-v0", 1),
        ("SafetyCarCircle1-v0", 1),
        ("SafetyPointPush1-v0", 2),
    ],
)
@pytest.mark.usefixtures("dmc", "ale")
def test_what_follows_is_bit_identical(id, repeat):
    env = make(id, repeat)
    env.reset(seed=3)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(40)]
    follow(env, actions[:3])
    states = SavedStates(env)
    moment = states.save()
    first = follow(env, actions[3:])
    states.restore(moment)
    assert follow(env, actions[3:]) == first
    states.restore(moment)
    assert follow(env, actions[4:]) != first
    env.close()


def test_time_limits_go_back_too():
    env = gymnasium.make("InvertedPendulum-v5", max_episode_steps=4)
    env.reset(seed=0)
    states = SavedStates(env)
    moment = states.save()
    assert follow(env, [[0.0]] * 9)[-1][3] and len(follow(env, [])) == 0
    states.restore(moment)
    assert len(follow(env, [[0.0]] * 9)) == 4


@pytest.mark.usefixtures("dmc")
def test_an_episode_that_had_ended_goes_on():
    env = make("dmc/cartpole-balance", 250)
    env.reset(seed=0)
    states = SavedStates(env)
    moments = [states.save()]
    assert follow(env, [[0.0]] * 9)[-1][3]
    states.restore(moments[0])
    assert len(follow(env, [[0.0]] * 9)) == 4


def test_goals_buttons_and_moving_things_go_back_too():
    env = make("SafetyPointGoal1-v0", 10)
    env.reset(seed=1)
    env.step(np.zeros(2))
    task: Any = env.unwrapped.task  # type: ignore[attr-defined]
    task.model.body("goal").pos[:2] = task.agent.pos[:2]  # it is met in the next step, and another one drawn
    states = SavedStates(env)
    moment = states.save()
    first = follow(env, [[0.5, 0.5]] * 30)
    drawn = task.goal.pos.copy()
    states.restore(moment)
    assert follow(env, [[0.5, 0.5]] * 30) == first and first[0][1] > 0.9
    assert (task.goal.pos == drawn).all()
    env.reset(seed=1)
    with pytest.raises(OptionError, match="was reset since this moment"):
        states.restore(moment)


def test_buttons_and_moving_things_go_back_too():
    env = make("SafetyPointButton1-v0", 10)
    env.reset(seed=1)
    task: Any = env.unwrapped.task  # type: ignore[attr-defined]
    task.buttons.timer = 15  # no button is lit for so long
    states = SavedStates(env)
    moment = states.save()
    first = follow(env, [[0.5, 0.5]] * 20)
    assert task.buttons.timer == 0
    states.restore(moment)
    assert follow(env, [[0.5, 0.5]] * 20) == first


def test_others_are_refused():
    with pytest.raises(OptionError, match=r"FrozenLakeEnv cannot go back to an earlier moment.*dm_control, Atari"):
        SavedStates(gymnasium.make("FrozenLake-v1"))
