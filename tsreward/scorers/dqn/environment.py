"""The labelling task as an environment: states, actions, rewards, and which windows have labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.scorers.dqn.options import DQNOptions
from tsreward.sequences.windows import WindowSet


def extrinsic_rewards(labels: Tensor, hit: float, calm: float, false_alarm: float, miss: float) -> Tensor:
    """Return what both answers earn [B, 2] by labels [B]: 1 anomalous, 0 normal, −1 not known, which pays nothing.

    >>> extrinsic_rewards(torch.tensor([1, 0, -1]), hit=5, calm=1, false_alarm=1, miss=5).tolist()
    [[-5.0, 5.0], [1.0, -1.0], [0.0, 0.0]]
    """
    table = torch.tensor([[calm, -false_alarm], [-miss, hit], [0.0, 0.0]], device=labels.device)
    return table[labels]  # −1 is the last row


def intrinsic_rewards(errors: Tensor, kind: Literal["action", "symmetric", "none"]) -> Tensor:
    """Return what the reconstruction errors [B] add to the rewards [B, 2], before λ.

    Only `action` can change which answer is better: a bonus on both cancels in every comparison.

    >>> intrinsic_rewards(torch.tensor([2.0]), "action").tolist()
    [[-2.0, 2.0]]
    >>> intrinsic_rewards(torch.tensor([2.0]), "symmetric").tolist()
    [[2.0, 2.0]]
    """
    signs = {"action": (-1.0, 1.0), "symmetric": (1.0, 1.0), "none": (0.0, 0.0)}[kind]
    return errors[:, None] * torch.tensor(signs, device=errors.device)


NORMAL, ANOMALY, UNKNOWN = 0, 1, -1


class Step(NamedTuple):
    """What follows from one answer per cursor."""

    successors: Tensor
    """Both next states [E, 2, K, D + 1]: the first if the answer was "normal", the second if it was "anomaly"."""
    rewards: Tensor
    """What either answer pays [E, 2]."""
    done: Tensor
    """The window was the last of its episode [E]; its successors mean nothing."""


class Environment:
    """Windows, what is known of them, and one cursor each for E walks.

    A state is a window with one more channel, the flag: 0 everywhere, but the last step holds the previous answer.
    Labels and errors are copied, so two environments never share a reward; only the windows themselves are shared.

    Raises:
        ShapeError: not one label and one error per window.

    >>> windows = WindowSet.from_episodes([torch.arange(3.0)[:, None]], window=2)
    >>> game = Environment(windows, labels=torch.tensor([0, 1, -1]), errors=torch.zeros(3))
    >>> game.start(torch.tensor([1]))
    >>> step = game.step(torch.tensor([ANOMALY]))
    >>> step.rewards.tolist(), step.done.tolist(), game.states()[0].tolist()
    ([[-5.0, 5.0]], [False], [[1.0, 0.0], [2.0, 1.0]])
    """

    def __init__(
        self,
        windows: WindowSet,
        labels: Tensor,
        errors: Tensor,
        options: DQNOptions = DQNOptions(),  # noqa: B008 - frozen
        lam: float = 0.0,
    ) -> None:
        if labels.shape != (len(windows),) or errors.shape != (len(windows),):
            raise ShapeError(
                f"Environment expects labels and errors [{len(windows)}], got {list(labels.shape)} and "
                f"{list(errors.shape)}."
            )
        self.windows, self.options, self.lam = windows, options, lam
        self.labels, self.errors = labels.clone(), errors.clone()
        self.positions = torch.zeros(0, dtype=torch.long, device=labels.device)
        self.flags = torch.zeros(0, device=labels.device)
        # The cursor goes to the next window of the set, and an episode ends where another one begins.
        self.last = torch.cat([windows.first[1:] != windows.first[:-1], windows.first.new_ones(1, dtype=torch.bool)])

    def start(self, positions: Tensor, where: Tensor | None = None) -> None:
        """Put the cursors [E] at these windows, only those where `where` [E] is true; no answer has been given yet."""
        if where is None:
            self.positions, self.flags = positions.clone(), torch.zeros(len(positions), device=positions.device)
        else:
            self.positions = torch.where(where, positions, self.positions)
            self.flags = torch.where(where, 0.0, self.flags)

    def step(self, actions: Tensor) -> Step:
        """Answer 0 (normal) or 1 (anomaly) for every cursor's window, and move on; the last window is not left."""
        rewards, done = self.rewards(self.positions), self.last[self.positions]
        self.positions = torch.where(done, self.positions, self.positions + 1)
        self.flags = actions.to(self.flags.dtype)
        windows = self.windows.gather(self.positions)
        both = [with_flag(windows, torch.full_like(self.flags, answer)) for answer in (NORMAL, ANOMALY)]
        return Step(torch.stack(both, 1), rewards, done)

    def states(self) -> Tensor:
        """Return the states [E, K, D + 1] that the cursors are in."""
        return with_flag(self.windows.gather(self.positions), self.flags)

    def rewards(self, positions: Tensor) -> Tensor:
        """Return what either answer pays [B, 2] at these windows, by what is known now."""
        options = self.options
        known = extrinsic_rewards(self.labels[positions], options.hit, options.calm, options.false_alarm, options.miss)
        return known + self.lam * intrinsic_rewards(self.errors[positions], options.intrinsic)


def with_flag(windows: Tensor, flags: Tensor) -> Tensor:
    """Return windows [B, K, D] with the channel of the previous answers [B], as states [B, K, D + 1].

    >>> with_flag(torch.tensor([[[5.0], [6.0]]]), torch.tensor([1.0])).tolist()
    [[[5.0, 0.0], [6.0, 1.0]]]
    """
    channel = torch.zeros_like(windows[..., :1])
    channel[:, -1, 0] = flags
    return torch.cat([windows, channel], -1)


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
