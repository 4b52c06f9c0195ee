"""Repeated actions: sums of rewards and costs, and no step past the end."""

import gymnasium
import pytest

from tsreward.envs.action_repeat import ActionRepeat
from tsreward.envs.make import make
from tsreward.errors import OptionError

ID = "SafetyPointGoal1-v0"


def test_rewards_and_costs_add_up_and_the_last_observation_is_given():
    plain, repeated = make(ID), make(ID, action_repeat=5)
    plain.reset(seed=4)
    repeated.reset(seed=4)
    action = plain.action_space.sample()
    for _ in range(20):
        steps = [plain.step(action) for _ in range(5)]
        obs, reward, _, _, info = repeated.step(action)
        assert (obs == steps[-1][0]).all()
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert info["cost"] == sum(step[4]["cost"] for step in steps)


def test_an_episode_ends_where_it_would_without():
    env = make(ID, action_repeat=7, max_episode_steps=10)
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[3] is False
    assert env.step(env.action_space.sample())[3] is True


def test_a_cost_that_is_not_there_is_not_made_up():
    env = ActionRepeat(gymnasium.make("CartPole-v1"), 2)
    env.reset(seed=0)
    assert "cost" not in env.step(0)[4]


def test_less_than_once_is_refused():
    with pytest.raises(OptionError, match="at least once, got 0"):
        make(ID, action_repeat=0)
