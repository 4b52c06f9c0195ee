"""The cursor, the flag, both successors, the end of an episode, and that two games share no reward."""

import pytest
import torch
from torch import Tensor

from tsreward.errors import ShapeError
from tsreward.scorers.dqn.environment import ANOMALY, NORMAL, UNKNOWN, Environment
from tsreward.scorers.dqn.options import DQNOptions
from tsreward.windows import WindowSet

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
    assert step.rewards.tolist() == [[-5, 5]]  # of the row that was judged, not of the one that follows


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
    torch.testing.assert_close(environment.rewards(torch.tensor([2, 3])), torch.tensor([[-7.0, 7.0], [-3.0, 3.0]]))


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
