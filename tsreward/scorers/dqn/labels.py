"""Labels that cost something: what was asked and answered, and what was only inferred from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError
from tsreward.scorers.dqn.environment import ANOMALY, NORMAL, UNKNOWN

Oracle = Callable[[np.ndarray], np.ndarray]
"""Positions [n] of windows in the pool -> their labels [n], 0 or 1."""


class Labels:
    """What is known of the N windows of a pool; every window is asked about once at most, `budget` of them in all.

    >>> labels = Labels(4, budget=2, oracle=lambda positions: positions % 2)
    >>> labels.ask(torch.tensor([1, 2]))
    >>> labels.true.tolist(), labels.left
    ([-1, 1, 0, -1], 0)
    >>> labels.ask(torch.tensor([3]))
    Traceback (most recent call last):
    tsreward.errors.OptionError: Labels has 0 of 2 questions left, got 1: raise the budget.
    """

    def __init__(self, number: int, budget: int, oracle: Oracle) -> None:
        self.budget, self._oracle = budget, oracle
        self.true = torch.full((number,), UNKNOWN)
        """The oracle's answers [N]; −1 where it was not asked."""
        self.propagated = torch.full((number,), UNKNOWN)
        """What was inferred [N] for windows that were not asked about; −1 elsewhere. Never mixed with `true`."""
        self.asked: list[int] = []
        """Positions in the order in which they were asked about."""

    @property
    def left(self) -> int:
        """Questions that may still be asked."""
        return self.budget - len(self.asked)

    @property
    def known(self) -> Tensor:
        """The true labels [N] and, where there are none, the propagated ones."""
        return torch.where(self.true == UNKNOWN, self.propagated, self.true)

    def ask(self, positions: Tensor) -> None:
        """Ask the oracle about windows that it was not asked about before.

        Raises:
            OptionError: more than the budget allows.
            DataError: a position outside the pool or asked about already, or an answer that is neither 0 nor 1.
        """
        if len(positions) > self.left:
            raise OptionError(
                f"Labels has {self.left} of {self.budget} questions left, got {len(positions)}: raise the budget."
            )
        wanted = positions.tolist()
        if not wanted:
            return
        if len({*wanted, *self.asked}) < len(wanted) + len(self.asked):
            raise DataError("Labels was asked about a window twice: ask about each once.")
        if not 0 <= min(wanted) <= max(wanted) < len(self.true):
            raise DataError(f"Labels knows windows 0 to {len(self.true) - 1}, got {min(wanted)} to {max(wanted)}.")
        answers = torch.as_tensor(np.asarray(self._oracle(positions.numpy())))
        if answers.shape != positions.shape or not torch.isin(answers, torch.tensor([NORMAL, ANOMALY])).all():
            raise DataError(
                f"An oracle answers {len(wanted)} questions with as many 0s and 1s, got {answers.tolist()}."
            )
        self.true[positions] = answers.long()
        self.propagated[positions] = UNKNOWN
        self.asked += wanted
