"""`check_scorer`: whether a scorer keeps the contract that models, wrappers and files rely on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.scorers.base import Scorer
from tsreward.sequences.windows import WindowSet
from tsreward.testing.report import CheckReport, NotApplicable, Promise, refusal, touched, try_all
from tsreward.testing.scorer_scores import SCORES
from tsreward.testing.worlds import (
    DIM,
    SHORT,
    WINDOW,
    ScorerCase,
    all_windows,
    broken,
    hazard,
    same_state,
    separation,
    waves,
)
from tsreward.training import TrainOptions


def _answer(case: ScorerCase) -> str | None:
    scorer = case.make()
    found = case.fit(scorer, case.normal)
    return None if found is scorer else f"fit returned {type(found).__name__}, and not the scorer itself."


def _data_unchanged(case: ScorerCase) -> str | None:
    before = case.normal.store.clone()
    case.trained(SHORT)
    return None if torch.equal(before, case.normal.store) else "fit changed the windows that it learned from."


def _separates(case: ScorerCase) -> str | None:
    if not case.fitted.uses_held_out:
        raise NotApplicable("it is not trained by gradient")
    untrained = case.trained(TrainOptions(windows_per_epoch=None, epochs=1, learning_rate=0.0, seed=case.seed))
    mixed = broken(case.unseen, case.seed)
    before, after = (separation(scorer(case.unseen), scorer(mixed)) for scorer in (untrained, case.fitted))
    if after > case.learned_auc and after > before + 0.2:
        return None
    return f"ROC AUC {before:.2f} untrained, {after:.2f} trained; wanted more than {case.learned_auc} and 0.2 better."


def _same_seed(case: ScorerCase) -> str | None:
    first, second = (case.trained(replace(SHORT, seed=3)) for _ in range(2))
    return None if same_state(first, second) else "Two scorers with the same seed have different weights."


def _other_seed(case: ScorerCase) -> str | None:
    if not case.make().uses_held_out:
        raise NotApplicable("it is not trained by gradient")
    first, second = (case.trained(replace(SHORT, seed=seed)) for seed in (3, 4))
    return "Two scorers with different seeds have the same weights." if same_state(first, second) else None


def _forgets(case: ScorerCase) -> str | None:
    once, twice = case.make(), case.make()
    case.fit(twice, WindowSet.from_episodes(waves(case.seed + 5), WINDOW))
    for scorer in (once, twice):
        case.fit(scorer, case.normal)
    return None if torch.equal(once(case.unseen), twice(case.unseen)) else "What it learned before changes its scores."


def _other_width(case: ScorerCase) -> str | None:
    once, twice = case.make(), case.make()
    case.fit(twice, _narrow(case))
    if twice.dim != 3:
        return f"Fitted on 3 features, its dim is {twice.dim}."
    for scorer in (once, twice):
        case.fit(scorer, case.normal)
    return None if torch.equal(once(case.unseen), twice(case.unseen)) else "Other features before change its scores."


def _random_state(case: ScorerCase, name: str) -> str | None:
    def work() -> None:
        case.trained(SHORT)(case.unseen)

    return f"Making, fitting or scoring changed the state of {name}'s generator." if name in touched(work) else None


def _settings(case: ScorerCase) -> str | None:
    def settings() -> dict[str, object]:
        return {
            "the default dtype": torch.get_default_dtype(),
            "the number of threads": torch.get_num_threads(),
            "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
            "gradients": torch.is_grad_enabled(),
            "the working folder": Path.cwd(),
        }

    before = settings()
    case.trained(SHORT)(case.unseen)
    changed = [name for name, value in settings().items() if value != before[name]]
    return f"Fitting or scoring changed {', '.join(changed)}." if changed else None


def _resumes(case: ScorerCase) -> str | None:
    straight = case.trained(replace(SHORT, epochs=4))
    with tempfile.TemporaryDirectory() as folder:
        options = replace(SHORT, state=Path(folder) / "state")
        case.trained(options)
        resumed = case.trained(replace(options, epochs=4))
    if same_state(straight, resumed) and torch.equal(straight(case.unseen), resumed(case.unseen)):
        return None
    return "2 epochs and 2 more give other weights than 4 at once."


def _negative_windows(case: ScorerCase) -> str | None:
    if not case.make().uses_negative:
        raise NotApplicable("it cannot use negative windows")
    (normal, negative), (unseen, hazardous) = hazard(case.seed, WINDOW), hazard(case.seed + 1, WINDOW)
    aucs = []
    for known in [negative] if case.make().needs_negative else [None, negative]:
        scorer = case.make()
        scorer.fit(normal, known, TrainOptions(windows_per_epoch=None, epochs=20, seed=case.seed))
        aucs.append(separation(scorer(all_windows(unseen)), scorer(all_windows(hazardous))))
    if aucs[-1] > case.supervised_auc and (len(aucs) == 1 or aucs[0] < 0.7):
        return None
    return (
        f"ROC AUC {' without and '.join(f'{auc:.2f}' for auc in aucs)} with negative windows; wanted less than 0.7 "
        f"without and more than {case.supervised_auc} with them."
    )


_SEED = "Draw all random numbers from generators that options.seed decides, as functional.seeding makes them."
_GLOBAL = "Draw from generators of your own: functional.seeding.generator(seed), numpy.random.default_rng(seed)."
LEARNING: tuple[Promise, ...] = (
    Promise("fit returns the object", _answer, "Keep fit as it is in Scorer, or let it end in `return self`."),
    Promise("fit does not change the data", _data_unchanged, "Work on copies of what WindowSet.gather gives."),
    Promise(
        "training is what separates",
        _separates,
        "Check that gradients reach the weights and that the loss falls.",
    ),
    Promise("the same seed gives the same weights", _same_seed, _SEED),
    Promise("another seed gives other weights", _other_seed, _SEED),
    Promise(
        "a second fit forgets the first", _forgets, "Let build create everything anew, and keep nothing elsewhere."
    ),
    Promise(
        "a fit on another width starts anew",
        _other_width,
        "Let build create everything anew from self.dim, and fix no width in the constructor.",
    ),
    *(
        Promise(f"the global random numbers of {name} are left alone", partial(_random_state, name=name), _GLOBAL)
        for name in ("torch", "numpy", "random")
    ),
    Promise("global settings are left alone", _settings, "Set nothing of torch or the process in a library."),
    Promise(
        "resumed training equals straight training", _resumes, "Train with tsreward.training.train, which resumes."
    ),
    Promise(
        "negative windows teach what normal ones cannot",
        _negative_windows,
        "Look at how learn uses `negative`, and its weight.",
    ),
)


class _Interrupted(BaseException):
    """Comes between, as Ctrl-C does."""


def _unfitted(case: ScorerCase) -> str | None:
    windows, message = torch.zeros(1, WINDOW, DIM), r"is not fitted: call fit\(windows\) or load a model"
    made = refusal(lambda: case.make()(windows), NotFittedError, message)
    return made or refusal(lambda: case.materialised()(windows), NotFittedError, message)


def _unfitted_set(case: ScorerCase) -> str | None:
    made = refusal(lambda: case.make().score_all(case.normal), NotFittedError, "is not fitted")
    return made or refusal(lambda: case.materialised().score_all(case.normal), NotFittedError, "is not fitted")


def _interrupted(case: ScorerCase) -> str | None:
    scorer = case.make()
    scorer.fitted.fill_(True)

    def stop(*_: object, **__: object) -> None:
        raise _Interrupted

    scorer.learn = stop  # type: ignore[method-assign] - of this one only
    try:
        case.fit(scorer, case.normal)
    except _Interrupted:
        return refusal(lambda: scorer(torch.zeros(1, WINDOW, DIM)), NotFittedError, "is not fitted")
    return "fit does not call learn, or hides what it raises."


def _shape(case: ScorerCase, shape: tuple[int, ...]) -> str | None:
    name = type(case.fitted).__name__
    message = rf"{name} expects windows \[B, {WINDOW}, {DIM}\], got \[{', '.join(map(str, shape))}\]"
    return refusal(lambda: case.fitted(torch.zeros(shape)), ShapeError, message)


def _narrow(case: ScorerCase) -> WindowSet:
    return WindowSet.from_episodes(waves(case.seed, dim=3), WINDOW)


def _fit_length(case: ScorerCase) -> str | None:
    longer = WindowSet.from_episodes(waves(case.seed), WINDOW + 1)
    message = rf"expects normal windows \[B, {WINDOW}, D\], got \[B, {WINDOW + 1}, {DIM}\]"
    return refusal(lambda: case.fit(case.make(), longer), ShapeError, message)


def _fit_width(case: ScorerCase) -> str | None:
    if not case.make().uses_negative:
        raise NotApplicable("it cannot use negative windows")
    message = rf"expects negative windows \[B, {WINDOW}, {DIM}\], got \[B, {WINDOW}, 3\]"
    return refusal(lambda: case.make().fit(case.normal, _narrow(case), SHORT), ShapeError, message)


def _set_shape(case: ScorerCase) -> str | None:
    message = rf"expects the windows \[B, {WINDOW}, {DIM}\], got \[B, {WINDOW}, 3\]"
    return refusal(lambda: case.fitted.score_all(_narrow(case)), ShapeError, message)


def _nothing(case: ScorerCase) -> str | None:
    return refusal(lambda: case.make().fit(case.none), DataError, "got no normal windows")


def _not_finite(case: ScorerCase, value: float) -> str | None:
    windows = case.unseen[:9].clone()
    windows[6, 0, 2] = value
    return refusal(lambda: case.fitted(windows), DataError, r"got NaN or inf in window\(s\) \[6\]")


def _useless(case: ScorerCase) -> str | None:
    scorer = case.make()
    if scorer.uses_negative:
        raise NotApplicable("it can use negative windows")
    message = "cannot learn from negative windows: leave them out, or use a scorer that"
    return refusal(lambda: scorer.fit(case.normal, case.normal), OptionError, message)


def _needed(case: ScorerCase) -> str | None:
    scorer = case.make()
    if not scorer.needs_negative:
        raise NotApplicable("it can do without negative windows")
    return refusal(lambda: scorer.fit(case.normal), DataError, r"got no negative ones: give fit\(normal, negative\)")


def _options(case: ScorerCase) -> str | None:
    scorer = case.make()
    if not isinstance(scorer.options, type(scorer).Options):
        return f"options are of {type(scorer.options).__name__}, wanted {type(scorer).Options.__name__}."
    return refusal(lambda: type(scorer).Options(clip=-1.0), OptionError, "clip must be")


_BASE = "Keep fit and forward as they are in Scorer, which refuses it, and write build, learn and measure alone."
REFUSALS: tuple[Promise, ...] = (
    Promise("scoring before fit is refused", _unfitted, _BASE),
    Promise("score_all before fit is refused", _unfitted_set, _BASE),
    Promise("an interrupted fit leaves it unfitted", _interrupted, _BASE),
    Promise("a longer window is refused", partial(_shape, shape=(3, WINDOW + 1, DIM)), _BASE),
    Promise("a wider window is refused", partial(_shape, shape=(3, WINDOW, DIM + 1)), _BASE),
    Promise("a window without a batch is refused", partial(_shape, shape=(WINDOW, DIM)), _BASE),
    Promise("fit refuses another length", _fit_length, _BASE),
    Promise("fit refuses negative windows of another width", _fit_width, _BASE),
    Promise("score_all refuses another width", _set_shape, _BASE),
    Promise("fit refuses an empty set", _nothing, _BASE),
    Promise("NaN is refused", partial(_not_finite, value=torch.nan), _BASE),
    Promise("inf is refused", partial(_not_finite, value=torch.inf), _BASE),
    Promise("-inf is refused", partial(_not_finite, value=-torch.inf), _BASE),
    Promise("negative windows are refused where useless", _useless, "Set uses_negative, and keep fit as in Scorer."),
    Promise("fit refuses to do without negative windows it needs", _needed, _BASE),
    Promise("options are checked", _options, "Derive Options from ScorerOptions."),
)


SCORER_PROMISES: tuple[Promise, ...] = (*SCORES, *REFUSALS, *LEARNING)


def check_scorer(
    scorer: type[Scorer] | Callable[[int], Scorer],
    seed: int = 0,
    learned_auc: float = 0.8,
    supervised_auc: float = 0.8,
    only: Collection[str] | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> CheckReport:
    """Check a scorer class, or a function that makes one from its window, on small data with a known answer.

    It is fitted a dozen times, most of them for two epochs: seconds for a small network.

    Args:
        scorer: the class, made with its default options, or the function.
        seed: of the data and of the training.
        learned_auc: least ROC AUC on windows with broken relations, for scorers that learn by gradient.
        supervised_auc: least ROC AUC with negative windows, where the one-class form stays below 0.7.
        only: names of the checks that are made; None makes all.
        expected_failed_checks: names of checks that may fail, each with the reason.

    Raises:
        OptionError: `only` or `expected_failed_checks` has an unknown name, or a reason is empty.

    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> check_scorer(Mahalanobis).raise_if_failed()
    """
    case = ScorerCase(scorer, seed, learned_auc, supervised_auc)
    return try_all(getattr(scorer, "__name__", str(scorer)), case, SCORER_PROMISES, only, expected_failed_checks)
