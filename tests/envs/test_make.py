"""Repeated actions: sums of rewards and costs, and no step past the end."""

import gymnasium
import numpy as np
import pytest

from tsreward.envs.make import ActionRepeat, make
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


def test_other_ids_go_to_gymnasium_with_their_options():
    env = make("CartPole-v1", max_episode_steps=3)
    assert env.spec is not None
    assert env.spec.max_episode_steps == 3
    assert isinstance(env.unwrapped, gymnasium.envs.classic_control.CartPoleEnv)


@pytest.mark.parametrize(
    ("id", "near"),
    [("CartPol-v1", "CartPole-v1"), ("CartPole-v9", "CartPole-v1"), ("Pendulun", "Pendulum-v1")],
)
def test_an_unknown_id_gets_the_nearest_one(id, near):
    with pytest.raises(OptionError, match=rf"Unknown environment '{id}': did you mean '{near}'\?"):
        make(id)


@pytest.mark.parametrize("id", ["", "two words"])
def test_a_malformed_id_is_unknown(id):
    with pytest.raises(OptionError, match=f"Unknown environment '{id}'"):
        make(id)


def test_a_fault_of_a_known_environment_is_not_hidden():
    with pytest.raises(TypeError, match="no_such_option"):
        make("CartPole-v1", no_such_option=1)


@pytest.mark.usefixtures("dmc")
def test_options_may_stand_in_the_id():
    named, spelled = make("dmc/cartpole-balance:action_repeat=4"), make("dmc/cartpole-balance", 4)
    for env in (named, spelled):
        env.reset(seed=0)
    assert np.array_equal(named.step(np.ones(1))[0], spelled.step(np.ones(1))[0])
    assert make("dmc/cartpole-balance", max_episode_steps=np.int64(7)).spec.max_episode_steps == 7  # type: ignore[union-attr]
    assert make("dmc/cartpole-balance:max_episode_steps=3", max_episode_steps=5).spec.max_episode_steps == 5  # type: ignore[union-attr]


@pytest.mark.usefixtures("dmc")
@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        (
            "dmc/cartpole-balance:frame=64",
            {},
            "Unknown option of 'dmc/cartpole-balance' 'frame': did you mean 'frames'",
        ),
        ("dmc/cartpole-balance:action_repeat=4", {"action_repeat": 2}, "in the id and beside it"),
        ("dmc/cartpole-balance:", {}, "names with values, each once, got 'dmc/cartpole-balance:'"),
        ("dmc/cartpole-balance:pixels", {}, "The option pixels of 'dmc/cartpole-balance' is a whole number, got True"),
        ("dmc/cartpole-balance:pixels=big", {}, "is a whole number, got 'big'"),
        ("dmc/cartpole-balance", {"frames": (64, 64)}, r"is a whole number, got \(64, 64\)"),
        ("dmc/cartpole-balance:action_repeat=2.5", {}, "is a whole number, got 2.5"),
        ("dmc/cartpole-balance:camera=2.5,pixels=8", {}, "is a whole number or text, got 2.5"),
        ("dmc/cartpole-balance:grey=3,pixels=8", {}, "is true or false, got 3"),
        ("dmc/cartpole-balance:max_episode_steps=0", {}, "max_episode_steps of .* is 1 or more, got 0"),
        ("dmc/cartpole-balnce:frames=64", {}, "Unknown environment 'dmc/cartpole-balnce': did you mean"),
    ],
)
def test_wrong_options_in_the_id(id, options, message):
    with pytest.raises(OptionError, match=message):
        make(id, **options)
