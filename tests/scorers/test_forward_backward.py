"""Forward–backward representation: the way through a maze, what is refused, and a learner that goes on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tsreward.errors import OptionError
from tsreward.functional.seeding import generator
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.forward_backward import ForwardBackward, ForwardBackwardOptions
from tsreward.sequences.windows import WindowSet


def free(places: np.ndarray) -> np.ndarray:
    """Tell which places [..., 2] of a square of side 3 do not lie in the wall of a U-shaped maze."""
    x, y = places[..., 0], places[..., 1]
    return (x > 0) & (x < 3) & (y > 0) & (y < 3) & ~((x < 2) & (y > 1) & (y < 2))


def wandering(rng: np.random.Generator, walks: int = 40, steps: int = 200) -> list[np.ndarray]:
    """Return walks [T + 1, 2] from anywhere, whose actions stay the same nine times out of ten."""
    starts = rng.uniform(0, 3, (20 * walks, 2))
    place = starts[free(starts)][:walks]
    action, seen = rng.uniform(-1, 1, (walks, 2)), [place]
    for _ in range(steps):
        action = np.where(rng.random((walks, 1)) < 0.9, action, rng.uniform(-1, 1, (walks, 2)))
        moved = place + 0.15 * action
        place = np.where(free(moved)[:, None], moved, place)
        seen.append(place)
    return list(np.stack(seen, 1).astype(np.float32))


def way() -> np.ndarray:
    """Return the way [T, 2] round the wall, from one end of the U to the other."""
    corners = np.array([(0.3, 0.5), (2.5, 0.5), (2.5, 2.5), (0.3, 2.5)])
    parts = []
    for start, end in pairwise(corners):
        number = int(np.linalg.norm(end - start) / 0.12)
        parts.append(start + (end - start) * np.arange(number)[:, None] / number)
    return np.concatenate([*parts, corners[-1:]]).astype(np.float32)


def test_the_reward_rises_along_the_second_half_of_the_way_through_a_maze() -> None:
    """The ends of this way lie side by side; over all of it, the rank correlation depends on the seed at this size."""
    rng, path = np.random.default_rng(0), way()
    walks = WindowSet.from_episodes(wandering(rng), 2)
    options = ForwardBackwardOptions(path_length=len(path), hidden=64)
    model = RewardModel(ForwardBackward(2, options), Likeness(LikenessOptions(transform="p_value")))
    jittered = [path + rng.normal(0, 0.02, path.shape).astype(np.float32) for _ in range(4)]
    active = ActiveLearnerOptions(updates=600, batch_size=96, learning_rate=2e-3, noise=0.0)
    learner = ActiveLearner(model, jittered, active)
    draw = generator(1)
    learner.refresh(lambda number: walks.gather(torch.randint(len(walks), (number,), generator=draw)))
    learner.calibrate()
    scores = model.score(path)
    half = len(path) // 2
    assert spearmanr(-scores[half:], np.arange(len(scores) - half)).statistic > 0.8
    rewards = model.rate(scores).reward
    assert rewards[-1] > 0.9 > 0.5 > rewards[:half].mean()


@pytest.mark.parametrize(
    ("path_length", "discount", "message"),
    [
        (60, 0.95, r"discount must be 0.9834 or more for path_length=60, got 0.95"),
        (200, 0.99, r"discount must be 0.995 or more for path_length=200, got 0.99"),
    ],
)
def test_a_discount_that_does_not_reach_the_goal_is_refused(path_length: int, discount: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ForwardBackwardOptions(path_length=path_length, discount=discount)


def test_without_a_discount_it_just_reaches() -> None:
    assert ForwardBackwardOptions(path_length=50).gamma == 0.98
    assert ForwardBackwardOptions(path_length=50, discount=0.98).gamma == 0.98


def test_goals_are_the_last_steps_of_normal_episodes() -> None:
    scorer = ForwardBackward(2, ForwardBackwardOptions(hidden=8, latent=4, goals=3))
    films = [torch.arange(5.0)[:, None] + shift for shift in (0.0, 1.0)]
    scorer.begin(WindowSet.from_episodes(films, 2))
    ends = scorer.standardise(torch.tensor([[4.0], [5.0], [4.0]]))
    assert torch.equal(scorer.goal, ends)


def test_target_networks_follow_in_training_alone() -> None:
    scorer = ForwardBackward(2, ForwardBackwardOptions(hidden=8, latent=4, polyak=1.0))
    windows = WindowSet.from_episodes([torch.randn(30, 2, generator=generator(0))], 2)
    scorer.begin(windows)
    with torch.no_grad():
        scorer.forward_net[0].weight += 1
    batch = windows.gather(torch.arange(8))
    scorer.objective(batch, batch, generator(0))
    assert not torch.equal(scorer.target_forward[0].weight, scorer.forward_net[0].weight)
    scorer.train()
    scorer.objective(batch, batch, generator(0))
    assert torch.equal(scorer.target_forward[0].weight, scorer.forward_net[0].weight)
