"""States drawn afterwards are the frames that were seen, bit for bit."""

import numpy as np
import pytest

from tsreward.envs.make import make
from tsreward.envs.re_render import render_states
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


def test_the_look_is_taken_from_the_id_and_other_options_are_not():
    states = np.stack([make("dmc/reacher-easy").reset(seed=seed)[1]["physics_state"] for seed in range(3)])
    plain = render_states("dmc/reacher-easy", states, 32)
    assert np.array_equal(render_states("dmc/reacher-easy:max_episode_steps=100,action_repeat=2", states, 32), plain)
    assert np.array_equal(render_states("dmc/reacher-easy:frames=16,camera=0,grey=false", states, 32), plain)
    options = {"camera": "hand", "grey": True, "rendering": "full"}
    wanted = render_states("dmc/reacher-easy", states, 32, **options)
    assert wanted.shape == (3, 32, 32, 1)
    assert np.array_equal(render_states("dmc/reacher-easy:camera=hand,grey,rendering=full", states, 32), wanted)
    other = "dmc/reacher-easy:camera=0,grey=false,rendering=fast"
    assert np.array_equal(render_states(other, states, 32, **options), wanted)


@pytest.mark.parametrize("id", ["atari/Boxing", "atari/Boxing:ram", "CartPole-v1"])
def test_states_of_other_families_are_refused(id):
    with pytest.raises(
        OptionError, match=rf"dm_control \(dmc/\.\.\.\) only, got '{id}': .* draw_episodes plays the game"
    ):
        render_states(id, np.zeros((1, 4)))


def test_no_states_are_no_frames():
    assert render_states("dmc/walker-walk", np.empty((0, 28)), 32).shape == (0, 32, 32, 3)


def test_states_of_another_task_are_refused():
    with pytest.raises(ShapeError, match=r"state \[7\] of 'cartpole', got \[28\]"):
        render_states("dmc/cartpole-swingup", np.zeros((1, 28)))


def test_terrain_that_is_not_in_the_state_is_refused():
    for id in ("dmc/quadruped-escape", "dmc/quadruped-escape:max_episode_steps=9"):
        with pytest.raises(OptionError, match="terrain of 'dmc/quadruped-escape'"):
            render_states(id, np.zeros((1, 80)))
