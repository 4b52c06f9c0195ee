"""The columns of every lidar ring, against the environment's own flattening and its own rings."""

import importlib.util

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import flatten
from gymnasium.wrappers import FrameStackObservation

from tsreward.envs.lidar import lidar_groups
from tsreward.envs.make import make
from tsreward.errors import ShapeError

if importlib.util.find_spec("safety_gymnasium") is None:
    pytest.skip("safety-gymnasium is not installed", allow_module_level=True)

RINGS = {
    "SafetyPointGoal0-v0": ["goal"],
    "SafetyPointGoal1-v0": ["goal", "hazards", "vases"],
    "SafetyDoggoButton2-v0": ["buttons", "goal", "hazards", "gremlins"],
    "SafetyCarPush1-v0": ["goal", "hazards", "pillars", "push_box"],
}


@pytest.mark.parametrize("id", RINGS)
def test_groups_are_the_columns_that_the_environment_fills_with_lidar(id):
    env = make(id)
    space = env.unwrapped.obs_space_dict
    marked = {name: np.full(box.shape, float(name.endswith("_lidar"))) for name, box in space.spaces.items()}
    columns = flatten(space, marked)
    groups = lidar_groups(env)
    assert sorted(name.removesuffix("_lidar") for name in space.spaces if name.endswith("_lidar")) == sorted(RINGS[id])
    assert [stop - start for start, stop in groups] == [16] * len(RINGS[id])
    covered = np.zeros(env.observation_space.shape)
    for start, stop in groups:
        covered[start:stop] += 1
    assert np.array_equal(covered, columns)


@pytest.mark.parametrize("id", RINGS)
def test_each_group_holds_the_ring_that_the_task_computes(id):
    env = make(id)
    obs, _ = env.reset(seed=3)
    task = env.unwrapped.task
    seen = [task._obs_lidar(thing.pos, thing.group) for thing in task._obstacles if thing.is_lidar_observed]
    groups = [obs[start:stop] for start, stop in lidar_groups(env)]
    assert len(groups) == len(seen)
    for ring, group in zip(seen, groups, strict=True):
        assert np.array_equal(ring, group) or not group.any()  # buttons that have just been changed are not shown
    assert any(group.any() for group in groups)


@pytest.mark.parametrize("id", ["SafetyHopperVelocity-v1", "SafetyPointRun0-v0", "SafetyAntCircle2-v0", "CartPole-v1"])
def test_no_ring_of_movable_objects_no_groups(id):
    assert lidar_groups(make(id)) == []


def test_wrapped_observations_are_refused():
    env: gymnasium.Env = FrameStackObservation(make("SafetyPointGoal1-v0"), 2)
    with pytest.raises(ShapeError, match=r"lidar_groups expects the flat observation \[60\]"):
        lidar_groups(env)
