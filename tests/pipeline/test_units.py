"""Units and offsets of columns change no score, no flag and no reward, online and in bulk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.affine import CHANGES, changed, plant, within
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.base import SCORERS
from tsreward.scorers.knn import KNN
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.presets import scorer_names, scorer_preset
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

CLOSED = ("knn", "mahalanobis", "pca", "ridge_var")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", CLOSED)
def test_scores_flags_and_rewards_stay_the_same(name: str, change: str) -> None:
    earned = []
    for kind in ("none", change):
        model = RewardModel(SCORERS[name](4), Likeness()).fit([changed(plant(600, 0), kind)])
        new = changed(plant(300, 1), kind)
        earned.append(relabel(model, Episode(new)))
        stream, obs = RewardStream(model, 1), torch.from_numpy(new)
        stream.start(obs[:1])
        online = torch.cat([stream.step(row[None]).reward for row in obs[1:]])
        assert torch.equal(online, earned[-1].reward)
    within(earned[0].score.double().numpy(), earned[1].score.double().numpy())
    within(earned[0].reward.numpy(), earned[1].reward.numpy())
    assert float((earned[0].is_anomaly != earned[1].is_anomaly).float().mean()) <= 0.01


@pytest.mark.parametrize("change", ["offset", "mixed"])
@pytest.mark.parametrize("name", [name for name in scorer_names(own=True) if name not in CLOSED])
def test_networks_learn_the_same(name: str, change: str) -> None:
    preset, scores = scorer_preset(name), []
    for kind in ("none", change):
        model = RewardModel(preset.build(4), Likeness("exponential"))
        negative = [changed(1.2 * plant(300, 2), kind)] if preset.negative else None
        budget = TrainOptions(epochs=1, windows_per_epoch=256)
        model.fit([changed(plant(300, 0), kind), changed(plant(300, 3), kind)], negative, options=budget)
        scores.append(model.score(changed(plant(300, 1), kind)).double().numpy())
    within(*scores)


def test_a_fault_of_a_small_column_is_found() -> None:
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(50, 20, 3000), draw.normal(2e-5, 1e-6, 3000)])
    new = np.column_stack([draw.normal(50, 20, 600), draw.normal(2e-5, 1e-6, 600)])
    new[200:260, 1] += 50e-6
    flags = relabel(RewardModel(Mahalanobis(1), Likeness()).fit([rows]), new).is_anomaly.numpy()
    assert flags[200:260].all() and np.delete(flags, np.s_[200:260]).mean() < 0.08


def test_constant_columns_are_named() -> None:
    rows = plant(200, 0)
    assert RewardModel(KNN(2), Likeness()).fit([rows]).constant_columns == ("4",)
