"""The file of an `EpisodeLog` holds what happened, and the environment is unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.pipeline.relabel import relabel
from tsreward.wrappers.episode_log import EpisodeLog
from tsreward.wrappers.gymnasium_env import LearnedReward


def logged(env: Any, path: Path, episodes: int) -> list[dict[str, float]]:
    for _ in range(episodes):
        env.reset()
        while not any(env.step(env.action_space.sample())[2:4]):
            pass
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_hold_both_returns_and_costs(tmp_path: Path) -> None:
    (played,) = scripts(0, 1)
    model = small_model()
    path = tmp_path / "episodes.jsonl"
    lines = logged(EpisodeLog(LearnedReward(ScriptedEnv(played), model), path), path, len(played))
    for line, episode, step in zip(lines, played, relabel(model, played), strict=True):
        assert episode.rewards is not None and episode.costs is not None
        assert line == {
            "length": len(episode),
            "true_return": pytest.approx(episode.rewards.sum()),
            "learned_return": pytest.approx(float(step.reward.sum())),
            "cost": episode.costs.sum(),
        }


def test_without_a_learned_reward_both_returns_are_true_and_steps_unchanged(tmp_path: Path) -> None:
    (played,) = scripts(0, 1)
    env, bare = EpisodeLog(ScriptedEnv(played), str(tmp_path / "log")), ScriptedEnv(played)
    assert np.array_equal(env.reset(seed=1)[0], bare.reset(seed=1)[0])
    for _ in range(len(played[1])):
        given, wanted = env.step(0), bare.step(0)
        assert np.array_equal(given[0], wanted[0]) and given[1:] == wanted[1:]
    line = json.loads(env.path.read_text())
    assert line["true_return"] == line["learned_return"] == played[1].rewards.sum()


def test_an_episode_that_did_not_end_is_not_written(tmp_path: Path) -> None:
    (played,) = scripts(0, 1, (9, 1))
    env = EpisodeLog(ScriptedEnv(played), tmp_path / "log")
    env.reset()
    env.step(0)
    assert not env.path.exists()
    reward, cost = played[1].rewards[0], played[1].costs[0]
    line = {"length": 1, "true_return": reward, "learned_return": reward, "cost": cost}
    assert logged(env, env.path, 1) == [line]
