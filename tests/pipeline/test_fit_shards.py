"""A model that is fitted part by part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.knn import KNN
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.sequences.shards import Shards
from tsreward.training import TrainOptions

QUICK = TrainOptions(epochs=2, windows_per_epoch=500)


def walks(seed: int, level: float = 0.0) -> list[np.ndarray]:
    """Return three episodes of a point that is drawn back to a level."""
    rng, episodes = np.random.default_rng(seed), []
    for _ in range(3):
        obs = [np.full(2, level)]
        for _ in range(300):
            obs.append(obs[-1] + 0.2 * (level - obs[-1]) + rng.normal(0, 0.3, 2))
        episodes.append(np.stack(obs))
    return episodes


FILES = [walks(seed) for seed in range(6)]


@pytest.mark.parametrize("scorer", [RidgeVAR(3), KNN(3), DeepSVDD(3)], ids=lambda one: type(one).__name__)
def test_it_tells_others_from_normal(scorer: Scorer):
    model = RewardModel(scorer, Likeness()).fit_shards(FILES, options=QUICK, sample=2_000)
    normal, other = (model.score(episodes) for episodes in (walks(9), [3 * one for one in walks(9)]))
    assert float(torch.cat(other).mean()) > 2 * float(torch.cat(normal).mean())
    flagged = model.rate(torch.cat(normal)).is_anomaly.float().mean()
    assert flagged < 3 * model.mode.options.false_alarm_rate
    assert model.profile.size == 2 and model.expected is not None


def test_one_part_is_read_at_a_time_and_some_never_teach_the_scorer():
    seen: list[int] = []

    class Files(list):
        def __getitem__(self, place: int) -> list[np.ndarray]:
            seen.append(place)
            return super().__getitem__(place)

    far = [*FILES[:5], walks(5, 100.0)]
    places = Shards(6, lambda place: place)  # type: ignore[arg-type, return-value]
    seed = next(seed for seed in range(20) if list(places.split(0.1, seed + 1)[1]) == [5])
    model = RewardModel(RidgeVAR(3), Likeness()).fit_shards(
        Files(far), options=TrainOptions(seed=seed), calibration_fraction=0.1
    )
    assert float(model.scorer.mean.abs().max()) < 1  # it has not seen the far ones,
    assert float(model.calibration.scores[0]) > float(torch.cat(model.score(walks(9))).mean())  # of which these are
    assert set(seen) == set(range(6))


def test_penalties_have_their_unit_and_names_their_order():
    frames = [[pd.DataFrame(one, columns=["a", "b"]) for one in episodes] for episodes in FILES]
    frames[3] = [frame[["b", "a"]] for frame in frames[3]]
    model = RewardModel(RidgeVAR(3), Penalty()).fit_shards(frames, rewards=np.array([2.0, -4.0]))
    assert float(model.mode.unit) == 3.0
    assert model.columns is not None and model.columns.names == ("a", "b")


def test_a_single_part_is_refused():
    with pytest.raises(DataError, match="two or more, got 1"):
        RewardModel(RidgeVAR(3), Likeness()).fit_shards(FILES[:1])
