"""Gymnasium-Robotics with our frames: drawing changes nothing, and success has one name."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from tests.scripted import play_single
from tsreward.envs.make import make
from tsreward.envs.robotics import robotics_ids
from tsreward.errors import MissingExtraError, OptionError

pytest.importorskip("gymnasium_robotics", reason="needs the extra 'robotics'")
FETCH, MAZE, ANT = "robotics/FetchReach-v4", "robotics/PointMaze_UMaze-v3", "robotics/AntMaze_UMaze-v5"


@pytest.mark.parametrize("id", [FETCH, MAZE, ANT])
def test_drawing_does_not_change_what_happens(id: str, frames: None) -> None:
    bare, drawn = make(id), make(id, frames=24)
    assert data_equivalence(bare.reset(seed=3)[0], drawn.reset(seed=3)[0], exact=True)
    bare.action_space.seed(0)
    for _ in range(15):
        action = bare.action_space.sample()
        wanted, found = bare.step(action), drawn.step(action)
        assert data_equivalence(wanted[:4], found[:4], exact=True)
    assert found[4]["frame"].shape == (24, 24, 3) and found[4]["frame"].std() > 5


def test_renderers_do_not_disturb_each_other(frames: None) -> None:
    alone = make(MAZE, pixels=24).reset(seed=1)[0]
    first, other = make(MAZE, pixels=24), make(FETCH, pixels=24)
    other.reset(seed=0)
    assert np.array_equal(first.reset(seed=1)[0], alone)
    assert np.array_equal(other.step(np.zeros(4))[0].shape, (24, 24, 3))
    assert np.array_equal(first.reset(seed=1)[0], alone)


@pytest.mark.parametrize("id", [FETCH, MAZE])
def test_success_has_one_name(id: str) -> None:
    env = make(id, max_episode_steps=3)
    env.reset(seed=0)
    info = env.step(env.action_space.sample())[4]
    assert info["success"] in (0.0, 1.0)
    assert isinstance(info["success"], float)


@pytest.mark.parametrize("id", [FETCH, MAZE])
def test_every_episode_begins_as_the_start_seed_says(id: str) -> None:
    env, free = make(f"{id}:start_seed=5"), make(id)
    wanted = free.reset(seed=5)[0]
    for seed in (0, None):
        assert data_equivalence(env.reset(seed=seed)[0], wanted, exact=True)
        env.step(env.action_space.sample())
    assert not data_equivalence(free.reset(seed=0)[0], wanted, exact=True)


def test_its_spec_makes_it_again() -> None:
    env = make(FETCH, action_repeat=2, max_episode_steps=9)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    for wanted, found in zip(play_single(env, 6, seed=0)[:4], play_single(again, 6, seed=0)[:4], strict=True):
        assert data_equivalence(wanted, found, exact=True)


def test_ids_that_need_mujoco_py_are_left_out() -> None:
    assert {FETCH, MAZE, ANT} <= set(robotics_ids())
    assert not {"robotics/FetchReach-v1", "robotics/Ant-v2", "robotics/AntMaze_UMaze-v3"} & set(robotics_ids())


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("robotics/FetchReech-v4", "Unknown environment 'robotics/FetchReech-v4'.*FetchReach-v4"),
        (f"{FETCH}:camera=inside", "Unknown camera 'inside'"),
        (f"{FETCH}:rendering=ray", "Unknown rendering 'ray'"),
        (f"{FETCH}:frames=0", "size of 1 pixel or more, got 0"),
        (f"{MAZE}:start_seed=-1", "start_seed of RobotFrames is 0 or more, got -1"),
    ],
)
def test_what_cannot_be_made_is_refused(id: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(id)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[robotics\]"):
        robotics_ids()
