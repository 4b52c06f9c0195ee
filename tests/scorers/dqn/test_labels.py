"""A budget that is kept, questions that are asked once and inside the pool, and guesses kept apart from answers."""

from typing import Any

import numpy as np
import pytest
import torch

from tsreward.errors import DataError, OptionError
from tsreward.scorers.dqn.labels import Labels


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
