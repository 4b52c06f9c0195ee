"""What a fitted scorer promises about its scores."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch
from safetensors.torch import load, save
from torch import Tensor

from tsreward.functional.tensors import in_chunks
from tsreward.testing.report import NotApplicable, Promise
from tsreward.testing.worlds import SHORT, ScorerCase, all_windows, same_state, separation

_CHUNK = 8


def _repeatable(case: ScorerCase) -> str | None:
    first, second = case.fitted(case.unseen), case.fitted(case.unseen)
    return None if torch.equal(first, second) else "The same windows were scored twice and scored differently."


def _input_unchanged(case: ScorerCase) -> str | None:
    windows = case.unseen.clone()
    case.fitted(windows)
    return None if torch.equal(windows, case.unseen) else "The windows are not what they were before they were scored."


def _state_unchanged(case: ScorerCase) -> str | None:
    before = copy.deepcopy(case.fitted.state_dict())
    case.fitted(case.unseen)
    return None if same_state(before, case.fitted) else "The state_dict is not what it was before windows were scored."


def _evaluating(case: ScorerCase) -> str | None:
    case.fitted(case.unseen[:3])
    training = [name or "itself" for name, module in case.fitted.named_modules() if module.training]
    return f"In training mode after fit and scoring: {', '.join(training[:5])}." if training else None


def _float32(case: ScorerCase) -> str | None:
    found = {case.fitted(case.unseen).dtype, case.fitted(case.unseen.double()).dtype}
    return None if found == {torch.float32} else f"Wanted float32 of float32 and float64 windows, got {found}."


def _one_each(case: ScorerCase) -> str | None:
    found = [tuple(case.fitted(case.unseen[:size]).shape) for size in (1, 7)]
    return None if found == [(1,), (7,)] else f"Wanted scores [1] and [7] of as many windows, got {found}."


def _empty(case: ScorerCase) -> str | None:
    found = tuple(case.fitted(case.unseen[:0]).shape)
    return None if found == (0,) else f"Wanted scores [0] of no windows, got {list(found)}."


def _without_gradient(case: ScorerCase) -> str | None:
    return "The scores require gradients." if case.fitted(case.unseen[:3]).requires_grad else None


def _rows_alone(case: ScorerCase, size: int) -> str | None:
    windows = case.unseen[::7][:64]
    expected = in_chunks(case.fitted, windows, _CHUNK)
    parts = torch.cat([in_chunks(case.fitted, part, _CHUNK) for part in windows.split(size)])
    if not torch.equal(parts, expected):
        return f"Windows scored {size} at a time score differently from 64 at a time, by {_apart(parts, expected)}."
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(case.seed))[:size]
    shuffled = in_chunks(case.fitted, windows[order], _CHUNK)
    if not torch.equal(shuffled, expected[order]):
        return f"{size} windows in another order score differently, by {_apart(shuffled, expected[order])}."
    return None


def _apart(first: Tensor, second: Tensor) -> str:
    return f"up to {(first - second).abs().max().item():.3g}" if first.shape == second.shape else "their number"


def _sets(case: ScorerCase) -> str | None:
    few = case.normal.where(torch.arange(len(case.normal)) % 5 == 0)
    found, wanted = case.fitted.score_all(few, batch_size=100), case.fitted(all_windows(few))
    if torch.allclose(found, wanted, rtol=1e-4, atol=1e-5):
        return None
    return f"score_all and forward differ, by {_apart(found, wanted)}."


def _empty_set(case: ScorerCase) -> str | None:
    found = tuple(case.fitted.score_all(case.none).shape)
    return None if found == (0,) else f"Wanted scores [0] of an empty set, got {list(found)}."


def _huge(case: ScorerCase) -> str | None:
    finite = torch.isfinite(case.fitted(torch.full_like(case.unseen[:4], 3e38))).all()
    return None if finite else "Windows of 3e38 have scores that are not finite."


def _file(case: ScorerCase) -> str | None:
    fresh = case.materialised()
    fresh.load_state_dict(load(save(case.fitted.state_dict())), strict=True)
    if torch.equal(fresh(case.unseen), case.fitted(case.unseen)):
        return None
    return "A new scorer with the state of the fitted one scores differently."


def _shapes(case: ScorerCase) -> str | None:
    made, fitted = case.materialised().state_dict(), case.fitted.state_dict()
    moved = [name for name in made.keys() | fitted.keys() if _shape(made, name) != _shape(fitted, name)]
    return f"fit changed the shape of {', '.join(sorted(moved)[:5])}." if moved else None


def _shape(state: dict[str, Tensor], name: str) -> torch.Size | None:
    return state[name].shape if name in state else None


def _varied(case: ScorerCase) -> str | None:
    found = len(case.fitted(case.unseen).unique())
    return None if found > 10 else f"{len(case.unseen)} windows have {found} different score(s), wanted more than 10."


def _planted(case: ScorerCase) -> str | None:
    auc = separation(case.fitted(case.unseen), case.fitted(case.unseen + 2))
    return None if auc > 0.99 else f"ROC AUC {auc:.3f} on windows that lie 2 too high, wanted more than 0.99."


def _explained(case: ScorerCase) -> str | None:
    windows = case.unseen[::7][:32]
    found = case.fitted.explain(windows)
    if found.shape != (len(windows), windows.shape[2]) or found.dtype != torch.float32 or not found.isfinite().all():
        return f"Wanted finite float32 [{len(windows)}, {windows.shape[2]}], got {found.dtype} {list(found.shape)}."
    alone = torch.cat([case.fitted.explain(windows[row : row + 1]) for row in range(4)])
    return None if torch.allclose(alone, found[:4], rtol=1e-3, atol=1e-4) else "Windows are explained by others beside."


def _sums(case: ScorerCase) -> str | None:
    windows = case.unseen[::7][:32]
    if case.fitted.parts(case.fitted.standardise(windows)) is None:
        raise NotApplicable("its score is no sum over features, and is explained by substitution")
    found, wanted = case.fitted.explain(windows).sum(1), case.fitted(windows)
    near = torch.allclose(found, wanted, rtol=1e-3, atol=1e-4)
    return None if near else f"The parts of a score do not sum to it, by {_apart(found, wanted)}."


def _blamed(case: ScorerCase) -> str | None:
    windows = case.unseen[::7][:32]
    right = []
    for feature in range(windows.shape[2]):
        planted = windows.clone()
        planted[:, -1, feature] += 5
        right.append((case.fitted.explain(planted).argmax(1) == feature).float().mean())
    hit = float(torch.stack(right).mean())
    return None if hit > 0.7 else f"A feature that lies 5 too high is blamed first {hit:.0%} of the time, wanted 70 %."


def _cuda(case: ScorerCase) -> str | None:
    if not torch.cuda.is_available():
        raise NotApplicable("there is no CUDA device here")
    scorer = case.trained(replace(SHORT, device="cuda"))
    scores = scorer(case.unseen.cuda())
    if scores.device.type != "cuda":
        return f"Windows on cuda have scores on {scores.device}."
    near = torch.allclose(scores.cpu(), scorer.cpu()(case.unseen), rtol=1e-3, atol=1e-3)
    return None if near else "Scores on CUDA are not those on the CPU."


_ROWS = "Let no score depend on other rows: no batch statistics, and no shape that changes the order of sums."
_PURE = "Keep forward and measure pure: no dropout, no random numbers, no counters, no writing to the input."
SCORES: tuple[Promise, ...] = (
    Promise("scores are repeatable", _repeatable, _PURE),
    Promise("the windows are not changed", _input_unchanged, "Work on copies: no x.add_(...), no x[...] = ..."),
    Promise("scoring changes no state", _state_unchanged, _PURE),
    Promise("fit ends in evaluation mode", _evaluating, "Call self.eval() at the end of learn, and nowhere train()."),
    Promise("scores are float32", _float32, "Return float32 from measure: scores.to(torch.float32)."),
    Promise("one score per window", _one_each, "Return one score per window: [B, K, D] -> [B], B = 1 included."),
    Promise("no windows have no scores", _empty, "Let measure work for B = 0: no max or reshape(-1) of nothing."),
    Promise("scores have no gradient", _without_gradient, "Keep forward as it is in Scorer, and write measure alone."),
    *(
        Promise(f"rows do not see each other: {size}", partial(_rows_alone, size=size), _ROWS)
        for size in (1, 2, 3, 7, 8, 9, 31, 64)
    ),
    Promise("score_all is forward", _sets, "Keep score_all as it is in Scorer, and write measure alone."),
    Promise("score_all of an empty set is empty", _empty_set, "Keep score_all as it is in Scorer."),
    Promise(
        "huge finite values are scored", _huge, "Standardise and clip before squaring: options.clip is there for it."
    ),
    Promise(
        "the state goes through a file", _file, "Keep all that scores depend on in registered parameters and buffers."
    ),
    Promise(
        "fit keeps the shapes of the state",
        _shapes,
        "Give every buffer its final shape in build, and fill it in learn.",
    ),
    Promise("scores are varied", _varied, "The network may have collapsed: look at its loss and at its last layer."),
    Promise(
        "planted anomalies score higher", _planted, "Higher is more anomalous: return the error, not a likelihood."
    ),
    Promise(
        "each feature has its part in a score", _explained, "Let parts return [B, D] float32, rows apart, or None."
    ),
    Promise("the parts of a score sum to it", _sums, "Let parts return terms of which the score is the sum, or None."),
    Promise("the feature that broke is blamed", _blamed, "Look at parts: the error of a feature belongs to it."),
    Promise("it works on CUDA", _cuda, "Create tensors on windows.device, and register buffers so that they move."),
)
