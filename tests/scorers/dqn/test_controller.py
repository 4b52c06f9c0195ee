"""λ follows the target in both directions and stays within its bounds; ε decays to its end."""

from itertools import pairwise

import pytest
import torch

from tsreward.scorers.dqn.environment import DQNOptions
from tsreward.scorers.dqn.learning import LambdaController, Replay, Transitions, epsilon

OPTIONS = DQNOptions(lambda_start=2.0, lambda_rate=0.1, lambda_target=1.0, lambda_min=0.5, lambda_max=4.0)


@pytest.mark.parametrize(("reward", "expected"), [(0.0, 2.1), (1.0, 2.0), (3.0, 1.8), (1e6, 0.5), (-1e6, 4.0)])
def test_one_step_towards_the_target(reward: float, expected: float) -> None:
    controller = LambdaController(OPTIONS)
    controller.update(reward)
    assert controller.value == pytest.approx(expected)


@pytest.mark.parametrize(("reward", "end"), [(-1.0, 4.0), (2.0, 0.5)])
def test_it_moves_on_until_it_is_clipped(reward: float, end: float) -> None:
    controller = LambdaController(OPTIONS)
    for _ in range(100):
        controller.update(reward)
    assert controller.value == end
    assert controller.returns == [reward] * 100
    assert len(controller.lambdas) == 101
    steps = [after - before for before, after in pairwise(controller.lambdas)]
    assert all(step >= 0 for step in steps) if reward < 1 else all(step <= 0 for step in steps)


def test_it_settles_where_the_reward_meets_the_target() -> None:
    controller = LambdaController(OPTIONS)
    for _ in range(200):
        controller.update(controller.value / 3)  # a reward that grows with λ
    assert controller.value == pytest.approx(3.0, abs=1e-2)


@pytest.mark.parametrize("episodes", [1, 2, 7, 30])
def test_epsilon_falls_to_its_end_and_stays_there(episodes: int) -> None:
    options = DQNOptions(epsilon_start=0.9, epsilon_end=0.1, epsilon_fraction=0.5)
    values = [epsilon(episode, episodes, options) for episode in range(episodes)]
    assert values[0] == 0.9
    assert all(after <= before for before, after in pairwise(values))
    if episodes > 1:
        assert values[(episodes - 1) // 2 + 1 :] == pytest.approx([0.1] * (episodes - 1 - (episodes - 1) // 2))


def some(*positions: int) -> Transitions:
    rows = torch.tensor(positions)
    return Transitions(rows, rows / 10, rows % 2 == 0)


@pytest.mark.parametrize("parts", [[(1, 2)], [(1, 2, 3), (4, 5, 6)], [tuple(range(23))], [(1,)] * 30])
def test_it_keeps_the_latest(parts: list[tuple[int, ...]]) -> None:
    replay = Replay(5)
    for part in parts:
        replay.add(some(*part))
    added = [position for part in parts for position in part]
    kept = replay.all()
    assert sorted(kept.positions.tolist()) == sorted(added[-5:])
    torch.testing.assert_close(kept.flags, kept.positions / 10)
    assert torch.equal(kept.done, kept.positions % 2 == 0)
    assert replay.filled == min(5, len(added))
