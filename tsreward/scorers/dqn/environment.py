"""The labelling task as an environment: its options, states, actions, rewards, and which windows have labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.options import Range, option
from tsreward.scorers.base import ScorerOptions
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class DQNOptions(ScorerOptions):
    """Options of `DQN`: its networks, the game it plays, and how it learns to play.

    >>> DQNOptions(discount=1.0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: DQNOptions.discount must be a number in [0, 1), got 1.0.
    """

    hidden: int = 32
    """Width of the Q-network's LSTM."""
    decay: float = 0.01
    """Weight decay of the Q-network, which sees few labels; TrainOptions.weight_decay is the autoencoder's."""
    learning_rate: float = option(3e-4, above=0)
    """Learning rate of the Q-network; TrainOptions.learning_rate is the autoencoder's. With a higher one few labels are
    learned by heart."""
    error_learning_rate: float = option(0.01, above=0)
    """Learning rate of the few weights of the Q-network with which labels choose among the errors."""
    vae_hidden: int = 64
    vae_latent: int = 8
    vae_beta: float = 0.1
    """Weight of the autoencoder's divergence: see `LSTMVAEOptions.beta`."""
    error: Literal["window", "last"] = "window"
    """The reconstruction error that is rewarded, beside that of a linear forecast of the last step: the mean over the
    window, for anomalies that last, or that of the window's last step, for single rows."""

    true_positive: float = 2.5
    """Reward of answering "anomaly" to an anomaly."""
    true_negative: float = 1.0
    """Reward of answering "normal" to a normal window."""
    false_positive: float = 1.0
    """Cost of answering "anomaly" to a normal window."""
    false_negative: float = 2.5
    """Cost of answering "normal" to an anomaly."""

    intrinsic: Literal["action", "symmetric", "none"] = "action"
    """action: λ · error is added to the reward of "anomaly" and subtracted from that of "normal". symmetric: it is
    added to both."""
    lambda_start: float = option(0.5, search=Range(0.2, 1.0))
    lambda_rate: float = option(0.1, search=Range(0.01, 1.0, log=True))
    """Change of λ per unit of reward that an episode's mean reward per step lies below `lambda_target`."""
    lambda_target: float = option(1.0, search=Range(0.0, 5.0))
    """Mean reward per step that λ is steered to. A higher target gives the errors more weight beside the labels."""
    lambda_min: float = option(0.2, search=Range(0.05, 0.5, log=True))
    lambda_max: float = 1.0

    discount: float = option(0.5, below=1)
    """γ. An answer does not change what comes next, so a small one loses nothing and keeps the targets' noise low."""
    double: bool = True
    """Choose the next answer with the online network and value it with the target network."""
    walkers: int = 64
    """Cursors that walk over the windows side by side."""
    steps: int = 16
    """Steps of every cursor in an episode; TrainOptions.epochs is the number of episodes."""
    updates: int = 20
    """Gradient steps per episode."""
    batch: int = 128
    labelled_fraction: float = option(0.5, below=1)
    """Fraction of the starts of walks and of the batches that goes to labelled windows of a pool, or negative ones."""
    target_every: int = 10
    """Updates between two copies of the online network into the target network."""
    replay: int = 20_000
    """Transitions that are remembered; the oldest make room."""
    epsilon_start: float = option(1.0, high=1)
    epsilon_end: float = option(0.05, high=1)
    epsilon_fraction: float = option(0.5, high=1)
    """Fraction of the episodes after which ε has reached its end."""

    def check(self) -> None:
        if not self.lambda_min <= self.lambda_start <= self.lambda_max:
            self.refuse("lambda_start", f"between lambda_min={self.lambda_min} and lambda_max={self.lambda_max}")


def extrinsic_rewards(
    labels: Tensor, true_positive: float, true_negative: float, false_positive: float, false_negative: float
) -> Tensor:
    """Return the rewards [B, 2] of answering "normal" and "anomaly", by labels [B].

    Args:
        labels: 1 anomalous, 0 normal, −1 unknown, for which both answers earn 0.
        true_positive: reward of "anomaly" where that is right.
        true_negative: reward of "normal" where that is right.
        false_positive: cost of "anomaly" where that is wrong.
        false_negative: cost of "normal" where that is wrong.

    >>> extrinsic_rewards(torch.tensor([1, 0, -1]), 5, 1, 1, 5).tolist()
    [[-5.0, 5.0], [1.0, -1.0], [0.0, 0.0]]
    """
    table = torch.tensor(
        [[true_negative, -false_positive], [-false_negative, true_positive], [0.0, 0.0]], device=labels.device
    )
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
    """Rewards [E, 2] of both answers."""
    done: Tensor
    """The window was the last of its episode [E]; its successors mean nothing."""


class Environment:
    """Windows, their labels and reconstruction errors, and the cursors of E walks over them.

    A state is a window with one more channel, the flag: 0 everywhere, but the last step holds the previous answer.
    Labels and errors are copied, so two environments never share a reward; only the windows themselves are shared.

    Args:
        windows: the N windows [N, K, D], standardised.
        labels: 1 anomalous, 0 normal, −1 unknown [N].
        errors: reconstruction errors [N], float32.
        options: the rewards.
        lam: λ, the weight of the errors in the rewards.

    Raises:
        ShapeError: not one label and one error per window.

    >>> windows = WindowSet.from_episodes([torch.arange(3.0)[:, None]], window=2)
    >>> game = Environment(windows, labels=torch.tensor([0, 1, -1]), errors=torch.zeros(3))
    >>> game.start(torch.tensor([1]))
    >>> step = game.step(torch.tensor([ANOMALY]))
    >>> step.rewards.tolist(), step.done.tolist(), game.states()[0].tolist()
    ([[-2.5, 2.5]], [False], [[1.0, 0.0], [2.0, 1.0]])
    """

    def __init__(
        self,
        windows: WindowSet,
        labels: Tensor,
        errors: Tensor,
        options: DQNOptions = DQNOptions(),
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
        """Return the rewards [B, 2] of both answers at these windows, by the labels that are known now."""
        options = self.options
        known = extrinsic_rewards(
            self.labels[positions],
            options.true_positive,
            options.true_negative,
            options.false_positive,
            options.false_negative,
        )
        return known + self.lam * intrinsic_rewards(self.errors[positions], options.intrinsic)

    def prior(self, positions: Tensor) -> Tensor:
        """Return how much more [B] the intrinsic reward pays for "anomaly" than for "normal" at these windows."""
        return self.prior_weight * self.errors[positions]

    @property
    def prior_weight(self) -> float:
        """The same for an error of 1."""
        paid = intrinsic_rewards(torch.ones(1), self.options.intrinsic)[0]
        return self.lam * float(paid[ANOMALY] - paid[NORMAL])


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
