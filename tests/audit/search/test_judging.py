"""What a reward has led an agent to, where that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsreward.audit.behaviour import observe
from tsreward.audit.search import distinguish
from tsreward.audit.search.judging import PAID, AgentVerdict, Judge
from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode

STEPS = 60


def walks(seed: int, level: float, speed: float, number: int = 6) -> list[Episode]:
    """Return episodes of a point that goes round a circle about (level, 0), at a speed."""
    draw = np.random.default_rng(seed)
    made = []
    for begin in draw.uniform(0, 6, number):
        at = begin + speed * np.arange(STEPS)
        obs = np.stack([level + np.cos(at), np.sin(at)], 1) + draw.normal(0, 0.05, (STEPS, 2))
        made.append(Episode(obs.astype(np.float32)))
    return made


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return RewardModel(Mahalanobis(1), Likeness()).fit([one.obs for one in walks(0, 0.0, 0.5)])


EXPERT, RANDOM = walks(1, 0.0, 0.5), walks(2, 6.0, 0.0)


@pytest.mark.parametrize(
    ("agent", "word"),
    [
        (walks(3, 0.0, 0.5), "reached"),
        (walks(3, 0.0, -0.5), "exploited"),  # the scorer sees single steps, so it goes the other way round unseen
        (walks(3, 5.0, 0.5), "not learned"),
    ],
)
def test_it_says_what_became_of_the_agent(model, agent, word, monkeypatch):
    monkeypatch.setattr(distinguish, "_TREES", 20)
    told = AgentVerdict.of(model, EXPERT, RANDOM, agent, true_fraction=0.5)
    assert told.word == word
    assert (told.paid.value >= PAID) == (word != "not learned")
    assert f"r = {told.paid.value:.2f}" in told.in_words()
    written = told.to_json()
    assert (written["word"], written["true_fraction"], set(written["d"])) == (word, 0.5, {"1", "4"})
    assert max(d.value for _, d in told.expert) < 0.9


def test_an_episode_that_was_cut_off_is_compared_with_as_many_decisions(model):
    judge = Judge(observe(model, "good", EXPERT), observe(model, "bad", RANDOM), 0)
    whole = walks(3, 0.0, 0.5)
    half, tenth = ([replace(one, obs=one.obs[:steps]) for one in whole] for steps in (STEPS // 2 + 1, STEPS // 10))
    cut = [True] * len(whole)
    assert judge.paid(observe(model, "agent", half), cut).low > PAID > judge.paid(observe(model, "agent", half)).high
    assert judge.paid(observe(model, "agent", tenth), cut).high < 0.5  # too short to be compared alone


def test_too_few_episodes_are_refused(model):
    with pytest.raises(DataError, match="two of its episodes"):
        AgentVerdict.of(model, EXPERT, RANDOM, EXPERT[:1])
    with pytest.raises(DataError, match="four episodes or more, got 3"):
        AgentVerdict.of(model, EXPERT[:3], RANDOM, EXPERT)
