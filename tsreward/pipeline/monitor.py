"""`Monitor`: says once when data is not what a model was fitted on, from the first 1,000 observations."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tsreward.named_warnings import warn
from tsreward.pipeline.causes import Seen, likely_cause
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.profile import DataProfile, columns_of

ROWS = 1000
"""Observations that are looked at; what comes later is not."""
_LOOKS = {256: 0.6, 512: 0.6, ROWS: 0.25}
"""After so many rows, the fraction of them that has to lie outside, or to be flagged, for a word."""
_FEWEST = 30
"""Fewest rows that are judged at all, at the end of data."""
_TIMES = 5.0
"""How many times the false-alarm rate is too much."""
_REWARD = 10.0
"""How many times larger or smaller |reward| has to be than it was."""


class Monitor:
    """Compares the first 1,000 observations, their scores and rewards with what a model was fitted on.

    It warns, each time once: where columns lie outside the range of the fitted data ("outside training range"), with
    the likely cause; where more than five times as many windows are flagged as the false-alarm rate says ("flag
    rate"); where all scores are alike ("scores alike"); and where the environment's |reward| is ten times smaller or
    larger than what a penalty was measured with ("reward scale").

    Args:
        model: a fitted model.
        who: in whose name it speaks.
        strict: whether a warning is an error.
        flags: whether the flag rate is judged: not where nothing normal is expected.
        early: whether it speaks as soon as something is plain, while an environment runs; else when 1,000 rows are
            there or the data ends.
    """

    def __init__(
        self, model: RewardModel, who: str, strict: bool = False, flags: bool = True, early: bool = False
    ) -> None:
        self._looks = _LOOKS if early else {ROWS: _LOOKS[ROWS]}
        self._model, self._who, self._strict, self.flags = model, who, strict, flags
        self.learning = False
        """Whether the scorer goes on learning from an agent, which is meant to differ from what it learns as normal.
        Flags are not judged then, and columns outside the range are said only with a cause that no behaviour has:
        other units, other columns, normalised."""
        self.done = False
        """Whether it has seen enough."""
        self._pictures = False
        self._values: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        self._flagged: list[np.ndarray] = []
        self._rewards: list[np.ndarray] = []
        self._rows = 0
        self._said: set[str] = set()

    def see(
        self, obs: Tensor, earned: StepReward, env_reward: Tensor | None = None, normal: Tensor | None = None
    ) -> None:
        """Look at the next rows: observations [B, *obs], what they earned [B], and the environment's rewards [B].

        Args:
            obs: as the model reads them.
            earned: scores and flags; the rewards are not looked at.
            env_reward: None where there is none.
            normal: where known, the rows that are normal, among which flags are counted.

        Raises:
            StrictError: a warning, where strict asks for an error.
        """
        for look, fraction in self._looks.items():
            if self.done or not len(obs):
                return
            take = min(look - self._rows, len(obs))
            if take <= 0:
                continue
            self._values.append(columns_of(obs[:take]))
            self._pictures = obs.ndim > 2
            self._scores.append(earned.score[:take].numpy())
            flagged = earned.is_anomaly[:take]
            self._flagged.append((flagged if normal is None else flagged[normal[:take]]).numpy())
            if env_reward is not None:
                self._rewards.append(env_reward[:take].numpy())
                env_reward = env_reward[take:]
            obs, earned = obs[take:], StepReward(*(part[take:] for part in earned))
            normal = None if normal is None else normal[take:]
            self._rows += take
            if self._rows == look:
                self._judge(fraction)
                self.done = look == ROWS

    def see_scores(self, obs: Tensor, score: np.ndarray, is_anomaly: np.ndarray, normal: np.ndarray | None) -> None:
        """Look at the next rows: observations [B, *obs], scores [B], flags [B], and where known, which are normal."""
        scores, flags = torch.from_numpy(score), torch.from_numpy(is_anomaly).bool()
        earned = StepReward(scores, scores, scores, flags)
        self.see(obs, earned, None, None if normal is None else torch.from_numpy(normal))

    def finish(self) -> None:
        """Judge what there was, where the data ended before 1,000 rows.

        Raises:
            StrictError: a warning, where strict asks for an error.
        """
        if not self.done and self._rows >= _FEWEST:
            self._judge(_LOOKS[ROWS])
        self.done = True

    def _judge(self, fraction: float) -> None:
        values, scores = np.concatenate(self._values), np.concatenate(self._scores)
        who = f"{self._who}: "
        names = self._model.columns
        columns = None if names is None else tuple(names.names)
        found = outside_text(self._model.profile, values, columns, fraction, self.learning, self._pictures)
        if found:
            self._say("outside training range", f"{who}{found}")
        if self.flags and not self.learning:
            self._judge_flags(np.concatenate(self._flagged), fraction)
        if len(scores) >= _FEWEST and np.ptp(scores) <= 1e-6 * max(1e-6, float(np.abs(scores).max())):
            self._say(
                "scores alike",
                f"{who}the first {len(scores)} scores are all {scores[0]:.4g}: the model tells nothing apart here. "
                f"Look at the data, or fit the model on data of this kind.",
            )
        if (self._rewards and len(scores) >= 256) or (self._rewards and fraction <= _LOOKS[ROWS]):
            self._judge_rewards(np.concatenate(self._rewards))

    def _judge_flags(self, flagged: np.ndarray, fraction: float) -> None:
        count, rate = len(flagged), self._model.mode.options.false_alarm_rate
        limit = max(_TIMES * rate, fraction if fraction > _LOOKS[ROWS] else 0.0)
        if limit >= 1 or count < _FEWEST or not surely_above(float(flagged.mean()), limit, count / self._model.window):
            return
        hint = (
            "an agent that does not behave like the normal data yet gives this too; otherwise look for other units, "
            "columns or normalisers"
            if self._model.mode.replaces
            else "look for other units, columns or normalisers, or fit the model on data of this kind"
        )
        self._say(
            "flag rate",
            f"{self._who}: {flagged.mean():.0%} of the first {count} windows are flagged, and {rate:.0%} of normal "
            f"ones should be: {hint}.",
        )

    def _judge_rewards(self, rewards: np.ndarray) -> None:
        mode, profile = self._model.mode, self._model.profile
        if mode.replaces or not mode.needs_unit or not float(profile.reward_mean) > 0:
            return
        paid, unit = float(np.abs(rewards).mean()), float(profile.reward_mean)
        sparse = not float(profile.reward[5]) > 0  # the median
        if paid > _REWARD * unit or (paid < unit / _REWARD and not sparse):
            self._say(
                "reward scale",
                f"{self._who}: the environment pays {paid:.3g} a step, and the penalty was measured with {unit:.3g}: "
                f"other units, or a wrapper inside that scales rewards. Fit the model with rewards of this kind, or "
                f"give its unit.",
            )

    def _say(self, name: str, text: str) -> None:
        if name not in self._said:
            self._said.add(name)
            warn(name, text, self._strict)


def outside_text(
    profile: DataProfile,
    values: np.ndarray,
    columns: tuple[str, ...] | None,
    fraction: float = 0.25,
    behaviour: bool = False,
    pictures: bool = False,
) -> str | None:
    """Say which columns [N, C] lie outside what was fitted on, by how much, and the likely cause; None if all is well.

    Args:
        profile: of the data that a model was fitted on.
        values: new data.
        columns: names, where there are any.
        fraction: of the rows of a column that has to lie outside.
        behaviour: other behaviour is expected: only causes that it cannot have are worth a word.
        pictures: the columns are those of pictures.
    """
    if not int(profile.count) or values.shape[1] != profile.size or not len(values):
        return None
    seen = Seen(values, profile.quantiles.numpy(), profile.mean.numpy(), profile.std.numpy())
    share, names = seen.outside(), profile.names(columns, pictures)
    outside = share > fraction
    cause = likely_cause(seen, outside, names) if outside.any() or len(values) >= 200 else None
    if not outside.any() and (cause is None or not cause.certain):
        return None
    if behaviour and (cause is None or cause.is_behaviour or not cause.certain):
        return None
    ways = [
        f"{names[c]} ({share[c]:.0%} of {len(values)} rows; fitted on {seen.quantiles[0, c]:.4g} to "
        f"{seen.quantiles[-1, c]:.4g}, now {values[:, c].min():.4g} to {values[:, c].max():.4g})"
        for c in np.flatnonzero(outside)[:3]
    ]
    number = int(outside.sum())
    text = (
        f"{number} of {len(share)} columns lie outside what the model was fitted on: {', '.join(ways)}"
        f"{f' and {number - 3} more' if number > 3 else ''}"
        if number
        else "the columns are not what the model was fitted on"
    )
    if cause is not None:
        why = f"likely cause: {cause.text}"
    elif pictures:
        why = "likely cause: another scene, camera, light or colours"
    else:
        why = "no likely cause found"
    return f"{text}; {why}. Give data as the model was fitted on, or fit it on this."


def surely_above(rate: float, limit: float, count: float) -> bool:
    """Tell whether a rate among `count` independent trials is above a limit by more than chance (1 in 100, Chernoff).

    >>> surely_above(0.4, 0.25, 150), surely_above(0.3, 0.25, 150)
    (True, False)
    """
    if rate <= limit:
        return False
    rest = 0.0 if rate >= 1 else (1 - rate) * math.log((1 - rate) / (1 - limit))
    return count * (rate * math.log(rate / limit) + rest) > math.log(100)
