"""The game: cursors walk over windows and answer for each whether it is an anomaly."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tsreward.errors import ShapeError
from tsreward.scorers.dqn.options import DQNOptions
from tsreward.scorers.dqn.rewards import extrinsic_rewards, intrinsic_rewards
from tsreward.windows import WindowSet

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
