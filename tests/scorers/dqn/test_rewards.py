"""The confusion matrix, and which intrinsic reward can change an answer."""

import pytest
import torch

from tsreward.scorers.dqn.rewards import extrinsic_rewards, intrinsic_rewards


@pytest.mark.parametrize(
    ("label", "normal", "anomaly"),
    [(1, -7.0, 5.0), (0, 1.0, -2.0), (-1, 0.0, 0.0)],
)
def test_every_cell_of_the_confusion_matrix(label: int, normal: float, anomaly: float) -> None:
    rewards = extrinsic_rewards(torch.tensor([label]), hit=5.0, calm=1.0, false_alarm=2.0, miss=7.0)
    assert rewards.tolist() == [[normal, anomaly]]


@pytest.mark.parametrize(("kind", "difference"), [("action", 2.0), ("symmetric", 0.0), ("none", 0.0)])
def test_only_the_action_dependent_reward_tells_the_answers_apart(kind: str, difference: float, seed: int) -> None:
    errors = torch.randn(50, generator=torch.Generator().manual_seed(seed))
    rewards = intrinsic_rewards(errors, kind)  # type: ignore[arg-type]
    assert torch.equal(rewards[:, 1] - rewards[:, 0], difference * errors)
