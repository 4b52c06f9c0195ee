"""Targets, learned rewards, the replay memory, and the schedules of λ and ε."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tsreward.functional.seeding import seeded
from tsreward.scorers.dqn.environment import DQNOptions, Environment
from tsreward.scorers.dqn.learning import (
    LambdaController,
    Learner,
    QNetwork,
    Replay,
    Transitions,
    epsilon,
    next_values,
    targets,
)
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

TRAIN = TrainOptions(epochs=12)
OPTIONS = DQNOptions(hidden=8, learning_rate=0.01, walkers=16, steps=8, batch=64, lambda_start=1.0, lambda_rate=0.0)
CONTROL = DQNOptions(lambda_start=2.0, lambda_rate=0.1, lambda_target=1.0, lambda_min=0.5, lambda_max=4.0)


def learner(options: DQNOptions = OPTIONS, lengths: tuple[int, ...] = (40, 40), train: TrainOptions = TRAIN) -> Learner:
    """Return a learner in a world of random windows, of which those above 1 are anomalies and half have no label."""
    draw = torch.Generator().manual_seed(5)
    windows = WindowSet.from_episodes([torch.randn(length, 2, generator=draw) for length in lengths], window=3)
    number = len(windows)
    labels = (windows.store[:, 0] > 1).long()
    labels[torch.rand(number, generator=draw) < 0.5] = -1
    errors = torch.randn(number, 3, generator=draw)
    environment = Environment(windows, labels, errors.mean(1), options)
    with seeded(train.seed):
        network = QNetwork(2, options.hidden, summaries=1)
    groups = (labels >= 0).long() + (labels == 1).long()
    return Learner(network, environment, errors, errors.mean(1, keepdim=True), groups, train)


def everywhere(player: Learner) -> Tensor:
    return player.advantages(torch.arange(len(player.summary)))


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.9])
def test_nothing_follows_the_last_window(discount: float) -> None:
    rewards, values = torch.tensor([[1.0, -1.0], [5.0, -5.0]]), torch.full((2, 2), 100.0)
    wanted = targets(rewards, values, torch.tensor([False, True]), discount)
    assert torch.equal(wanted[0], rewards[0] + discount * 100)
    assert torch.equal(wanted[1], rewards[1])


def test_in_episodes_of_one_window_only_the_reward_is_learned() -> None:
    lengths = (3,) + (1,) * 60
    near, far = (
        learner(replace(OPTIONS, discount=discount), lengths, replace(TRAIN, epochs=4)) for discount in (0.0, 0.99)
    )
    for player in (near, far):
        player.environment.last[:] = True
        player.play(4)
    assert torch.equal(everywhere(near), everywhere(far))


def test_the_future_counts_where_there_is_one() -> None:
    near, far = (learner(replace(OPTIONS, discount=discount)) for discount in (0.0, 0.99))
    for player in (near, far):
        player.play(4)
    assert not torch.allclose(near.network.value.weight, far.network.value.weight, atol=1e-2)


def test_the_double_target_values_the_online_choice() -> None:
    draw = torch.Generator().manual_seed(2)
    target, online = torch.randn(30, 2, 2, generator=draw), torch.randn(30, 2, 2, generator=draw)
    plain, double = (next_values(target, online, double) for double in (False, True))
    assert torch.equal(plain, target.amax(-1))
    assert (double <= plain).all() and not torch.equal(double, plain)
    assert torch.equal(next_values(target, target, True), plain)


@pytest.mark.parametrize("double", [False, True])
def test_a_bonus_on_both_answers_teaches_no_other_answer(double: bool) -> None:
    options = replace(OPTIONS, discount=0.9, double=double)
    scores = {}
    for kind in ("none", "symmetric", "action"):
        player = learner(replace(options, intrinsic=kind))
        player.play(TRAIN.epochs)
        scores[kind] = everywhere(player)
    torch.testing.assert_close(scores["symmetric"], scores["none"], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(scores["action"], scores["none"], atol=0.5)


def test_the_advantage_becomes_the_difference_of_the_rewards() -> None:
    player = learner(replace(OPTIONS, discount=0.0, updates=60))
    player.play(TRAIN.epochs)
    rewards = player.environment.rewards(torch.arange(len(player.summary)))
    wanted = rewards[:, 1] - rewards[:, 0]
    assert float((everywhere(player) - wanted).square().mean() / wanted.var()) < 0.25


def test_epsilon_decays_while_it_plays() -> None:
    player = learner(replace(OPTIONS, updates=1, epsilon_end=0.02))
    player.play(5)
    player.play(TRAIN.epochs - 5)
    assert player.epsilons[0] == 1.0
    assert player.epsilons[-1] == pytest.approx(0.02)
    assert len(player.epsilons) == len(player.controller.returns) == TRAIN.epochs
    assert player.epsilons == sorted(player.epsilons, reverse=True)


def test_random_answers_become_greedy_ones() -> None:
    player = learner(replace(OPTIONS, updates=1, walkers=500, steps=1), lengths=(600,))
    with torch.no_grad():
        player.environment.lam = 0.0
        player.network.bias.fill_(1.0)  # always "anomaly"
    shares = []
    for share in (1.0, 0.2, 0.0):
        player._walk(share)
        shares.append(float(player.environment.flags.mean()))
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    assert shares[1] == pytest.approx(0.9, abs=0.05)
    assert shares[2] > 0.98  # a cursor at the end starts anew


def test_lambda_of_the_controller_reaches_the_game() -> None:
    player = learner(replace(OPTIONS, lambda_rate=0.5, lambda_min=0.0, lambda_max=5.0, updates=1))
    player.play(3)
    assert player.environment.lam == player.controller.lambdas[2] != player.controller.lambdas[0]


def test_rare_kinds_are_met_often() -> None:
    player = learner()
    player.groups = torch.cat([torch.zeros(1000), torch.ones(10), torch.full((1,), 2.0)]).long()
    drawn = player.groups[player._drawn(5000)].bincount() / 5000
    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.25, 0.25]), atol=0.02, rtol=0)


def test_the_same_seed_plays_the_same_game() -> None:
    first, second = learner(), learner()
    for player in (first, second):
        player.play(3)
    assert torch.equal(everywhere(first), everywhere(second))


@pytest.mark.parametrize(("reward", "expected"), [(0.0, 2.1), (1.0, 2.0), (3.0, 1.8), (1e6, 0.5), (-1e6, 4.0)])
def test_one_step_towards_the_target(reward: float, expected: float) -> None:
    controller = LambdaController(CONTROL)
    controller.update(reward)
    assert controller.value == pytest.approx(expected)


@pytest.mark.parametrize(("reward", "end"), [(-1.0, 4.0), (2.0, 0.5)])
def test_it_moves_on_until_it_is_clipped(reward: float, end: float) -> None:
    controller = LambdaController(CONTROL)
    for _ in range(100):
        controller.update(reward)
    assert controller.value == end
    assert controller.returns == [reward] * 100
    assert len(controller.lambdas) == 101
    steps = [after - before for before, after in pairwise(controller.lambdas)]
    assert all(step >= 0 for step in steps) if reward < 1 else all(step <= 0 for step in steps)


def test_it_settles_where_the_reward_meets_the_target() -> None:
    controller = LambdaController(CONTROL)
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
