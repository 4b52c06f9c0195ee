"""What a scorer promises about learning."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from tsreward.testing.random_state import touched
from tsreward.testing.report import NotApplicable, Promise
from tsreward.testing.scorer_case import SHORT, WINDOW, ScorerCase, same_state
from tsreward.testing.worlds import all_windows, broken, hazard, roc_auc, waves
from tsreward.training import TrainOptions
from tsreward.windows import WindowSet


def _answer(case: ScorerCase) -> str | None:
    found = case.fit(case.make(), case.normal)
    return None if found is None else f"fit returned {type(found).__name__}."


def _data_unchanged(case: ScorerCase) -> str | None:
    before = case.normal.store.clone()
    case.trained(SHORT)
    return None if torch.equal(before, case.normal.store) else "fit changed the windows that it learned from."


def _separates(case: ScorerCase) -> str | None:
    if not case.fitted.uses_held_out:
        raise NotApplicable("it is not trained by gradient")
    untrained = case.trained(TrainOptions(windows_per_epoch=None, epochs=1, learning_rate=0.0, seed=case.seed))
    strange = broken(case.unseen, case.seed)
    before, after = (roc_auc(scorer(case.unseen), scorer(strange)) for scorer in (untrained, case.fitted))
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


def _bad_windows(case: ScorerCase) -> str | None:
    if not case.make().uses_negative:
        raise NotApplicable("it cannot use negative windows")
    (normal, negative), (good, bad) = hazard(case.seed, WINDOW), hazard(case.seed + 1, WINDOW)
    aucs = []
    for known in [negative] if case.make().needs_negative else [None, negative]:
        scorer = case.make(WINDOW, 4)
        scorer.fit(normal, known, TrainOptions(windows_per_epoch=None, epochs=20, seed=case.seed))
        aucs.append(roc_auc(scorer(all_windows(good)), scorer(all_windows(bad))))
    if aucs[-1] > case.supervised_auc and (len(aucs) == 1 or aucs[0] < 0.7):
        return None
    return (
        f"ROC AUC {' without and '.join(f'{auc:.2f}' for auc in aucs)} with known bad windows; wanted less than 0.7 "
        f"without and more than {case.supervised_auc} with them."
    )


_SEED = "Draw all random numbers from generators that options.seed decides: tsreward.seeding has what it takes."
_GLOBAL = "Draw from generators of your own: tsreward.seeding.generator(seed), numpy.random.default_rng(seed)."
LEARNING: tuple[Promise, ...] = (
    Promise("fit answers nothing", _answer, "Return nothing from fit: changing never answers."),
    Promise("fit does not change the data", _data_unchanged, "Work on copies of what WindowSet.gather gives."),
    Promise("training is what separates", _separates, "Look whether gradients reach the weights, and the loss falls."),
    Promise("the same seed gives the same weights", _same_seed, _SEED),
    Promise("another seed gives other weights", _other_seed, _SEED),
    Promise(
        "a second fit forgets the first", _forgets, "Let build create everything anew, and keep nothing elsewhere."
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
        "bad windows teach what normal ones cannot", _bad_windows, "Look at how learn uses `negative`, and its weight."
    ),
)
