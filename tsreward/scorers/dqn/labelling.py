"""Which windows to ask about first, which of them together, and what the answers say about their neighbours."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import missing_extra
from tsreward.scorers.dqn.environment import UNKNOWN


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
