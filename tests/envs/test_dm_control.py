"""The Control Suite behind the Gymnasium interface: the same numbers, the right ends, and states to go on from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from tests.scripted import play_single, small_model
from tsreward.envs import dm_control
from tsreward.envs.dm_control import PLACED, dmc_ids
from tsreward.envs.make import make
from tsreward.errors import MissingExtraError, OptionError, ShapeError
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.infos import INFO_KEYS

pytestmark = pytest.mark.usefixtures("dmc")
CHECKED = pytest.mark.filterwarnings("ignore:.*A Box observation space")


def actions(env: gymnasium.Env, steps: int) -> list[np.ndarray]:
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(steps)]


@pytest.mark.filterwarnings("ignore:`in1d` is deprecated")  # by the bare quadruped
@pytest.mark.parametrize(
    "id", ["walker-walk", "quadruped-run", "reacher-easy", "finger-turn_easy", "ball_in_cup-catch"]
)
def test_the_numbers_are_those_of_dm_control(id):
    from dm_control import suite

    env = make(f"dmc/{id}")
    bare = suite.load(*id.split("-"), task_kwargs={"random": 7})

    def flat(step: Any) -> np.ndarray:
        return np.concatenate([np.ravel(part) for part in step.observation.values()]).astype(np.float32)

    obs, _ = env.reset(seed=7)
    assert np.array_equal(obs, flat(bare.reset()))
    for action in actions(env, 50):
        obs, reward, terminated, truncated, _ = env.step(action)
        after = bare.step(action)
        assert obs in env.observation_space
        assert np.array_equal(obs, flat(after))
        assert (reward, terminated, truncated) == (after.reward, False, False)


def test_a_repeated_action_sums_its_rewards():
    plain, repeated = make("dmc/walker-walk"), make("dmc/walker-walk", action_repeat=4)
    plain.reset(seed=1)
    repeated.reset(seed=1)
    for action in actions(plain, 10):
        steps = [plain.step(action) for _ in range(4)]
        obs, reward, _, _, info = repeated.step(action)
        assert np.array_equal(obs, steps[-1][0])
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert np.array_equal(info["physics_state"], steps[-1][4]["physics_state"])


@pytest.mark.parametrize(
    ("options", "length"), [({}, 1000), ({"max_episode_steps": 7}, 7), ({"action_repeat": 300}, 4)]
)
def test_the_time_limit_truncates(options, length):
    env = make("dmc/cartpole-swingup", **options)
    for _ in range(2):
        env.reset(seed=0)
        ends = [env.step(np.zeros(1))[2:4] for _ in range(length)]
        assert ends == [(False, False)] * (length - 1) + [(False, True)]


def test_only_a_discount_of_zero_terminates():
    env = make("dmc/lqr-lqr_2_1")
    _, info = env.reset(seed=0)
    assert env.step(np.zeros(1))[2:4] == (False, False)
    env.unwrapped.set_state(np.zeros_like(info["physics_state"]))  # at rest, where this task ends
    assert env.step(np.zeros(1))[2:4] == (True, False)
    with pytest.raises(gymnasium.error.ResetNeeded, match="outside an episode"):
        env.step(np.zeros(1))
    env.reset()
    env.step(np.zeros(1))


def test_a_seed_repeats_its_episode_whatever_came_before():
    fresh, used = make("dmc/fish-swim"), make("dmc/fish-swim")
    used.reset(seed=1)
    used.step(used.action_space.sample())
    assert np.array_equal(fresh.reset(seed=5)[0], used.reset(seed=5)[0])
    assert np.array_equal(fresh.reset()[0], used.reset()[0])
    one, two = make("dmc/fish-swim").reset()[0], make("dmc/fish-swim").reset()[0]
    assert not np.array_equal(one, two)


def test_numpys_global_state_is_left_alone():
    before = np.random.mtrand._rand.get_state()[1].copy()
    env = make("dmc/walker-walk")
    env.reset()
    env.reset(seed=3)
    assert np.array_equal(before, np.random.mtrand._rand.get_state()[1])


@pytest.mark.parametrize(
    "id",
    [
        "acrobot-swingup",
        "ball_in_cup-catch",
        "cartpole-three_poles",
        "cheetah-run",
        "finger-turn_hard",
        "fish-swim",
        "hopper-hop",
        "humanoid-walk",
        "humanoid_CMU-run",
        "lqr-lqr_6_2",
        "manipulator-insert_peg",
        "pendulum-swingup",
        "point_mass-hard",
        "quadruped-fetch",
        "reacher-hard",
        "stacker-stack_4",
        "swimmer-swimmer6",
        "walker-run",
    ],
)
def test_another_environment_goes_on_from_a_state_as_the_first_did(id):
    env, other = make(f"dmc/{id}"), make(f"dmc/{id}")
    env.reset(seed=1)
    other.reset(seed=2)
    plan = [0.5 * np.clip(action, -1, 1) for action in actions(env, 12)]
    for action in plan[:6]:
        _, _, _, _, info = env.step(action)
    other.unwrapped.set_state(info["physics_state"])
    assert np.array_equal(other.unwrapped.get_state(), info["physics_state"])
    for action in plan[6:]:
        assert data_equivalence(env.step(action), other.step(action), exact=True)
    assert set(changed(env, other)) <= set(PLACED.get(other.unwrapped.domain, ()))
    env.reset(seed=3)  # whatever a reset writes into the model belongs to the state
    assert set(changed(env, other)) <= set(PLACED.get(other.unwrapped.domain, ()))


def changed(env: gymnasium.Env, other: gymnasium.Env) -> list[str]:
    """Return the names of the arrays in which the models differ."""
    models = env.unwrapped.model, other.unwrapped.model
    names = [name for name in dir(models[0]) if name[0] != "_" and isinstance(getattr(models[0], name), np.ndarray)]
    return [name for name in names if not np.array_equal(*(getattr(model, name) for model in models), equal_nan=True)]


def test_a_state_of_another_task_is_refused():
    env = make("dmc/walker-walk")
    env.reset(seed=0)
    with pytest.raises(ShapeError, match=r"DmControl expects a state \[28\] of 'walker', got \[3\]"):
        env.unwrapped.set_state(np.zeros(3))


@CHECKED
@pytest.mark.parametrize("id", ["dmc/walker-walk", "dmc/reacher-hard"])
def test_gymnasiums_checker_accepts_sensors(id):
    check_env(make(id).unwrapped, skip_render_check=True)


@CHECKED
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_gymnasiums_checker_accepts_frames(frames):
    check_env(make("dmc/cartpole-balance", render_mode="rgb_array").unwrapped)
    check_env(make("dmc/cartpole-balance", pixels=32, stack=2, grey=True), skip_render_check=True)


def test_its_spec_makes_it_again():
    env = make("dmc/walker-walk", action_repeat=2, max_episode_steps=5)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    for wanted, found in zip(play_single(env, 8, seed=0)[:4], play_single(again, 8, seed=0)[:4], strict=True):
        assert data_equivalence(wanted, found, exact=True)


def test_vector_environments_stack_the_states():
    envs = gymnasium.vector.SyncVectorEnv([lambda: make("dmc/cartpole-balance", max_episode_steps=3)] * 2)
    _, infos = envs.reset(seed=0)
    assert infos["physics_state"].shape == (2, 7)
    for _ in range(5):
        infos = envs.step(envs.action_space.sample())[4]
        assert infos["physics_state"].shape == (2, 7)


@pytest.mark.parametrize("id", ["dmc/walker-walk", "dmc/finger-spin"])
def test_a_learned_reward_changes_nothing_else(id):
    bare, inner = make(id, max_episode_steps=20), make(id, max_episode_steps=20)
    env = LearnedReward(inner, small_model(inner.observation_space.shape))
    for wanted, found in zip(play_single(bare, 50, seed=3), play_single(env, 50, seed=3), strict=True):
        if len(found) == 5:
            own = {key: found[4].pop(key) for key in INFO_KEYS}
            assert own["original_reward"] == wanted[1]
            for key in ("ep_learned_rew", "ep_true_rew"):  # where an episode ends
                found[4].pop(key, None)
            wanted, found = (*wanted[:1], *wanted[2:]), (*found[:1], *found[2:])
        assert data_equivalence(wanted, found, exact=True)


def test_a_learned_reward_takes_frames(frames):
    env = make("dmc/cartpole-swingup", pixels=8, grey=True)
    learned = LearnedReward(env, small_model((8, 8, 1)))
    learned.reset(seed=0)
    obs, reward, _, _, info = learned.step(env.action_space.sample())
    assert obs in env.observation_space
    assert np.isfinite([reward, info["anomaly_score"]]).all()


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        ("dmc/walker-wlak", {}, "Unknown environment 'dmc/walker-wlak': did you mean 'dmc/walker-walk'"),
        ("dmc/walker", {}, "Unknown environment 'dmc/walker': did you mean 'dmc/walker-"),
        ("dmc/ball-in-cup-catch", {}, "did you mean 'dmc/ball_in_cup-catch'"),
        ("dmc/walker-walk", {"pixel": 64}, "Unknown option of 'dmc/walker-walk' 'pixel': did you mean 'pixels'"),
        ("dmc/walker-walk", {"stack": 3}, r"make\('dmc/walker-walk'\) has no frames.*give pixels=64"),
        ("dmc/walker-walk", {"grey": True}, "has no frames"),
        ("dmc/walker-walk", {"action_repeat": 0}, "at least once, got 0"),
    ],
)
def test_what_does_not_exist_gets_the_nearest_that_does(id, options, message):
    with pytest.raises(OptionError, match=message):
        make(id, **options)


def test_every_task_has_an_id():
    from dm_control import suite

    ids = dmc_ids()
    assert len(ids) == len(suite.ALL_TASKS)
    assert {"dmc/walker-walk", "dmc/humanoid_CMU-run", "dmc/cartpole-swingup_sparse"} <= set(ids)


def test_without_the_package_the_error_holds_the_command(monkeypatch):
    monkeypatch.setattr(dm_control, "importlib", SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None)))
    with pytest.raises(MissingExtraError, match=r"dm_control is not installed.*pip install .*\[dmc\]"):
        make("dmc/walker-walk")
