"""The cursor, the flag, both successors, the end of an episode, and that two games share no reward."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.scorers.dqn.environment import (
    ANOMALY,
    NORMAL,
    UNKNOWN,
    DQNOptions,
    Environment,
    Labels,
    extrinsic_rewards,
    intrinsic_rewards,
)
from tsreward.sequences.windows import WindowSet

WINDOWS = WindowSet.from_episodes([torch.arange(5.0)[:, None], 10 + torch.arange(3.0)[:, None]], window=3)
LABELS = torch.tensor([NORMAL, NORMAL, ANOMALY, UNKNOWN, NORMAL, NORMAL, ANOMALY, NORMAL])


def game(labels: Tensor = LABELS, **options: float) -> Environment:
    return Environment(WINDOWS, labels, torch.linspace(0, 0.7, 8), DQNOptions(**options))


def test_a_state_is_the_window_that_ends_at_the_judged_row_and_the_previous_answer() -> None:
    environment = game()
    environment.start(torch.tensor([2, 5]))
    assert environment.states()[..., 0].tolist() == [[0, 1, 2], [10, 10, 10]]
    assert environment.states()[..., 1].tolist() == [[0, 0, 0], [0, 0, 0]]
    environment.step(torch.tensor([ANOMALY, NORMAL]))
    assert environment.states()[..., 0].tolist() == [[1, 2, 3], [10, 10, 11]]
    assert environment.states()[..., 1].tolist() == [[0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("action", [NORMAL, ANOMALY])
def test_both_successors_and_both_rewards_come_back_whatever_was_answered(action: int) -> None:
    environment = game()
    environment.start(torch.tensor([2]))
    step = environment.step(torch.tensor([action]))
    assert step.successors[0, :, -1].tolist() == [[3, 0], [3, 1]]
    assert torch.equal(step.successors[:, action], environment.states())
    assert step.rewards.tolist() == [[-2.5, 2.5]]  # of the row that was judged, not of the one that follows


def test_the_last_window_of_an_episode_is_done_and_not_left() -> None:
    environment = game()
    environment.start(torch.tensor([3, 4, 6, 7]))
    done = environment.step(torch.zeros(4, dtype=torch.long)).done
    assert done.tolist() == [False, True, False, True]
    assert environment.positions.tolist() == [4, 4, 7, 7]


def test_the_cursor_jumps_over_windows_that_are_not_in_the_set() -> None:
    few = WINDOWS.where(LABELS == NORMAL)
    environment = Environment(few, torch.zeros(len(few), dtype=torch.long), torch.zeros(len(few)))
    environment.start(torch.tensor([1]))
    assert float(environment.step(torch.tensor([0])).successors[0, 0, -1, 0]) == 4


def test_only_the_cursors_that_are_asked_to_start_do() -> None:
    environment = game()
    environment.start(torch.tensor([0, 1]))
    environment.step(torch.tensor([ANOMALY, ANOMALY]))
    environment.start(torch.tensor([6, 6]), where=torch.tensor([True, False]))
    assert environment.positions.tolist() == [6, 2]
    assert environment.flags.tolist() == [0, 1]


def test_lambda_weighs_the_intrinsic_reward_and_unlabelled_windows_earn_nothing_else() -> None:
    environment = game()
    assert environment.rewards(torch.tensor([3])).tolist() == [[0, 0]]
    environment.lam = 10.0
    torch.testing.assert_close(environment.rewards(torch.tensor([2, 3])), torch.tensor([[-4.5, 4.5], [-3.0, 3.0]]))
    torch.testing.assert_close(environment.prior(torch.tensor([2, 3])), torch.tensor([4.0, 6.0]))


@pytest.mark.parametrize(("kind", "changes"), [("action", True), ("symmetric", False)])
def test_a_bonus_on_both_answers_cannot_change_the_better_one(kind: str, changes: bool) -> None:
    environment = Environment(WINDOWS, LABELS, torch.full((8,), 2.0), DQNOptions(intrinsic=kind))  # type: ignore[arg-type]
    everywhere = torch.arange(8)
    before = environment.rewards(everywhere)
    environment.lam = 100.0
    after = environment.rewards(everywhere)
    assert not torch.equal(before, after)
    assert torch.equal(after.argmax(1), before.argmax(1)) is not changes


def test_an_evaluation_shares_nothing_with_training() -> None:
    labels, errors = LABELS.clone(), torch.ones(8)
    training, evaluation = (Environment(WINDOWS, labels, errors) for _ in range(2))
    expected = evaluation.rewards(torch.arange(8)).clone()
    training.start(torch.tensor([1]))
    evaluation.start(torch.tensor([6]))
    training.lam, training.labels[:], training.errors[:] = 50.0, ANOMALY, 9.0
    labels[:], errors[:] = UNKNOWN, 0.0
    training.step(torch.tensor([ANOMALY]))
    assert torch.equal(evaluation.rewards(torch.arange(8)), expected)
    assert (evaluation.lam, evaluation.positions.tolist(), evaluation.flags.tolist()) == (0.0, [6], [0.0])


def test_another_number_of_labels_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"Environment expects labels and errors \[8\], got \[7\] and \[8\]"):
        game(LABELS[1:])


def parity(positions: np.ndarray) -> np.ndarray:
    return positions % 2


def test_every_question_counts_and_none_is_asked_beyond_the_budget() -> None:
    labels = Labels(10, budget=4, oracle=parity)
    labels.ask(torch.tensor([7, 2]))
    labels.ask(torch.tensor([3]))
    assert (labels.asked, labels.left) == ([7, 2, 3], 1)
    with pytest.raises(OptionError, match="Labels has 1 of 4 questions left, got 2: raise the budget"):
        labels.ask(torch.tensor([0, 1]))
    assert (labels.asked, labels.left) == ([7, 2, 3], 1)
    assert labels.true.tolist() == [-1, -1, 0, 1, -1, -1, -1, 1, -1, -1]


@pytest.mark.parametrize(
    ("positions", "message"),
    [([10], "windows 0 to 9, got 10"), ([-1], "got -1 to -1"), ([3], "twice"), ([5, 5], "twice")],
)
def test_no_window_is_asked_about_twice_or_from_outside(positions: list[int], message: str) -> None:
    labels = Labels(10, budget=9, oracle=parity)
    labels.ask(torch.tensor([3]))
    with pytest.raises(DataError, match=message):
        labels.ask(torch.tensor(positions))
    assert labels.asked == [3]


@pytest.mark.parametrize("answer", [[2], [-1], [0, 1], [[1]], [np.nan]])
def test_an_oracle_answers_with_zeros_and_ones(answer: Any) -> None:
    labels = Labels(4, budget=4, oracle=lambda positions: np.array(answer))
    with pytest.raises(DataError, match="An oracle answers 1 questions with as many 0s and 1s"):
        labels.ask(torch.tensor([2]))
    assert labels.left == 4


def test_an_answer_takes_the_place_of_a_guess() -> None:
    labels = Labels(4, budget=4, oracle=parity)
    labels.propagated[:] = torch.tensor([1, 0, -1, 0])
    labels.ask(torch.tensor([1]))
    assert labels.known.tolist() == [1, 1, -1, 0]
    assert labels.true.tolist() == [-1, 1, -1, -1]
    assert labels.propagated.tolist() == [1, -1, -1, 0]


def test_no_question_is_none() -> None:
    labels = Labels(4, budget=1, oracle=lambda positions: 1 / 0)
    labels.ask(torch.tensor([], dtype=torch.long))
    assert labels.left == 1


@pytest.mark.parametrize(
    ("label", "normal", "anomaly"),
    [(1, -7.0, 5.0), (0, 1.0, -2.0), (-1, 0.0, 0.0)],
)
def test_every_cell_of_the_confusion_matrix(label: int, normal: float, anomaly: float) -> None:
    rewards = extrinsic_rewards(torch.tensor([label]), 5.0, 1.0, 2.0, 7.0)
    assert rewards.tolist() == [[normal, anomaly]]


@pytest.mark.parametrize(("kind", "difference"), [("action", 2.0), ("symmetric", 0.0), ("none", 0.0)])
def test_only_the_action_dependent_reward_tells_the_answers_apart(kind: str, difference: float, seed: int) -> None:
    errors = torch.randn(50, generator=torch.Generator().manual_seed(seed))
    rewards = intrinsic_rewards(errors, kind)  # type: ignore[arg-type]
    assert torch.equal(rewards[:, 1] - rewards[:, 0], difference * errors)
