"""The recorder writes down exactly what happened, the terminal step included, and refuses what is not finite."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

import tests.tiny  # noqa: F401
from tests.scripted import ScriptedEnv, scripts
from tsreward.envs.make import make
from tsreward.errors import ProtocolError
from tsreward.sb3.recording import EpisodeRecorder


def run(record: EpisodeRecorder, steps: int) -> list[np.ndarray]:
    """Act for some steps; return the actions."""
    rng = np.random.default_rng(1)
    record.reset()
    actions = [rng.uniform(-1, 1, (record.num_envs, 1)).astype(np.float32) for _ in range(steps)]
    for action in actions:
        record.step(action)
    return actions


@pytest.mark.parametrize("num_envs", [1, 3])
def test_episodes_are_those_that_were_played(num_envs, seed):
    played = scripts(seed, num_envs)
    record = EpisodeRecorder(DummyVecEnv([lambda each=each: ScriptedEnv(each) for each in played]), needs_cost=True)
    actions = run(record, steps=17)  # the four episodes have 17 steps
    assert len(record.finished) == 4 * num_envs
    for env, expected in enumerate(played):
        mine = [episode for episode in record.finished if np.array_equal(episode.obs[0], expected[0].obs[0])]
        assert len(mine) == 1
        at = 0
        for episode in expected:
            found = next(e for e in record.finished if np.array_equal(e.obs, episode.obs))
            np.testing.assert_array_equal(found.rewards, episode.rewards)
            np.testing.assert_array_equal(found.costs, episode.costs)
            np.testing.assert_array_equal(found.actions, [action[env] for action in actions[at : at + len(episode)]])
            assert found.terminated == episode.terminated
            at += len(episode)


def test_running_episodes_come_after_the_finished_ones(seed):
    played = scripts(seed, 1)[0]  # lengths 2, 1, 9, 5
    record = EpisodeRecorder(DummyVecEnv([lambda: ScriptedEnv(played)]))
    run(record, steps=7)
    *finished, running = record.all_episodes()
    assert [len(episode) for episode in finished] == [2, 1]
    assert not running.terminated
    np.testing.assert_array_equal(running.obs, played[2].obs[:5])
    np.testing.assert_array_equal(running.costs, played[2].costs[:4])


def test_nothing_is_changed_on_the_way(seed):
    played = scripts(seed, 2)
    bare = DummyVecEnv([lambda each=each: ScriptedEnv(each) for each in played])
    record = EpisodeRecorder(DummyVecEnv([lambda each=each: ScriptedEnv(each) for each in played]))
    np.testing.assert_array_equal(record.reset(), bare.reset())
    for _ in range(8):
        seen, given = record.step(np.zeros((2, 1), np.float32)), bare.step(np.zeros((2, 1), np.float32))
        for mine, other in zip(seen[:3], given[:3], strict=True):
            np.testing.assert_array_equal(mine, other)


def test_an_environment_without_cost_has_episodes_without_costs():
    record = EpisodeRecorder(DummyVecEnv([lambda: make("Tiny/Plain-v0")]))
    run(record, steps=14)
    assert not record.gives_cost
    assert all(episode.costs is None for episode in record.all_episodes())


def test_a_missing_cost_is_an_error_where_it_is_needed():
    record = EpisodeRecorder(DummyVecEnv([lambda: make("Tiny/Plain-v0")]), needs_cost=True)
    with pytest.raises(ProtocolError, match=r"Environment 0 gave no info\['cost'\] nor .*--cost-missing zero"):
        run(record, steps=1)


def test_a_nan_is_named_when_it_appears():
    record = EpisodeRecorder(DummyVecEnv([lambda: make("Tiny/Cost-v0"), lambda: make("Tiny/Broken-v0")]))
    with pytest.raises(ProtocolError, match="Environment 1 gave NaN or inf as observation in step 4 of an episode"):
        run(record, steps=10)


@pytest.mark.parametrize("what", ["reward", "cost"])
def test_a_nan_beside_the_observation_is_named_too(what, seed):
    episode = scripts(seed, 1, lengths=(5,))[0][0]
    getattr(episode, f"{what}s")[2] = np.inf
    record = EpisodeRecorder(DummyVecEnv([lambda: ScriptedEnv([episode])]))
    with pytest.raises(ProtocolError, match=f"as {what} in step 3"):
        run(record, steps=4)


def test_large_finite_values_are_recorded(seed):
    episode = scripts(seed, 1, lengths=(3,))[0][0]
    episode.obs[:] = 3e38  # their sum is not finite in float32
    record = EpisodeRecorder(DummyVecEnv([lambda: ScriptedEnv([episode])]))
    with np.errstate(over="ignore"):
        run(record, steps=3)
    assert len(record.finished) == 1
