"""What a scorer promises to refuse, and in which words."""

from __future__ import annotations

from functools import partial

import torch

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.testing.report import NotApplicable, Promise, refusal
from tsreward.testing.scorer_case import DIM, WINDOW, ScorerCase
from tsreward.testing.worlds import waves
from tsreward.windows import WindowSet


class _Interrupted(BaseException):
    """Comes between, as Ctrl-C does."""


def _unfitted(case: ScorerCase) -> str | None:
    windows = torch.zeros(1, WINDOW, DIM)
    return refusal(lambda: case.make()(windows), NotFittedError, r"is not fitted: call fit\(windows\) or load a model")


def _unfitted_set(case: ScorerCase) -> str | None:
    return refusal(lambda: case.make().score_all(case.normal), NotFittedError, "is not fitted")


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


def _fit_shape(case: ScorerCase) -> str | None:
    message = rf"expects normal windows \[B, {WINDOW}, {DIM}\], got \[B, {WINDOW}, 3\]"
    return refusal(lambda: case.make().fit(_narrow(case)), ShapeError, message)


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
    Promise("fit refuses another width", _fit_shape, _BASE),
    Promise("score_all refuses another width", _set_shape, _BASE),
    Promise("fit refuses an empty set", _nothing, _BASE),
    Promise("NaN is refused", partial(_not_finite, value=torch.nan), _BASE),
    Promise("inf is refused", partial(_not_finite, value=torch.inf), _BASE),
    Promise("-inf is refused", partial(_not_finite, value=-torch.inf), _BASE),
    Promise("negative windows are refused where useless", _useless, "Set uses_negative, and keep fit as in Scorer."),
    Promise("fit refuses to do without bad windows it needs", _needed, _BASE),
    Promise("options are checked", _options, "Derive Options from ScorerOptions, and call super().__post_init__()."),
)
