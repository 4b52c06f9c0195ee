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


def isolation_scores(rows: Tensor, seed: int) -> Tensor:
    """Return the scores [N] of an isolation forest for rows [N, P], higher is more anomalous (Liu et al. 2008).

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
    """Return labels [N] that follow from the given ones, for `number` unlabelled windows of lowest entropy; else −1.

    This is label spreading (Zhou et al. 2004) over the 7 nearest neighbours of windows [N, K, D]. Unless both classes
    are among the labels [N], nothing is spread.

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
    probabilities = torch.from_numpy(np.nan_to_num(model.label_distributions_))
    entropy = torch.special.entr(probabilities).sum(1)
    entropy[(labels != UNKNOWN) | (probabilities.sum(1) < 0.5)] = torch.inf
    most_certain = entropy.argsort(stable=True)[:number]
    most_certain = most_certain[torch.isfinite(entropy[most_certain])]
    result[most_certain] = torch.from_numpy(model.classes_)[probabilities[most_certain].argmax(1)]
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
    """Fraction of the budget that is asked first."""
    first: Literal["errors", "forest"] = "errors"
    """What is asked first: the windows with the greatest errors, or those that an isolation forest scores highest."""
    rounds: int = 10
    """Times at which the rest is asked for, spread evenly over the episodes."""
    apart: int = 5
    """Least distance of the windows that are asked about at one time."""
    propagate: int = option(0, low=0)
    """Windows that are given a label by label spreading after every round; they need no question, and may be wrong."""
    spread_over: int = 2000
    """Unlabelled windows that take part in label spreading, sampled anew every time."""


def ask_first(errors: Tensor, pool: WindowSet, labels: Labels, options: ActiveOptions, seed: int) -> None:
    """Ask about the windows of the pool with the greatest errors [N], or scores of an isolation forest."""
    number = min(labels.left, round(options.warm_up * labels.budget))
    if number > 0:
        if options.first == "forest":
            errors = isolation_scores(pool.gather(torch.arange(len(pool))).flatten(1), seed)
        labels.ask(best_apart(errors, labels.true == UNKNOWN, number, options.apart))


def ask_best_and_closest(advantages: Tensor, labels: Labels, options: ActiveOptions, rounds_left: int) -> None:
    """Ask about windows [N]: half are the most anomalous to the agent, half those whose answers differ least to it.

    Anomalies are rare: the closest windows alone are hardly ever any, and labels of one class teach no border.
    """
    number = -(-labels.left // rounds_left)
    labels.ask(best_apart(advantages, labels.true == UNKNOWN, -(-number // 2), options.apart))
    labels.ask(best_apart(-advantages.abs(), labels.true == UNKNOWN, number // 2, options.apart))


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
    ask_first(learner.environment.errors[here].cpu(), pool, labels, options, learner.train.seed)
    for turn in range(rounds):
        if labels.left:
            ask_best_and_closest(learner.advantages(here).cpu(), labels, options, rounds - turn)
        if options.propagate:
            propagate(pool, labels, options, learner.train.seed, turn)
        tell(learner, labels)
        learner.play(episodes * (turn + 1) // rounds - episodes * turn // rounds)


def tell(learner: Learner, labels: Labels) -> None:
    """Give the learner what is known of the pool: the labels, and that anomalies and answers are to be met often."""
    known = labels.known.to(learner.summary.device)
    learner.environment.labels[-len(known) :] = known
    learner.groups[-len(known) :] = (known != UNKNOWN).long() + (known == ANOMALY).long()
