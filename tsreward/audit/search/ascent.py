"""A cheap first look for exploits, without an environment: windows that climb the reward, within what data shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.audit.auditing import Audit
from tsreward.audit.behaviour import Behaviour, observe
from tsreward.audit.codes import CLIMBED
from tsreward.audit.probing import Scale
from tsreward.audit.search.distinguish import distinguish_rows
from tsreward.audit.search.judging import APART, PAID
from tsreward.audit.separation import Interval
from tsreward.audit.verdict import AuditWarning
from tsreward.errors import OptionError
from tsreward.functional.seeding import generator
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet

_WINDOWS, _STEPS = 256, 60
_QUANTILE = 0.005
"""What lies beyond this quantile of the data on either side is not shown by it."""
_LONG, _SHORT = 0.2, 0.01
"""First and last length of a step, in standard deviations of a feature."""


@dataclass(frozen=True)
class ClimbedWindows:
    """Windows that are paid much, and whether they are the expert's."""

    paid: float | None
    """r: what they are paid on average, as windows of bad behaviour 0 and of the expert 1; None where the expert's are
    paid no more than the bad ones."""
    apart: Interval
    """d: how well a fresh classifier tells them from the expert's windows."""
    windows: Tensor
    """[N, K, D] features."""

    @property
    def is_exploit(self) -> bool:
        """Tell whether they are paid as an exploit is and told from the expert."""
        return self.paid is not None and self.paid >= PAID and self.apart.value > APART

    def in_words(self) -> str:
        """Return what was found, and what it does not say."""
        weaker = "on recorded data only: whether the environment can show such windows is not known"
        if self.paid is None:
            return "Gradient ascent: bad windows are paid as much as the expert's from the beginning."
        found = f"windows of bad behaviour that climb the reward reach r = {self.paid:.2f}"
        return f"Gradient ascent, {weaker}: {found}, and are told from the expert's with d = {self.apart.value:.2f}."

    def to_json(self) -> dict[str, Any]:
        """Return everything but the windows as plain values."""
        return {
            "is_exploit": self.is_exploit,
            "words": self.in_words(),
            "paid": self.paid,
            "apart": asdict(self.apart),
        }


def climb(model: RewardModel, good: Sequence[Episode], bad: Sequence[Episode], seed: int = 0) -> ClimbedWindows:
    """Change windows of bad behaviour so that a likeness pays more for them, and see what becomes of them.

    Steps go along the sign of the score's gradient (Goodfellow et al. 2015, arXiv 1412.6572), shorter and shorter, and
    behind each the windows go back to what the data shows: every feature to the range between its 0.5 % and 99.5 %
    quantiles, and its change in a step to the same range of changes. Of every window the best one on its way counts.

    Args:
        model: a fitted likeness with a scorer that has a gradient.
        good: episodes of the expert that it has not learned from.
        bad: episodes of behaviour not to reward.
        seed: of the windows that are drawn, and of the classifier.

    Raises:
        OptionError: a penalty, or a scorer without a gradient.
        DataError, ShapeError: as `tsreward.audit_reward`.
        MissingExtraError: scikit-learn is not installed.
    """
    if not model.mode.replaces:
        raise OptionError(f"Windows climb a reward that replaces the environment's, got {type(model.mode).__name__}.")
    expert, other = observe(model, "good", good), observe(model, "bad", bad)
    draw = generator(seed)
    start, own = _drawn(model, other, draw), _drawn(model, expert, draw)
    limits = _Limits([*expert.features, *other.features], model.frame_skip)
    best, least = start.clone(), _scores(model, start).detach()
    windows = start
    for length in np.geomspace(_LONG, _SHORT, _STEPS):
        windows = limits(windows - float(length) * limits.std * _uphill(model, windows))
        scores = _scores(model, windows).detach()
        better = scores < least
        best, least = torch.where(better[:, None, None], windows, best), torch.minimum(scores, least)
    scale = Scale(_paid(model, own), _paid(model, start))
    area = distinguish_rows(own.flatten(1).numpy(), best.flatten(1).numpy(), seed)
    return ClimbedWindows(scale(_paid(model, best)), area, best)


def with_windows(audit: Audit, climbed: ClimbedWindows) -> Audit:
    """Return an audit that tells of such windows; they warn, and decide nothing."""
    warning = [AuditWarning(CLIMBED, climbed.in_words().rstrip("."))] if climbed.is_exploit else []
    warnings = tuple(sorted([*audit.warnings, *warning], key=lambda one: one.code))
    return replace(audit, warnings=warnings, windows=climbed.to_json())


class _Limits:
    """What data shows: the range of every feature, and of its change in a step."""

    def __init__(self, episodes: Sequence[Tensor], frame_skip: int) -> None:
        rows = torch.cat(list(episodes))
        changes = torch.cat([one[frame_skip:] - one[:-frame_skip] for one in episodes])
        self.std = rows.std(0)
        self._range, self._change = _range(rows), _range(changes)

    def __call__(self, windows: Tensor) -> Tensor:
        """Return windows [N, K, D] that keep to it, from their first step on."""
        steps = [windows[:, 0].clamp(*self._range)]
        for at in range(1, windows.shape[1]):
            change = (windows[:, at] - steps[-1]).clamp(*self._change)
            steps.append((steps[-1] + change).clamp(*self._range))
        return torch.stack(steps, 1)


def _range(rows: Tensor) -> tuple[Tensor, Tensor]:
    low, high = np.quantile(rows.numpy(), (_QUANTILE, 1 - _QUANTILE), axis=0)
    return torch.from_numpy(low).to(rows.dtype), torch.from_numpy(high).to(rows.dtype)


def _drawn(model: RewardModel, behaviour: Behaviour, draw: torch.Generator) -> Tensor:
    windows = WindowSet.of_arrivals(behaviour.features, model.window, model.frame_skip)
    return windows.gather(torch.randperm(len(windows), generator=draw)[:_WINDOWS]).clone()


def _scores(model: RewardModel, windows: Tensor) -> Tensor:
    return model.scorer.measure(model.scorer.standardise(windows))


def _uphill(model: RewardModel, windows: Tensor) -> Tensor:
    """Return the sign of the gradient of the score [N, K, D]."""
    with torch.enable_grad():
        moved = windows.clone().requires_grad_()
        scores = _scores(model, moved)
        if not scores.requires_grad:
            raise OptionError(f"{type(model.scorer).__name__} has no gradient that windows could climb.")
        (gradient,) = torch.autograd.grad(scores.sum(), moved)
    return gradient.nan_to_num().sign()


def _paid(model: RewardModel, windows: Tensor) -> float:
    return float(model.rate_alone(model.score_windows(windows)).reward.mean())
