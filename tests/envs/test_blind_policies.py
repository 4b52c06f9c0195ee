"""Blind policies do what their names say, in every kind of action space."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary

from tsreward.envs.blind_policies import BLIND, NOISE, blind_policy
from tsreward.errors import OptionError

LINE = Box(np.array([-1.0, 0.5], np.float32), np.array([1.0, 2.0], np.float32))
SEEN = np.zeros((4000, 3), np.float32)


@pytest.mark.parametrize("space", [LINE, Discrete(5), Discrete(3, start=7)])
@pytest.mark.parametrize("name", ["random", *BLIND])
def test_actions_are_those_of_the_space_and_of_the_seed(name, space):
    actions = blind_policy(name, space, 3)(SEEN)
    assert len(actions) == len(SEEN)
    assert all(action in space for action in actions[:200])
    assert np.array_equal(actions, blind_policy(name, space, 3)(SEEN))


@pytest.mark.parametrize(
    ("name", "line", "discrete"),
    [
        ("no_action", [0.0, 0.5], 0),
        ("lowest", [-1.0, 0.5], 1),
        ("highest", [1.0, 2.0], 4),
        ("constant:1", [1.0, 1.0], 1),
        ("constant:-0.5,1.5", [-0.5, 1.5], None),
    ],
)
def test_constant_actions(name, line, discrete):
    assert np.unique(blind_policy(name, LINE)(SEEN), axis=0).tolist() == [line]
    if discrete is not None:
        assert np.unique(blind_policy(name, Discrete(5))(SEEN)).tolist() == [discrete]


def test_small_noise_is_small():
    shaken = blind_policy("small_noise", Box(-2, 2, (1,)))(SEEN)
    assert shaken.std() == pytest.approx(2 * NOISE, rel=0.1)
    assert abs(shaken.mean()) < 0.02
    assert (blind_policy("small_noise", Discrete(5))(SEEN) != 0).mean() == pytest.approx(NOISE * 4 / 5, rel=0.2)


def test_random_actions_are_everywhere():
    drawn = blind_policy("random", LINE)(SEEN)
    assert np.quantile(drawn, [0.1, 0.9], axis=0) == pytest.approx(np.array([[-0.8, 0.65], [0.8, 1.85]]), abs=0.05)


@pytest.mark.parametrize(
    ("name", "space", "message"),
    [
        ("no_acton", LINE, "Unknown policy 'no_acton': did you mean 'no_action'"),
        ("constant:3", LINE, "'constant:3' is no action of Box"),
        ("constant:1,1,1", LINE, "'constant:1,1,1' is no action of Box"),
        ("constant:", LINE, "'constant:' is no action of Box"),
        ("constant:nan", LINE, "'constant:nan' is no action"),
        ("constant:0.5", Discrete(2), r"'constant:0.5' is no action of Discrete\(2\)"),
        ("constant:2", Discrete(2), r"'constant:2' is no action of Discrete\(2\)"),
        ("constant:nan", Discrete(2), "'constant:nan' is no action"),
        ("random", MultiBinary(2), "need discrete or bounded actions, got MultiBinary"),
        ("random", Box(-np.inf, 1, (1,)), "need discrete or bounded actions, got Box"),
    ],
)
def test_what_is_no_policy_is_refused(name, space, message):
    with pytest.raises(OptionError, match=message):
        blind_policy(name, space)
