"""Windows climb where a reward pays for more than the expert, and stay within what data has shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.audit.search import distinguish
from tsreward.audit.search.ascent import climb
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.base import Scorer
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode


def walks(seed: int, middle: float, number: int = 5) -> list[Episode]:
    """Return walks whose speed is +1 or −1 in turn, about a middle."""
    draw = np.random.default_rng(seed)
    turns = np.where(np.arange(60) % 2, 1.0, -1.0)
    made = []
    for _ in range(number):
        obs = middle + np.stack([turns, -turns], 1) + draw.normal(0, 0.1, (60, 2))
        made.append(Episode(obs.astype(np.float32)))
    return made


GOOD, BAD = walks(1, 0.0), walks(2, 3.0)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(distinguish, "_TREES", 20)


def fitted(mode) -> RewardModel:
    model = RewardModel(Mahalanobis(1), mode)
    return model.fit([one.obs for one in walks(0, 0.0)])


def test_windows_that_a_scorer_of_single_steps_pays_need_not_be_the_experts():
    model = fitted(Likeness())  # likes the middle best, where the expert never is
    found = climb(model, GOOD, BAD)
    assert found.paid > 0.9 and found.apart.value > 0.95 and found.is_exploit
    assert "on recorded data only" in found.in_words()
    assert found.to_json()["is_exploit"]


def test_they_keep_to_what_data_has_shown():
    found = climb(fitted(Likeness()), GOOD, walks(2, -4.0))
    rows = np.concatenate([one.obs for one in (*GOOD, *walks(2, -4.0))])
    assert found.windows.shape == (256, 1, 2)
    assert (found.windows.numpy() <= rows.max(0) + 1e-6).all() and (found.windows.numpy() >= rows.min(0) - 1e-6).all()


def test_changes_in_a_step_are_those_of_the_data():
    draw = np.random.default_rng(0)
    near = [Episode(draw.normal(0, 0.01, (60, 2)).cumsum(0).astype(np.float32)) for _ in range(5)]
    still = [Episode(one.obs + 2) for one in near]
    model = RewardModel(Mahalanobis(3), Likeness()).fit([one.obs for one in near])
    found = climb(model, near, still)
    assert torch.diff(found.windows, dim=1).abs().max() < 0.05


def test_a_penalty_and_a_scorer_without_a_gradient_are_refused(monkeypatch):
    with pytest.raises(OptionError, match="replaces the environment's, got Penalty"):
        climb(fitted(Penalty(PenaltyOptions(unit=1.0))), GOOD, BAD)
    model = fitted(Likeness())
    monkeypatch.setattr(type(model.scorer), "measure", lambda self, windows: windows.detach().sum((1, 2)))
    assert isinstance(model.scorer, Scorer)
    with pytest.raises(OptionError, match="Mahalanobis has no gradient"):
        climb(model, GOOD, BAD)
