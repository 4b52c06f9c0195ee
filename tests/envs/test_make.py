"""`make` sends an id to its family and answers an unknown one with the nearest known id."""

import gymnasium
import pytest

from tsreward.envs.make import make
from tsreward.errors import OptionError


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
