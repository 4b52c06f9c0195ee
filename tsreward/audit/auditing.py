"""`audit_reward`: what a reward pays for, measured before anything is trained on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tsreward.audit.agreement import TrueReward, agreement, require_truth
from tsreward.audit.behaviour import Behaviour, observe
from tsreward.audit.examples import Examples, examples
from tsreward.audit.incentives import distribution, reward_margins, termination
from tsreward.audit.probing import Scale, blind_levels, hold, probe
from tsreward.audit.sensitivity import feature_effects, history_effect, smoothing_effect
from tsreward.audit.separation import false_alarms, separation
from tsreward.audit.verdict import AuditWarning, Findings, Kind, Verdict, find_warnings, verdict
from tsreward.data.graded import GradedEpisodes
from tsreward.errors import DataError, OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.episodes import Episode

EPISODES = "episodes"
"""What the episodes to compare with are called among the behaviours."""
_HALF = (0.2, 0.8)
_RESERVED = ("good", "bad", "half_trained", EPISODES)


@dataclass(frozen=True)
class Audit:
    """Measurements, warnings, verdict, and a few episodes to look at."""

    verdict: Verdict
    warnings: tuple[AuditWarning, ...]
    findings: Findings
    examples: Examples
    scorer: str
    mode: str
    window: int
    frame_skip: int
    seed: int
    threshold: float
    """Scores above it are flagged."""
    columns: tuple[str, ...] = ()
    """Names of the features; none where they have none."""
    search: dict[str, Any] | None = None
    """What `tsreward.audit.search.red_team` found, as plain values; None where nothing was searched."""
    windows: dict[str, Any] | None = None
    """What became of windows that climb the reward, as plain values; None where none were made to."""

    def to_json(self) -> dict[str, Any]:
        """Return everything but the examples as dictionaries, lists, texts, finite numbers and None (not measured)."""
        return {
            "verdict": self.verdict.word,
            "reasons": list(self.verdict.reasons),
            "warnings": [
                {"code": one.code, "meaning": one.meaning, "evidence": one.evidence, "remedy": one.remedy}
                for one in self.warnings
            ],
            "findings": _plain(asdict(self.findings)),
            "model": {"scorer": self.scorer, "mode": self.mode, "window": self.window, "frame_skip": self.frame_skip},
            "seed": self.seed,
            "search": _plain(self.search),
            "windows": _plain(self.windows),
        }


def audit_reward(
    model: RewardModel,
    good: Sequence[Episode],
    bad: Sequence[Episode],
    half_trained: Sequence[Episode] | None = None,
    blind: Mapping[str, Sequence[Episode]] | None = None,
    episodes: Sequence[Episode] | None = None,
    seed: int = 0,
    true_reward: TrueReward | None = None,
) -> Audit:
    """Examine a reward before anything is trained on it.

    Args:
        model: a fitted model.
        good: episodes of behaviour to reward, which the model has not learned from; for a penalty, safe behaviour.
        bad: episodes of behaviour not to reward, usually random: their reward is n = 0.
        half_trained: episodes of behaviour between the two.
        blind: blind policies (no action, small noise, constant actions) by name.
        episodes: episodes with true rewards (for a penalty: costs) of many skills; without them, all that is given
            above is compared, if good behaviour has them.
        true_reward: the true reward of (observations [B, *obs], next observations [B, *obs]), for EPIC.

    Raises:
        NotFittedError: the model is not fitted.
        DataError: no episodes of a kind, NaN or inf in them, or `episodes` without rewards (costs).
        ShapeError: observations of another shape than the model's.
        OptionError: a blind policy is called good, bad, half_trained or episodes.
    """
    model.calibration.quantile(0.5)  # an unfitted model is told of before anything is scored
    for name in blind or {}:
        if name in _RESERVED:
            raise OptionError(f"audit: a blind policy cannot be called '{name}': give it another name.")
    safe, unsafe = observe(model, "good", good), observe(model, "bad", bad)
    half = [] if half_trained is None else [observe(model, "half_trained", half_trained)]
    policies = {name: observe(model, name, played) for name, played in (blind or {}).items()}
    compared = None if episodes is None else observe(model, EPISODES, episodes)
    if compared is not None:
        require_truth(model, compared)
    everyone = [safe, unsafe, *half, *policies.values()]
    found = _findings(model, everyone, half, policies, [compared] if compared else everyone, seed, true_reward)
    warnings = find_warnings(found)
    return Audit(
        verdict(found, warnings),
        warnings,
        found,
        examples(everyone if compared is None else [*everyone, compared]),
        type(model.scorer).__name__,
        type(model.mode).__name__,
        model.window,
        model.frame_skip,
        seed,
        float(model.mode.threshold),
        _names(model),
    )


def _names(model: RewardModel) -> tuple[str, ...]:
    names = () if model.columns is None else tuple(model.columns.names)
    return names if len(names) == model.scorer.dim else ()


def behaviours_of(graded: GradedEpisodes) -> dict[str, list[Episode]]:
    """Return graded episodes as `audit_reward` takes them: good, bad, and half_trained where there is such a stage.

    The expert is good, random behaviour is bad. Stages whose mean true return is 20 to 80 % of the way from random to
    the expert are half-trained.

    Raises:
        DataError: no episodes of the expert or of random behaviour, or the expert returns no more.
    """
    returns = graded.mean_returns()
    if missing := {"expert", "random"} - returns.keys():
        raise DataError(f"There are no episodes of {' and '.join(sorted(missing))}: use --good and --bad.")
    low, high = returns["random"], returns["expert"]
    if high <= low:
        raise DataError(f"The expert returns {high:.4g}, random behaviour {low:.4g}: collect with more --steps.")
    between = [
        name
        for name, value in returns.items()
        if name not in ("random", "expert") and _HALF[0] <= (value - low) / (high - low) <= _HALF[1]
    ]
    sets = {"good": graded.where("expert").episodes, "bad": graded.where("random").episodes}
    return sets | ({"half_trained": graded.where(between).episodes} if between else {})


def _findings(
    model: RewardModel,
    everyone: Sequence[Behaviour],
    half: Sequence[Behaviour],
    policies: Mapping[str, Behaviour],
    compared: Sequence[Behaviour],
    seed: int,
    true_reward: TrueReward | None,
) -> Findings:
    good, bad = everyone[0], everyone[1]
    scale = Scale(good.rated.level, bad.rated.level)
    normal = good.rated.parts(good.rated.score)
    return Findings(
        replaces=model.mode.replaces,
        kinds=tuple(_kind(behaviour, scale) for behaviour in everyone),
        separations=tuple(
            separation(f"{other.name} against good", normal, other.rated.parts(other.rated.score), seed)
            for other in (bad, *half)
        ),
        false_alarms=false_alarms(model, good, seed),
        agreement=agreement(model, compared, seed, true_reward),
        probes=(*blind_levels(policies, scale), *probe(model, good, scale, seed)),
        held=hold(model, everyone, scale, seed),
        termination=termination(model, good, everyone[1:]),
        reward_margins=reward_margins(model, good, everyone[1:]),
        distribution=distribution(everyone),
        features=feature_effects(model, good, bad, seed),
        history=history_effect(model, good, bad, seed),
        smoothing=smoothing_effect(model, good, bad),
    )


def _kind(behaviour: Behaviour, scale: Scale) -> Kind:
    rated, costs = behaviour.rated, behaviour.column("costs")
    return Kind(
        behaviour.name,
        len(behaviour.episodes),
        int(rated.lengths.sum()),
        rated.level,
        float(np.median(rated.learned)),
        scale(rated.level),
        float(rated.is_anomaly.mean()),
        None if costs is None else float((costs > 0).mean()),
    )


def _plain(value: Any) -> Any:
    """Return the value without tuples, NaN and infinities.

    >>> _plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
