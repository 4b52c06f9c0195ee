"""`check_scorer`: whether a scorer keeps the contract that models, wrappers and files rely on."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tsreward.scorers.base import Scorer
from tsreward.testing.report import CheckReport, Promise, try_all
from tsreward.testing.scorer_case import ScorerCase
from tsreward.testing.scorer_learning import LEARNING
from tsreward.testing.scorer_refusals import REFUSALS
from tsreward.testing.scorer_scores import SCORES

SCORER_PROMISES: tuple[Promise, ...] = (*SCORES, *REFUSALS, *LEARNING)


def check_scorer(
    scorer: type[Scorer] | Callable[[int, int], Scorer],
    seed: int = 0,
    learned_auc: float = 0.8,
    supervised_auc: float = 0.8,
    only: Collection[str] | None = None,
) -> CheckReport:
    """Check a scorer class, or a function that makes one from (window, dim), on small data with a known answer.

    It is fitted a dozen times, most of them for two epochs: seconds for a small network. `learned_auc` is the least ROC
    AUC on windows with broken relations for scorers that learn by gradient; `supervised_auc` the least one with known
    bad windows, where the one-class form stays below 0.7. `only` names the checks that are made.

    Raises:
        OptionError: `only` has an unknown name.

    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> check_scorer(Mahalanobis).raise_if_failed()
    """
    case = ScorerCase(scorer, seed, learned_auc, supervised_auc)
    return try_all(getattr(scorer, "__name__", str(scorer)), case, SCORER_PROMISES, only)
