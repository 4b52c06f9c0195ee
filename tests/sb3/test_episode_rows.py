"""A row for every episode, with the numbers that relabelling the same episodes gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import tests.tiny  # noqa: F401
from tests.sb3.test_training import SMALL, learner, models  # noqa: F401
from tsreward.data.episode_rows import EpisodeRow
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.relabel import relabel
from tsreward.sb3 import episode_rows
from tsreward.sb3.training import TrainingOutputs, train_agent


@pytest.mark.filterwarnings("ignore:relabel. 3 of 3 columns lie outside")
@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_rows_are_what_relabelling_says(models, algorithm, lazy):  # noqa: F811
    rows: list[EpisodeRow] = []
    options = replace(SMALL, algorithm=algorithm, lazy=lazy, gradient_steps=1)
    agent = train_agent("Tiny/Cost-v0", options, models["penalty"], outputs=TrainingOutputs(log=rows.append))
    episodes = agent.record.finished
    assert len(rows) == len(episodes) > 10
    assert [row.length for row in rows] == [len(episode) for episode in episodes]
    assert [row.step for row in rows] == sorted(row.step for row in rows)
    assert rows[-1].step <= 256 and rows[0].step == 4 * len(episodes[0])  # of four environments side by side
    for row, episode, said in zip(rows, episodes, relabel(models["penalty"], episodes), strict=True):
        assert row.true_return == episode.rewards.sum() and row.cost == episode.costs.sum()
        assert row.learned_return == pytest.approx(float(said.reward.sum()), rel=1e-5)  # the agent gets float32
        assert row.flag_rate == float(said.is_anomaly.double().mean())
        expected = np.percentile(said.score.double().numpy(), (10, 50, 90))
        assert (row.score_p10, row.score_p50, row.score_p90) == tuple(expected)


def test_an_agent_without_a_learned_reward_has_none():
    rows: list[EpisodeRow] = []
    agent = train_agent("Tiny/Plain-v0", SMALL, outputs=TrainingOutputs(log=rows.append))
    assert len(rows) == len(agent.record.finished)
    assert rows[0] == EpisodeRow(rows[0].step, len(agent.record.finished[0]), agent.record.finished[0].rewards.sum())


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_learning_reward_has_rows_too(algorithm, monkeypatch):
    monkeypatch.setattr(episode_rows, "_EVERY", 0)
    rows: list[EpisodeRow] = []
    options = replace(SMALL, algorithm=algorithm, gradient_steps=1)
    active = learner()
    expert = ExpertWindows.seen_by(active.model, [np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)] * 2)
    outputs = TrainingOutputs(log=rows.append, expert=expert)
    agent = train_agent("Tiny/Cost-v0", options, active=active, outputs=outputs)
    assert len(rows) == len(agent.record.finished) and None not in rows[-1]
    assert 0 <= rows[-1].low_rate + rows[-1].high_rate <= 1
    for row, episode in zip(rows, agent.record.finished, strict=True):  # whose observations are features
        near = expert.compare(torch.from_numpy(episode.obs[1:]), np.ones(len(episode)))
        assert (row.motion, row.outside_rate) == pytest.approx((near.motion, near.outside_rate))
        assert row.expert_distance == pytest.approx(near.distance, rel=1e-5)


def test_short_episodes_are_not_all_compared(models, monkeypatch):  # noqa: F811
    monkeypatch.setattr(episode_rows, "_EVERY", 20)
    rows: list[EpisodeRow] = []
    expert = ExpertWindows.of([torch.randn(40, 3, generator=torch.Generator().manual_seed(0))] * 2, 2)
    train_agent("Tiny/Cost-v0", SMALL, models["penalty"], outputs=TrainingOutputs(rows.append, expert=expert))
    steps = [row.step for row in rows if row.motion is not None]
    assert rows[0].motion is not None
    assert 1 < len(steps) < len(rows) / 2
    assert np.diff(steps).min() >= 20 * 4  # in all environments
