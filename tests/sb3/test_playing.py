"""Episodes are complete, begin with their seeds, and none is left out for being long."""

import gymnasium
import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tsreward.envs.blind_policies import blind_policy
from tsreward.envs.make import make
from tsreward.errors import DataError, OptionError
from tsreward.sb3 import playing
from tsreward.sb3.playing import play

ENV = "Tiny/Cost-v0"


def act(obs: np.ndarray) -> np.ndarray:
    return np.clip(2.8 - 2 * obs[:, :1], -1, 1)


def alone(seed: int) -> list[np.ndarray]:
    env, seen, over = make(ENV), [], False
    seen.append(env.reset(seed=seed)[0])
    while not over:
        obs, _, terminated, truncated, _ = env.step(act(seen[-1][None])[0])
        seen.append(obs)
        over = terminated or truncated
    return seen


def test_every_seed_gives_the_episode_that_it_gives_alone():
    seeds = [5, 3, 5, *range(100, 112)]  # more than run side by side
    played = play(ENV, act, seeds)
    assert [one.seed for one in played] == seeds
    for one in played:
        assert np.array_equal(one.episode.obs, np.stack(alone(one.seed)))
    lengths = {len(one.episode) for one in played}
    assert 12 in lengths and min(lengths) < 12
    assert all(one.episode.terminated or len(one.episode) == 12 for one in played)
    assert np.array_equal(played[0].episode.actions, act(played[0].episode.obs[:-1]))
    assert played[0].episode.costs is not None


def test_it_leaves_global_random_numbers_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    play("Tiny/Discrete-v0", blind_policy("random", gymnasium.spaces.Discrete(2)), [1, 2])
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_states_are_kept_where_the_simulator_gives_them():
    pytest.importorskip("dm_control")
    played = play("dmc/cartpole-balance:max_episode_steps=12", lambda obs: np.zeros((len(obs), 1)), [4], 3)[0]
    assert len(played.episode) == 4
    assert played.states is not None
    assert played.states.shape[0] == 5
    env = make("dmc/cartpole-balance")
    env.reset(seed=0)
    for state, obs in zip(played.states, played.episode.obs, strict=True):
        env.unwrapped.set_state(state)  # type: ignore[attr-defined]
        assert obs[0] == np.float32(env.unwrapped._env.physics.cart_position())  # type: ignore[attr-defined]
    assert play(ENV, act, [4])[0].states is None


def test_an_episode_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(playing, "LONGEST", 50)
    with pytest.raises(DataError, match="did not end within 50 decisions: make the environment with max_episode_steps"):
        play("Tiny/Endless-v0", act, [0])


def test_no_seeds_are_refused():
    with pytest.raises(OptionError, match="one seed or more"):
        play(ENV, act, [])
