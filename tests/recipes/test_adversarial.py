"""Adversarial imitation from observations in one line: it trains, goes on, and refuses what does not suit it."""

from __future__ import annotations

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tsreward.data.episodes import save_episodes
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.adversarial import AdversarialLikeness
from tsreward.recipes.likeness import DEFAULT_AGENT
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sequences.episodes import Episode

ENV = "Tiny/Plain-v0"
AGENT = AgentOptions(steps=2048, num_envs=4, hidden=16, rollout=64, learning_rate=5e-3, batch_size=64, seed=1)


def left(episodes: int = 6, steps: int = 30) -> list[np.ndarray]:
    """Return episodes of an expert that stays on the left of the line."""
    draws = np.random.default_rng(0)
    return [(draws.uniform(-1.5, -0.5, (steps, 1)) * np.ones(3)).astype(np.float32) for _ in range(episodes)]


def test_it_takes_one_line():
    active = ActiveLearnerOptions(batch_size=32)
    likeness = AdversarialLikeness(ENV, left(), AGENT, active=active).train(1024)
    assert likeness.learner.refreshes == 32 and likeness.learner.model is likeness.model
    first = sum(map(len, likeness.agent.record.all_episodes()))
    assert likeness.train(512) is likeness  # goes on
    assert likeness.learner.refreshes == 48 and likeness.agent.algorithm.num_timesteps == 1536
    assert sum(map(len, likeness.agent.record.all_episodes())) == first + 512
    returns = likeness.evaluate(episodes=5)
    assert returns.shape == (5,) and returns.mean() < -2
    again = AdversarialLikeness(ENV, left(), AGENT, active=active).train(1024).train(512)
    assert again.evaluate(episodes=5).tolist() == returns.tolist()


def test_it_reads_files_and_finds_an_algorithm_that_can_act(tmp_path):
    path = tmp_path / "expert.npz"
    save_episodes([Episode(obs, np.zeros(len(obs) - 1)) for obs in left()], path)
    assert AdversarialLikeness(ENV, path).train(60).train(20).agent.options.algorithm == "sac"
    likeness = AdversarialLikeness("Tiny/Discrete-v0", left(), scorer="discriminator", negatives=left()[0] + 3)
    assert likeness.train(64).agent.options.algorithm == "ppo"


def test_what_does_not_suit_it_is_refused():
    with pytest.raises(ShapeError, match=r"The demos hold observations \(5,\), but Tiny/Plain-v0 gives \(3,\)"):
        AdversarialLikeness(ENV, [np.zeros((9, 5))] * 2)
    with pytest.raises(DataError, match=r"Demos are episodes: arrays \[T, \*obs\] of numbers"):
        AdversarialLikeness(ENV, [])
    with pytest.raises(OptionError, match="needs a scorer with a loss on negatives"):
        AdversarialLikeness(ENV, left(), scorer="knn")
    with pytest.raises(OptionError, match="sac needs continuous actions, but Tiny/Discrete-v0"):
        AdversarialLikeness("Tiny/Discrete-v0", left(), DEFAULT_AGENT)
    with pytest.raises(NotFittedError, match=r"has no agent yet: call train\(steps\) first"):
        AdversarialLikeness(ENV, left()).evaluate()
