"""What was an exploit is none any more, and the model that was given stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.search.test_attack import ENV, EXPERT, QUICK, RANDOM, walked
from tsreward.audit.behaviour import observe
from tsreward.audit.search.repair import repair
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.knn import KNN
from tsreward.training import TrainOptions

BRIEF = TrainOptions(epochs=8, windows_per_epoch=3_000)
LEARN = walked((0.3, 0.0), episodes=16, noise=0.05)[8:]


def earned(model: RewardModel, episodes: object) -> float:
    return observe(model, "all", episodes).rated.level  # type: ignore[arg-type]


def test_an_exploit_becomes_a_negative():
    mode = Likeness(LikenessOptions(transform="odds"))
    model = RewardModel(DeepSVDD(2), mode).fit([one.obs for one in EXPERT], [one.obs for one in RANDOM], options=BRIEF)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    repaired = repair(model, ENV, LEARN, EXPERT, RANDOM, 2, QUICK, BRIEF)
    first = repaired.searches[0]
    assert first.exploits and repaired.holds and 2 <= len(repaired.searches) <= 3
    assert len(repaired.negatives) == len(RANDOM) + 4 * (len(repaired.searches) - 1)
    episodes = first.exploits[0].behaviour.episodes
    assert earned(model, episodes) > 0.8 * earned(model, EXPERT)
    assert earned(repaired.model, episodes) < 0.5 * earned(repaired.model, EXPERT)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_penalty_learns_the_costs_that_it_did_not_see():
    up = walked((0.0, 0.3), episodes=8)
    model = RewardModel(DeepSVDD(1), Penalty()).fit([one.obs for one in up], rewards=np.ones(9), options=BRIEF)
    repaired = repair(model, ENV, LEARN, EXPERT, RANDOM, 1, QUICK, BRIEF)
    before, after = (search.found[0].unseen or 0.0 for search in repaired.searches)
    assert repaired.searches[0].exploits and after < before


def test_what_cannot_be_repaired():
    model = RewardModel(KNN(2), Likeness()).fit([one.obs for one in EXPERT])
    with pytest.raises(OptionError, match="KNN does not learn from negatives"):
        repair(model, ENV, LEARN, EXPERT, RANDOM, 1, QUICK)
    with pytest.raises(OptionError, match="one round or more, got 0"):
        repair(model, ENV, LEARN, EXPERT, RANDOM, 0, QUICK)
