"""Active learning: play, ask about the windows the agent is least sure of, spread what is known, play on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.functional.windows import flat_steps
from tsreward.scorers.dqn.environment import ANOMALY, UNKNOWN
from tsreward.scorers.dqn.labelling import best_apart, isolation_strangeness, spread_labels
from tsreward.scorers.dqn.labels import Labels
from tsreward.scorers.dqn.learning import Learner
from tsreward.seeding import generator
from tsreward.windows import WindowSet


@dataclass(frozen=True)
class ActiveOptions:
    """How labels are asked for.

    >>> ActiveOptions(budget=0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: ActiveOptions.budget must be at least 1, got 0.
    """

    budget: int = 100
    """Windows that may be asked about."""
    warm_up: float = 0.3
    """Share of the budget that goes to the windows that an isolation forest finds strangest, before anything else."""
    forest: Literal["last", "window"] = "window"
    """What the forest looks at: the last step of a window, where single rows are strange, or all its steps."""
    rounds: int = 10
    """Times at which the rest is asked for, spread evenly over the episodes."""
    apart: int = 5
    """Least distance of the windows that are asked about at one time."""
    propagate: int = 100
    """Windows that are given a label by label spreading after every round; they cost nothing and are not certain."""
    spread_over: int = 2000
    """Unlabelled windows that take part in label spreading, drawn anew every time."""

    def __post_init__(self) -> None:
        for name, least in (("budget", 1), ("rounds", 1), ("apart", 1), ("propagate", 0), ("spread_over", 1)):
            if getattr(self, name) < least:
                raise OptionError(f"ActiveOptions.{name} must be at least {least}, got {getattr(self, name)}.")
        if self.forest not in ("last", "window"):
            raise OptionError(f"ActiveOptions.forest must be 'last' or 'window', got {self.forest!r}.")
        if not 0 <= self.warm_up <= 1:
            raise OptionError(f"ActiveOptions.warm_up is a share between 0 and 1, got {self.warm_up}.")


def ask_strangest(pool: WindowSet, labels: Labels, options: ActiveOptions, seed: int) -> None:
    """Ask about the strangest windows of the pool."""
    number = min(labels.left, round(options.warm_up * labels.budget))
    if number > 0:
        rows = flat_steps(pool.gather(torch.arange(len(pool))), options.forest)
        strangeness = isolation_strangeness(rows, seed)
        labels.ask(best_apart(strangeness, labels.true == UNKNOWN, number, options.apart))


def ask_closest(advantages: Tensor, labels: Labels, options: ActiveOptions, rounds_left: int) -> None:
    """Ask about the windows [N] between whose two answers the agent finds the least difference."""
    number = -(-labels.left // rounds_left)
    labels.ask(best_apart(-advantages.abs(), labels.true == UNKNOWN, number, options.apart))


def propagate(pool: WindowSet, labels: Labels, options: ActiveOptions, *seeds: int) -> None:
    """Replace the propagated labels by what the true ones say now."""
    order = torch.randperm(len(pool), generator=generator(*seeds))
    unknown = order[labels.true[order] == UNKNOWN][: options.spread_over]
    rows = torch.cat([(labels.true != UNKNOWN).nonzero()[:, 0], unknown])
    labels.propagated.fill_(UNKNOWN)
    labels.propagated[rows] = spread_labels(pool.gather(rows), labels.true[rows], options.propagate)


def play_and_ask(learner: Learner, pool: WindowSet, labels: Labels, options: ActiveOptions) -> None:
    """Play all episodes, asking in between; the pool's windows are the last ones of the learner's environment."""
    episodes, number = learner.train.epochs, len(learner.summary)
    here = torch.arange(number - len(pool), number, device=learner.summary.device)
    rounds = min(options.rounds, episodes)
    ask_strangest(pool, labels, options, learner.train.seed)
    for turn in range(rounds):
        if labels.left:
            ask_closest(learner.advantages(here).cpu(), labels, options, rounds - turn)
        if options.propagate:
            propagate(pool, labels, options, learner.train.seed, turn)
        tell(learner, labels)
        learner.play(episodes * (turn + 1) // rounds - episodes * turn // rounds)


def tell(learner: Learner, labels: Labels) -> None:
    """Give the learner what is known of the pool: the labels, and that anomalies and answers are to be met often."""
    known = labels.known.to(learner.summary.device)
    learner.environment.labels[-len(known) :] = known
    learner.groups[-len(known) :] = (known != UNKNOWN).long() + (known == ANOMALY).long()
