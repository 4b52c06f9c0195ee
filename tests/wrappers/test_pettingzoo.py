"""Every agent of a PettingZoo environment is paid by its own window, which ends with its death."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box

from tests.scripted import script, small_model
from tsreward.errors import MissingExtraError, OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode

pettingzoo = pytest.importorskip("pettingzoo", reason="needs PettingZoo: make test-libraries")
from pettingzoo.test import parallel_api_test  # noqa: E402
from pettingzoo.utils import parallel_to_aec  # noqa: E402

from tsreward.wrappers.pettingzoo import LearnedRewardAEC, LearnedRewardParallel  # noqa: E402

SPACE, ACTIONS = Box(-np.inf, np.inf, (3,), np.float32), Box(-1.0, 1.0, (1,), np.float32)
LENGTHS = {"a": 9, "b": 4, "c": 1}


class Scripted(pettingzoo.ParallelEnv):
    """Agents that each play an episode of their own; the shorter ones die first."""

    metadata = {"name": "scripted"}  # noqa: RUF012

    def __init__(self, episodes: dict[str, Episode]) -> None:
        self.episodes, self.possible_agents = episodes, list(episodes)
        self.render_mode = None

    def observation_space(self, agent: str) -> Box:
        return SPACE

    def action_space(self, agent: str) -> Box:
        return ACTIONS

    def reset(self, seed: Any = None, options: Any = None) -> Any:
        self.agents, self.at = list(self.possible_agents), 0
        return {agent: self.episodes[agent].obs[0] for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions: Any) -> Any:
        self.at += 1
        running, given = self.agents, {agent: self.episodes[agent] for agent in self.agents}
        ended = {agent: self.at == len(given[agent]) for agent in running}
        self.agents = [agent for agent in running if not ended[agent]]
        return (
            {agent: episode.obs[self.at] for agent, episode in given.items()},
            {agent: float(episode.rewards[self.at - 1]) for agent, episode in given.items()},
            ended,
            dict.fromkeys(running, False),
            {agent: {"own": agent} for agent in running},
        )


@pytest.fixture(scope="module")
def episodes() -> dict[str, Episode]:
    rng = np.random.default_rng(0)
    return {agent: script(rng, length) for agent, length in LENGTHS.items()}


def wanted(models: dict[str, RewardModel], episodes: dict[str, Episode]) -> dict[str, list[float]]:
    return {agent: relabel(models[agent], [episodes[agent]])[0].reward.tolist() for agent in models}


def in_parallel(env: Any) -> dict[str, list[float]]:
    paid: dict[str, list[float]] = {agent: [] for agent in env.possible_agents}
    env.reset(seed=0)
    while env.agents:
        _, rewards, _, _, infos = env.step(dict.fromkeys(env.agents, np.zeros(1, np.float32)))
        for agent, reward in rewards.items():
            paid[agent].append(reward)
            assert infos[agent]["own"] == agent
    return paid


def in_turns(env: Any) -> dict[str, list[float]]:
    paid: dict[str, list[float]] = {agent: [] for agent in env.possible_agents}
    seen: set[str] = set()
    env.reset(seed=0)
    for agent in env.agent_iter():
        _, reward, terminated, truncated, _ = env.last()
        assert env.last(observe=False)[1] == reward
        if agent in seen:
            paid[agent].append(reward)
        seen.add(agent)
        env.step(None if terminated or truncated else np.zeros(1, np.float32))
    return paid


PLAYED = [
    pytest.param(lambda e, m: in_parallel(LearnedRewardParallel(Scripted(e), m)), id="parallel"),
    pytest.param(lambda e, m: in_turns(LearnedRewardAEC(parallel_to_aec(Scripted(e)), m)), id="AEC"),
]


@pytest.mark.parametrize("play", PLAYED)
@pytest.mark.parametrize("mode", ["penalty", "likeness"])
def test_a_shared_model_pays_every_agent_for_its_own_window(play: Any, mode: str, episodes: dict[str, Episode]) -> None:
    model = small_model(mode=mode, smoothing=0.5)
    assert play(episodes, model) == wanted(dict.fromkeys(episodes, model), episodes)


@pytest.mark.parametrize("play", PLAYED)
def test_one_model_per_agent(play: Any, episodes: dict[str, Episode]) -> None:
    models = {"a": small_model(), "b": small_model(mode="likeness")}
    paid = play(episodes, models)
    assert {agent: paid[agent] for agent in models} == wanted(models, episodes)
    assert paid["c"] == episodes["c"].rewards.tolist()


def test_another_reset_begins_anew(episodes: dict[str, Episode]) -> None:
    env = LearnedRewardParallel(Scripted(episodes), small_model())
    assert in_parallel(env) == in_parallel(env)
    turns = LearnedRewardAEC(parallel_to_aec(Scripted(episodes)), small_model())
    assert in_turns(turns) == in_turns(turns)


@pytest.mark.filterwarnings("ignore")
def test_it_passes_their_check(episodes: dict[str, Episode]) -> None:
    parallel_api_test(LearnedRewardParallel(Scripted(episodes), small_model()), num_cycles=30)


def test_infos_tell_scores(episodes: dict[str, Episode]) -> None:
    env = LearnedRewardParallel(Scripted(episodes), small_model())
    env.reset()
    infos = env.step(dict.fromkeys(env.agents, np.zeros(1, np.float32)))[4]
    assert infos["a"]["original_reward"] == episodes["a"].rewards[0] and 0 < infos["a"]["anomaly_p_value"] <= 1


def test_without_the_package_the_extra_is_named(episodes: dict[str, Episode], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsreward.wrappers.pettingzoo.BaseWrapper", object)
    with pytest.raises(MissingExtraError, match=r"pettingzoo is not installed\. Install it with: pip install"):
        LearnedRewardParallel(Scripted(episodes), small_model())


def test_what_is_wrong_is_said(episodes: dict[str, Episode]) -> None:
    with pytest.raises(OptionError, match=r"has a model for 'z', and the agents are \['a', 'b', 'c'\]"):
        LearnedRewardParallel(Scripted(episodes), {"z": small_model()})
    with pytest.raises(ShapeError, match="LearnedRewardAEC"):
        LearnedRewardAEC(parallel_to_aec(Scripted(episodes)), small_model(shape=(4,)))
