"""`check_model`: whether a fitted model is sound, and scores alike step by step and in bulk."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.io import describe, load, save
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.pipeline.stream import RewardStream
from tsreward.sequences.episodes import Episode
from tsreward.testing.encoders import noise
from tsreward.testing.report import CheckReport, NotApplicable, Promise, refusal, touched, try_all

_EPISODES, _STEPS = 3, 40


@dataclass
class ModelCase:
    model: RewardModel
    given: Sequence[Episode] | None

    @cached_property
    def episodes(self) -> list[Episode]:
        """At most three episodes of at most forty steps, with rewards."""
        if self.given is None:
            draws = [noise(self.model.encoder, _STEPS + 1, seed).numpy() for seed in range(_EPISODES)]
            found = [Episode(obs) for obs in draws]
        else:
            found = [_newest(self.model, _begin(episode)) for episode in self.given[:_EPISODES]]
        earned = np.random.default_rng(0)
        return [
            episode if episode.rewards is not None else replace(episode, rewards=earned.normal(size=len(episode)))
            for episode in found
        ]

    @cached_property
    def bulk(self) -> list[StepReward]:
        return relabel_as_is(self.model, self.episodes)

    @cached_property
    def online(self) -> list[StepReward]:
        return [_stepped(self.model, episode) for episode in self.episodes]

    @cached_property
    def windows(self) -> Tensor:
        """Feature windows [B, K, D]."""
        features = self.model.encode(as_tensor(self.episodes[0].obs))
        rows = torch.arange(len(features))[:, None] - torch.arange(self.model.window - 1, -1, -1)
        return features[rows.clamp_min(0)]

    @cached_property
    def normal_scores(self) -> Tensor:
        return self.model.calibration.scores[: int(self.model.calibration.count)]


def _newest(model: RewardModel, episode: Episode) -> Episode:
    """Return an episode of the frames that the model reads; its columns stay."""
    shape, floating = episode.obs.shape[1:], episode.obs.dtype.kind == "f"
    return episode if model.layout(shape, floating) is None else model.in_order(episode)


def _begin(episode: Episode) -> Episode:
    rewards = None if episode.rewards is None else episode.rewards[:_STEPS]
    return Episode(episode.obs[: _STEPS + 1], rewards)


def _stepped(model: RewardModel, episode: Episode) -> StepReward:
    online, obs = RewardStream(model, 1), as_tensor(episode.obs)
    rewards = as_tensor(np.asarray(episode.rewards))
    online.start(obs[:1])
    steps = [online.step(obs[t + 1 : t + 2], rewards[t : t + 1]) for t in range(len(episode))]
    return StepReward(*(torch.cat(part) for part in zip(*steps, strict=True)))


def _fitted(case: ModelCase) -> str | None:
    if not bool(case.model.scorer.fitted):
        return "The scorer is not fitted."
    return None if int(case.model.calibration.count) else "The calibration has no scores."


def _evaluating(case: ModelCase) -> str | None:
    training = [name for name, module in case.model.scorer.named_modules(prefix="scorer") if module.training]
    return f"In training mode: {', '.join(training[:5])}." if training else None


def _widths(case: ModelCase) -> str | None:
    given, wanted = case.model.encoder.dim, case.model.scorer.dim
    return None if given == wanted else f"The encoder gives {given} features, the scorer reads {wanted}."


def _shape(case: ModelCase) -> str | None:
    found = case.episodes[0].obs.shape[1:]
    return None if found == case.model.obs_shape else f"The model reads {case.model.obs_shape}, the data hold {found}."


def _calibration(case: ModelCase) -> str | None:
    scores = case.normal_scores
    if not torch.isfinite(scores).all() or (scores.diff() < 0).any():
        return "The calibration scores are not finite, or not sorted."
    return None if len(scores) >= 20 else f"The calibration has {len(scores)} scores, wanted at least 20."


def _varied_calibration(case: ModelCase) -> str | None:
    found = len(case.normal_scores.unique())
    return None if found > 10 else f"Held-out normal windows had {found} different score(s), wanted more than 10."


def _p_values(case: ModelCase) -> str | None:
    grid = torch.cat([case.normal_scores, case.normal_scores[-1:] + 1])
    p_value = case.model.calibration.p_value(grid)
    inside = bool(((p_value > 0) & (p_value <= 1)).all())
    return None if inside and not (p_value.diff() > 0).any() else "p-values leave (0, 1], or rise with the score."


def _threshold(case: ModelCase) -> str | None:
    rate = case.model.mode.options.false_alarm_rate
    flagged = float((case.normal_scores > case.model.mode.threshold).float().mean())
    if flagged <= rate + 1e-6:
        return None
    return f"The threshold flags {flagged:.1%} of the held-out normal windows, wanted at most {rate:.1%}."


def _sign(case: ModelCase) -> str | None:
    scores = case.normal_scores.unique()
    top = scores[-1:]
    grid = torch.cat([scores, top + 0.1 * (1 + top.abs()), top + 1 + top.abs()])
    rewards = case.model.rate(grid, torch.zeros(len(grid), dtype=torch.float64)).reward
    rises = rewards.diff() > 1e-9 * (1 + rewards[1:].abs())
    return f"A score of {float(grid[1:][rises][0]):.4g} is rewarded more than a lower one." if rises.any() else None


def _finite(case: ModelCase) -> str | None:
    finite = all(torch.isfinite(part.double()).all() for step in case.bulk for part in step)
    return None if finite else "Some rewards, scores or p-values are not finite."


def _varied(case: ModelCase) -> str | None:
    scores = torch.cat([step.score for step in case.bulk])
    found = len(scores.unique())
    if len(scores) <= 20:
        raise NotApplicable(f"there are {len(scores)} steps only")
    return None if found > 10 else f"{len(scores)} steps have {found} different score(s), wanted more than 10."


def _alike(case: ModelCase, part: str) -> str | None:
    for index, (bulk, online) in enumerate(zip(case.bulk, case.online, strict=True)):
        first, second = getattr(bulk, part), getattr(online, part)
        if not torch.equal(first, second):
            step = int((first != second).nonzero()[0])
            return f"Episode {index}, step {step}: {first[step]} in bulk, {second[step]} step by step."
    return None


def _together(case: ModelCase) -> str | None:
    steps = min(len(episode) for episode in case.episodes)
    obs = as_tensor(np.stack([episode.obs[: steps + 1] for episode in case.episodes]))
    rewards = as_tensor(np.stack([np.asarray(episode.rewards)[:steps] for episode in case.episodes]))
    online = RewardStream(case.model, len(obs))
    online.start(obs[:, 0])
    found = torch.stack([online.step(obs[:, t + 1], rewards[:, t]).reward for t in range(steps)], 1)
    wanted = torch.stack([step.reward[:steps] for step in case.online])
    return None if torch.equal(found, wanted) else "Episodes that run side by side earn other rewards than alone."


def _repeatable(case: ModelCase) -> str | None:
    again = relabel_as_is(case.model, case.episodes)
    same = all(torch.equal(a.reward, b.reward) for a, b in zip(again, case.bulk, strict=True))
    return None if same else "The same episodes were rewarded differently the second time."


def _state_unchanged(case: ModelCase) -> str | None:
    before = copy.deepcopy(case.model.state_dict())
    relabel_as_is(case.model, case.episodes)
    after = case.model.state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    return f"Rewarding changed {', '.join(changed[:5])}." if changed else None


def _obs_unchanged(case: ModelCase) -> str | None:
    before = [episode.obs.copy() for episode in case.episodes]
    relabel_as_is(case.model, case.episodes)
    same = all(np.array_equal(old, episode.obs) for old, episode in zip(before, case.episodes, strict=True))
    return None if same else "Rewarding changed the observations."


def _rows_alone(case: ModelCase, size: int) -> str | None:
    expected = case.model.score_windows(case.windows)
    parts = torch.cat([case.model.score_windows(part) for part in case.windows.split(size)])
    return None if torch.equal(parts, expected) else f"Windows scored {size} at a time score differently."


def _random_state(case: ModelCase) -> str | None:
    found = touched(lambda: relabel_as_is(case.model, case.episodes))
    return f"Rewarding changed the state of {', '.join(found)}." if found else None


def _not_finite(case: ModelCase) -> str | None:
    obs = case.episodes[0].obs
    if obs.dtype.kind != "f":
        raise NotApplicable("observations are whole numbers")
    obs = obs.copy()
    obs[1].flat[0] = np.nan
    return refusal(lambda: relabel_as_is(case.model, [replace(case.episodes[0], obs=obs)]), DataError, "NaN or inf")


def _other_shape(case: ModelCase) -> str | None:
    first = case.episodes[0]
    wrong = replace(first, obs=np.concatenate([first.obs, first.obs], axis=-1))
    return refusal(lambda: relabel_as_is(case.model, [wrong]), ShapeError, "expects observations")


def _file(case: ModelCase) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(case.model, path)
        again = relabel_as_is(load(path), case.episodes)
    same = all(torch.equal(a.reward, b.reward) for a, b in zip(again, case.bulk, strict=True))
    return None if same else "Saved and loaded, the model gives other rewards."


def _digests(case: ModelCase) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.safetensors", Path(folder) / "second.safetensors"
        save(case.model, first)
        save(load(first), second)
        found, wanted = describe(second), describe(first)
    return None if found["tensors"] == wanted["tensors"] else "Saved again, the file has other tensors or digests."


_FIT = "Call model.fit(...) with more, and more varied, normal episodes."
_SAME = (
    "Let scorer and encoder work on each row alone: tsreward.testing.check_scorer and check_encoder find which fails."
)
_PURE = "Keep encode, measure and the reward mode pure: tsreward.testing.check_scorer finds what is not."
MODEL_PROMISES: tuple[Promise, ...] = (
    Promise("it is fitted", _fitted, "Call model.fit(...), or load a fitted model."),
    Promise("it is in evaluation mode", _evaluating, "Call model.eval()."),
    Promise(
        "encoder and scorer fit together", _widths, "Fit the model again: the scorer takes the width of the encoder."
    ),
    Promise("the data have its shape", _shape, "Give data of the kind that the model was fitted on."),
    Promise("the calibration scores are sound", _calibration, _FIT),
    Promise("the calibration scores are varied", _varied_calibration, _FIT),
    Promise("p-values are probabilities that fall with the score", _p_values, _FIT),
    Promise(
        "the threshold keeps the false-alarm rate", _threshold, "Fit the model again: threshold and scores differ."
    ),
    Promise(
        "a higher score is never rewarded more",
        _sign,
        "Make the reward mode fall with the score: higher is more anomalous.",
    ),
    Promise("rewards are finite", _finite, "Look at the scale of the scores, and use a bounded reward mode."),
    Promise("scores are varied", _varied, "Fit on the kind of data that is scored; the scorer may have collapsed."),
    *(
        Promise(f"step by step and in bulk: {part}", partial(_alike, part=part), _SAME)
        for part in ("reward", "score", "p_value", "is_anomaly")
    ),
    Promise("environments do not see each other", _together, _SAME),
    Promise("rewards are repeatable", _repeatable, _PURE),
    Promise("rewarding changes no state", _state_unchanged, _PURE),
    Promise("rewarding changes no observation", _obs_unchanged, _PURE),
    *(Promise(f"rows do not see each other: {n}", partial(_rows_alone, size=n), _SAME) for n in (1, 7, 16)),
    Promise("the global random numbers are left alone", _random_state, _PURE),
    Promise("NaN is refused", _not_finite, "Keep forward as it is in Scorer."),
    Promise("another shape is refused", _other_shape, "Keep forward as it is in Encoder."),
    Promise("it goes through a file", _file, "Keep all that rewards depend on in registered buffers."),
    Promise(
        "its file is the same when saved again", _digests, "Keep all that rewards depend on in registered buffers."
    ),
)


def check_model(
    model: RewardModel,
    episodes: Sequence[Episode] | None = None,
    only: Collection[str] | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> CheckReport:
    """Check that a fitted model is sound, and that it scores alike step by step and in bulk.

    Args:
        model: the fitted model.
        episodes: of the kind that it is for; the first 40 steps of the first three are used. None takes noise.
        only: names of the checks that are made; None makes all.
        expected_failed_checks: names of checks that may fail, each with the reason.

    Raises:
        OptionError: `only` or `expected_failed_checks` has an unknown name, or a reason is empty.

    >>> import numpy as np
    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> model = RewardModel(Mahalanobis(3), Likeness()).fit([np.random.default_rng(0).normal(size=(99, 2))])
    >>> check_model(model).raise_if_failed()
    """
    return try_all(
        f"model of {type(model.scorer).__name__}",
        ModelCase(model, episodes),
        MODEL_PROMISES,
        only,
        expected_failed_checks,
    )
