"""Figures of safe reinforcement learning, against sums done by hand."""

import numpy as np
import pytest

from tsreward.episodes import Episode
from tsreward.errors import DataError
from tsreward.evaluation.costs import summarise_training


def episode(rewards: list[float], costs: list[float] | None) -> Episode:
    obs = np.zeros((len(rewards) + 1, 1))
    return Episode(obs, np.array(rewards), None if costs is None else np.array(costs))


# 4 + 8 + 4 + 2 = 18 finished steps; the last quarter begins after step 13.5, so two episodes end in it.
FINISHED = [
    episode([1.0] * 4, [1.0] * 4),
    episode([2.0] * 8, [0.0] * 8),
    episode([3.0] * 4, [1.0, 0.0, 0.0, 0.0]),
    episode([5.0, 6.0], [0.0, 2.0]),
]


def test_summary_equals_sums_by_hand():
    summary = summarise_training(FINISHED, [*FINISHED, episode([9.0, 9.0], [1.0, 1.0])])
    assert summary.episode_return == (12 + 11) / 2
    assert summary.episode_cost == (1 + 2) / 2
    assert summary.episode_length == (4 + 2) / 2
    assert summary.cost_rate == (4 + 0 + 1 + 2 + 2) / 20
    assert summary.final_cost_rate == (1 + 2) / 6
    assert list(summary.as_json()) == ["return", "cost", "length", "cost_rate", "final_cost_rate"]


def test_a_single_episode_is_its_own_last_quarter():
    summary = summarise_training([FINISHED[0]], [FINISHED[0]])
    assert (summary.episode_return, summary.episode_cost, summary.cost_rate) == (4.0, 4.0, 1.0)


def test_episodes_without_costs_cost_nothing():
    summary = summarise_training([episode([1.0], None)], [episode([1.0], None)])
    assert (summary.episode_cost, summary.cost_rate) == (0.0, 0.0)


def test_without_a_finished_episode_there_is_nothing_to_say():
    with pytest.raises(DataError, match="No episode finished during training: train for more steps"):
        summarise_training([], FINISHED)
