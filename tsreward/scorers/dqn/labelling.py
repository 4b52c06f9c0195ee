"""Active learning: which windows to ask labels for, and how labels spread."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import missing_extra
from tsreward.functional.seeding import generator
from tsreward.functional.windows import flat_steps
from tsreward.options import Options, option
from tsreward.scorers.dqn.environment import ANOMALY, UNKNOWN, Labels
from tsreward.scorers.dqn.learning import Learner
from tsreward.sequences.windows import WindowSet


def best_apart(preference: Tensor, allowed: Tensor, number: int, apart: int) -> Tensor:
    """Return up to `number` allowed positions of greatest preference [N], any two at least `apart` from each other.

    Neighbouring windows share most of their rows: labels of both would say little more than one of them. Where not
    enough positions are that far apart, fewer are returned.

    >>> best_apart(torch.tensor([3.0, 9.0, 8.0, 1.0, 5.0]), torch.tensor([True] * 5), number=2, apart=2).tolist()
    [1, 4]
    """
    chosen: list[int] = []
    blocked = ~allowed.numpy()
    for position in preference.argsort(descending=True, stable=True).tolist():
        if len(chosen) == number:
            break
        if not blocked[position]:
            chosen.append(position)
            blocked[max(0, position - apart + 1) : position + apart] = True
    return torch.tensor(chosen, dtype=torch.long)


def isolation_strangeness(rows: Tensor, seed: int) -> Tensor:
    """Return how easily each of the rows [N, P] is isolated by random cuts, higher is stranger (Liu et al. 2008).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError as error:
        raise missing_extra("scikit-learn", "logs") from error
    forest = IsolationForest(random_state=seed % 2**32)
    return torch.from_numpy(-forest.fit(rows.numpy()).score_samples(rows.numpy())).float()


def spread_labels(windows: Tensor, labels: Tensor, number: int) -> Tensor:
    """Return labels [N] for the `number` windows [N, K, D] without one that a neighbour graph is surest about; else −1.

    Label spreading (Zhou et al. 2004) over the 7 nearest neighbours; surest is the lowest entropy. Both classes must
    be among the labels, or nothing is spread.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.semi_supervised import LabelSpreading
    except ImportError as error:
        raise missing_extra("scikit-learn", "logs") from error
    result = torch.full_like(labels, UNKNOWN)
    if number == 0 or len(labels[labels != UNKNOWN].unique()) < 2:
        return result
    model = LabelSpreading(kernel="knn", n_neighbors=min(7, len(labels) - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)  # a window no label reaches
        model.fit(windows.flatten(1).numpy(), labels.numpy())
    shares = torch.from_numpy(np.nan_to_num(model.label_distributions_))
    entropy = torch.special.entr(shares).sum(1)
    entropy[(labels != UNKNOWN) | (shares.sum(1) < 0.5)] = torch.inf
    surest = entropy.argsort(stable=True)[:number]
    surest = surest[torch.isfinite(entropy[surest])]
    result[surest] = torch.from_numpy(model.classes_)[shares[surest].argmax(1)]
    return result


@dataclass(frozen=True)
class ActiveOptions(Options):
    """How labels are asked for.

    >>> ActiveOptions(budget=0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: ActiveOptions.budget must be an integer >= 1, got 0.
    """

    budget: int = 100
    """Windows that may be asked about."""
    warm_up: float = option(0.3, high=1)
    """Share of the budget that goes to the windows that an isolation forest finds strangest, before anything else."""
    forest: Literal["last", "window"] = "window"
    """What the forest looks at: the last step of a window, where single rows are strange, or all its steps."""
    rounds: int = 10
    """Times at which the rest is asked for, spread evenly over the episodes."""
    apart: int = 5
    """Least distance of the windows that are asked about at one time."""
    propagate: int = option(100, low=0)
    """Windows that are given a label by label spreading after every round; they cost nothing and are not certain."""
    spread_over: int = 2000
    """Unlabelled windows that take part in label spreading, drawn anew every time."""


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
