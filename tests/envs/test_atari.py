"""Atari games: ALE's own numbers by default, memory for cheap experts, and frames to record beside it."""

from __future__ import annotations

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from tests.scripted import small_model
from tsreward.envs import atari
from tsreward.envs.atari import atari_ids
from tsreward.envs.make import make
from tsreward.envs.pixels import grey_frame
from tsreward.errors import MissingExtraError, OptionError
from tsreward.wrappers.gymnasium_env import LearnedReward

pytestmark = pytest.mark.usefixtures("ale")


def play(env: gymnasium.Env, steps: int, seed: int) -> list[tuple]:
    env.action_space.seed(0)
    given: list[tuple] = [env.reset(seed=seed)]
    return given + [env.step(env.action_space.sample()) for _ in range(steps)]


@pytest.mark.parametrize(
    ("options", "original"),
    [
        ({}, {}),
        ({"ram": True}, {"obs_type": "ram"}),
        ({"sticky": 0.0, "frame_skip": 3}, {"repeat_action_probability": 0.0, "frameskip": 3}),
        ({"full_actions": True}, {"full_action_space": True}),
    ],
)
def test_the_numbers_are_those_of_ale(options, original):
    import ale_py

    gymnasium.register_envs(ale_py)
    bare = gymnasium.make("ALE/Breakout-v5", **original).unwrapped
    for wanted, found in zip(play(bare, 50, 7), play(make("atari/Breakout", **options), 50, 7), strict=True):
        assert data_equivalence(wanted, found, exact=True)


def test_a_game_can_be_tried_out_in_a_copy_that_takes_its_state():
    env, copy = make("atari/Boxing", ram=True, sticky=0.0), make("atari/Boxing", ram=True, sticky=0.0)
    play(env, 20, 1)
    play(copy, 9, 2)
    copy.unwrapped.ale.restoreState(env.unwrapped.ale.cloneState())
    for action in (0, 5, 9):
        assert np.array_equal(copy.step(action)[0], env.step(action)[0])


def test_frames_are_averaged_down():
    native, small = play(make("atari/Boxing"), 3, 0)[-1][0], play(make("atari/Boxing", pixels=70), 3, 0)[-1][0]
    assert (native.shape, small.shape, small.dtype) == ((210, 160, 3), (70, 70, 3), np.uint8)
    rows = native.reshape(70, 3, 160, 3).mean(1)
    assert small.mean() == pytest.approx(rows.mean(), abs=0.5)
    assert np.abs(small[:, 0] - (rows[:, :2].sum(1) + rows[:, 2] * 2 / 7) / (16 / 7)).max() <= 1.5


def test_grey_stacked_frames_are_what_policies_are_used_to():
    env = make("atari/Boxing", pixels=84, grey=True, stack=4)
    assert env.observation_space.shape == (84, 84, 4)
    obs = play(env, 6, 0)[-1][0]
    colours = [step[0] for step in play(make("atari/Boxing", pixels=84), 6, 0)[-4:]]
    assert np.array_equal(obs, np.concatenate([grey_frame(frame) for frame in colours], -1))


def test_memories_are_stacked_with_the_oldest_first():
    env, single = make("atari/Boxing", ram=True, stack=2), make("atari/Boxing", ram=True)
    assert env.observation_space.shape == (256,)
    stacked, alone = play(env, 4, 2), play(single, 4, 2)
    assert np.array_equal(stacked[0][0], np.tile(alone[0][0], 2))
    for before, after, both in zip(alone, alone[1:], stacked[1:], strict=False):
        assert np.array_equal(both[0], np.concatenate([before[0], after[0]]))
    scaled = play(make("atari/Boxing", ram=True, stack=2, scaled=True), 4, 2)
    assert scaled[4][0].dtype == np.float32
    assert np.array_equal(np.rint(scaled[4][0] * 255), stacked[4][0])
    assert scaled[4][0].max() <= 1


def test_pooled_frames_are_the_brighter_of_two():
    pooled = play(make("atari/Pong", pool=True, sticky=0.0, frame_skip=2), 60, 0)
    env = make("atari/Pong", sticky=0.0, frame_skip=1)
    env.reset(seed=0)
    space = make("atari/Pong").action_space
    space.seed(0)
    differs = 0
    for step in pooled[1:]:
        action = space.sample()
        one, two = env.step(action)[0], env.step(action)[0]
        assert np.array_equal(step[0], np.maximum(one, two))
        differs += not np.array_equal(one, two)
    assert differs > 10


def test_a_repeated_action_sums_its_rewards():
    plain, repeated = make("atari/Boxing", ram=True), make("atari/Boxing", ram=True, action_repeat=5)
    plain.reset(seed=0)
    repeated.reset(seed=0)
    plain.action_space.seed(0)
    total = 0.0
    for _ in range(60):
        action = plain.action_space.sample()
        steps = [plain.step(action) for _ in range(5)]
        obs, reward, *_ = repeated.step(action)
        assert np.array_equal(obs, steps[-1][0])
        assert reward == sum(step[1] for step in steps)
        total += abs(reward)
    assert total > 0


def test_without_sticky_actions_the_seed_does_not_matter():
    def last(seed: int, sticky: float) -> bytes:
        return play(make("atari/Pong", ram=True, sticky=sticky), 30, seed)[-1][0].tobytes()

    assert last(1, 0.0) == last(2, 0.0)
    assert len({last(seed, 0.25) for seed in range(4)}) > 1


def test_actions_are_the_games_own_or_all():
    assert make("atari/Pong", ram=True).action_space.n == 6
    assert make("atari/Pong", ram=True, full_actions=True).action_space.n == 18


def test_an_episode_is_cut_by_the_clock_and_ended_by_the_game(monkeypatch):
    monkeypatch.setattr(atari, "MAX_FRAMES", 40)
    env = make("atari/Boxing", ram=True)
    env.reset(seed=0)
    assert [env.step(0)[2:4] for _ in range(10)] == [(False, False)] * 9 + [(False, True)]
    monkeypatch.undo()
    env = make("atari/Breakout", ram=True, action_repeat=20)
    env.reset(seed=0)
    env.action_space.seed(0)
    steps = [env.step(env.action_space.sample()) for _ in range(10)]
    while not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(env.action_space.sample()))
    assert steps[-1][2:4] == (True, False)
    assert steps[-1][4]["lives"] == 0


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_gymnasiums_checker_accepts_it():
    check_env(make("atari/Boxing", ram=True).unwrapped)
    check_env(make("atari/Boxing", pixels=36), skip_render_check=True)


def test_its_spec_makes_it_again():
    env = make("atari/Boxing", pixels=36, grey=True, action_repeat=2, max_episode_steps=9)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    for wanted, found in zip(play(env, 4, 0), play(again, 4, 0), strict=True):
        assert data_equivalence(wanted, found, exact=True)


def test_a_learned_reward_takes_the_memory():
    env = LearnedReward(make("atari/Boxing", ram=True), small_model((128,)))
    given = play(env, 5, 0)
    assert all(np.isfinite(step[1]) for step in given[1:])
    assert given[-1][4]["original_reward"] == 0.0


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        ("atari/Boxng", {}, "Unknown environment 'atari/Boxng': did you mean 'atari/Boxing'"),
        ("atari/boxing", {}, "did you mean 'atari/Boxing'"),
        ("atari/Boxing", {"framskip": 4}, "Unknown option of 'atari/Boxing' 'framskip': did you mean 'frame_skip'"),
        ("atari/Boxing", {"ram": True, "pixels": 64}, "pixels or the memory, got both: frames=64 gives"),
        ("atari/Boxing", {"frames": 32, "pixels": 64}, "pixels or the memory, got both"),
        ("atari/Boxing", {"ram": True, "grey": True}, "no frames to make grey"),
        ("atari/Boxing", {"scaled": True}, "scales the memory: give ram=True"),
        ("atari/Boxing", {"ram": True, "stack": 0}, "stack of 1 or more, got 0"),
        ("atari/Boxing", {"frame_skip": 0}, "frame_skip >= 1.*got frame_skip=0"),
        ("atari/Boxing", {"sticky": 1.0}, "sticky=1.0"),
        ("atari/Boxing", {"pixels": 0}, "size=0"),
    ],
)
def test_what_does_not_exist_gets_the_nearest_that_does(id, options, message):
    with pytest.raises(OptionError, match=message):
        make(id, **options)


def test_games_for_two_are_left_out():
    ids = atari_ids()
    assert {"atari/Boxing", "atari/MsPacman", "atari/SpaceInvaders"} <= set(ids)
    assert "atari/Warlords" not in ids


@pytest.mark.parametrize(("package", "named", "options"), [("ale_py", "ale-py", {}), ("PIL", "pillow", {"pixels": 84})])
def test_without_a_package_the_error_holds_the_command(monkeypatch, package, named, options):
    there = SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None if name == package else True))
    monkeypatch.setattr(atari, "importlib", there)
    with pytest.raises(MissingExtraError, match=rf"{named} is not installed.*pip install .*\[atari\]"):
        make("atari/Boxing", **options)
