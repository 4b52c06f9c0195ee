"""States drawn afterwards are the frames that were seen, bit for bit."""

import numpy as np
import pytest

from tsreward.envs.make import make
from tsreward.envs.redrawing import render_states
from tsreward.errors import OptionError, ShapeError

pytestmark = pytest.mark.usefixtures("frames")


@pytest.mark.parametrize(
    ("id", "options"),
    [
        ("dmc/walker-walk", {"rendering": "full", "pixels": 24}),
        ("dmc/reacher-easy", {"camera": "hand"}),
        ("dmc/manipulator-insert_peg", {"grey": True}),
        ("dmc/swimmer-swimmer6", {}),
        ("dmc/quadruped-walk", {}),
    ],
)
def test_states_of_sensors_become_the_frames_of_pixels(id, options):
    options = {"pixels": 48, **options}
    sensors, live = make(id, action_repeat=2), make(id, action_repeat=2, **options)
    sensors.action_space.seed(0)
    states, seen = [], []
    for seed in (3, 4):
        states.append(sensors.reset(seed=seed)[1]["physics_state"])
        seen.append(live.reset(seed=seed)[0])
        for _ in range(6):
            action = sensors.action_space.sample()
            states.append(sensors.step(action)[4]["physics_state"])
            seen.append(live.step(action)[0])
    drawn = render_states(id, np.stack(states), **options)
    assert np.array_equal(drawn, seen)
    assert len({frame.tobytes() for frame in drawn}) > 8


def test_no_states_are_no_frames():
    assert render_states("dmc/walker-walk", np.empty((0, 28)), 32).shape == (0, 32, 32, 3)


def test_states_of_another_task_are_refused():
    with pytest.raises(ShapeError, match=r"state \[7\] of 'cartpole', got \[28\]"):
        render_states("dmc/cartpole-swingup", np.zeros((1, 28)))


def test_terrain_that_is_not_in_the_state_is_refused():
    with pytest.raises(OptionError, match="terrain of 'dmc/quadruped-escape'"):
        render_states("dmc/quadruped-escape", np.zeros((1, 80)))
