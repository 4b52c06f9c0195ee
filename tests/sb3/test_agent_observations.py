"""Agents on observations that are a Dict: lazy rewards are those of every step, and records are what the reward saw."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete

from tests.walk import Walk, walk_model
from tests.wrappers.test_reward_obs import NESTED, GoalWalk, Told
from tsreward.envs.blind_policies import blind_policy
from tsreward.errors import OptionError
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.rewards.exploration import RandomNetworkDistillation
from tsreward.sb3.agent_observations import NamedParts, for_agent, stacked
from tsreward.sb3.algorithms import AgentOptions, algorithm_class, build_algorithm
from tsreward.sb3.playing import play, policy_of
from tsreward.sb3.training import roll_out, train_agent


@pytest.fixture(autouse=True)
def goal():
    gymnasium.register("Dicts/Goal-v0", lambda: GoalWalk(Walk()), disable_env_checker=True)
    yield
    del gymnasium.registry["Dicts/Goal-v0"]


def trained(algorithm, lazy, **more):
    options = AgentOptions(algorithm=algorithm, steps=240, num_envs=2, hidden=8, lazy=lazy, learning_starts=40)
    return train_agent("Dicts/Goal-v0", options, walk_model(), obs_key="observation", **more)


@pytest.mark.parametrize("algorithm", ["ppo", "sac", "td3"])
def test_lazy_rewards_make_the_same_agent(algorithm):
    agents = [trained(algorithm, lazy) for lazy in (True, False)]
    for one, other in zip(*(agent.algorithm.policy.state_dict().values() for agent in agents), strict=True):
        assert torch.equal(one, other)
    if algorithm == "ppo":
        return
    buffers = [agent.algorithm.replay_buffer for agent in agents]
    rows = buffers[0].size()
    assert np.array_equal(buffers[0].rewards[:rows], buffers[1].rewards[:rows])
    ends = np.flatnonzero(buffers[0].dones[:rows, 0])
    assert ends.size
    finished = next(one for one in agents[0].record.finished if len(one) == ends[0] + 1)
    given = relabel_as_is(walk_model(), [finished])[0].reward.numpy()
    assert np.array_equal(given.astype(np.float32), buffers[0].rewards[: len(given), 0])


def test_a_bonus_learns_from_dicts_too():
    agent = trained("sac", None, bonus=RandomNetworkDistillation(4, 3))
    assert np.isfinite(agent.algorithm.replay_buffer.sample(32).rewards.numpy()).all()


def test_agents_are_run_and_played_on_the_whole():
    agent = trained("ppo", None)
    record = roll_out(agent, "Dicts/Goal-v0", episodes=2, seed=3)
    assert record.finished[0].obs.shape[1:] == (3,)
    episode = play("Dicts/Goal-v0", policy_of(agent.algorithm), [3], obs_key="observation")[0].episode
    assert episode.obs.shape[1:] == (3,)
    assert play("Dicts/Goal-v0", policy_of(agent.algorithm), [3])[0].episode.obs.shape[1:] == (5,)


def test_blind_policies_count_environments_and_not_keys():
    seen = stacked([{"a": np.zeros(2), "b": 1}] * 3)
    for name in ("random", "no_action", "small_noise", "lowest", "highest", "constant:0.5"):
        assert blind_policy(name, Box(-1, 1, (1,), np.float32))(seen).shape == (3, 1)
        assert blind_policy(name.replace("0.5", "1"), Discrete(2))(seen).shape == (3,)


def test_parts_get_names_and_keep_their_values():
    env = for_agent(Told(NESTED, lambda obs: {"a": {"x": obs, "y": obs[:1]}, "b": (1, 2 * obs)}))
    assert isinstance(env, NamedParts)
    obs, _ = env.reset(seed=0)
    assert list(obs) == ["a/x", "a/y", "b/0", "b/1"] == list(env.observation_space.spaces)
    assert env.observation_space.contains(obs)
    assert obs["b/0"] == 1
    plain = GoalWalk(Walk())
    assert for_agent(plain) is plain


def test_single_numbers_become_arrays():
    space = Dict({"b": Box(-9, 9, (), np.float32), "a": Box(-9, 9, (2,), np.float32)})
    env = for_agent(Told(space, lambda obs: {"b": obs[0], "a": obs[1:]}))
    obs, _ = env.reset(seed=0)
    assert {key: value.shape for key, value in obs.items()} == {"a": (2,), "b": (1,)}
    assert env.observation_space.contains(obs)


def test_a_library_without_a_policy_for_dicts_says_so(monkeypatch):
    from stable_baselines3.common.vec_env import DummyVecEnv

    monkeypatch.setattr(algorithm_class(AgentOptions()), "policy_aliases", {"MlpPolicy": object})
    with pytest.raises(OptionError, match="ppo of sbx takes no observations that are a Dict: use --library torch"):
        build_algorithm(DummyVecEnv([lambda: GoalWalk(Walk())]), AgentOptions())
