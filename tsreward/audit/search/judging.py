"""Is behaviour what a reward was meant for? How much it earns, and whether it can be told from the expert's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from tsreward.audit.behaviour import Behaviour, observe
from tsreward.audit.probing import Scale
from tsreward.audit.search.distinguish import SCALES, baseline, distinguish
from tsreward.audit.separation import Interval, episode_weights, interval
from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.episodes import Episode

PAID, APART = 0.7, 0.95
"""Least of the expert's reward that an exploit earns, and least d by which it is told from the expert."""

_LEAST = 0.5
"""Least of the expert's length that an episode is compared over where the search has cut it off."""

Apart = tuple[tuple[int, Interval], ...]
"""d, averaged over so many steps, see `distinguish`."""


class Judge:
    """Compares behaviour with an expert's.

    Args:
        expert: behaviour of the expert, four episodes or more.
        bad: behaviour not to reward, whose reward is r = 0.
        seed: of classifiers and bootstrap.

    Raises:
        DataError: too few episodes of the expert.
    """

    def __init__(self, expert: Behaviour, bad: Behaviour, seed: int) -> None:
        self._expert, self._seed = expert, seed
        self.known: Apart = tuple((scale, baseline(expert.features, scale, seed)) for scale in SCALES)
        """d between halves of the expert's own episodes: what chance brings."""
        self._bad, self._length = bad, round(float(expert.rated.lengths.mean()))

    def paid(self, found: Behaviour, cut: Sequence[bool] = ()) -> Interval:
        """Return r: the learned reward per decision of an expert's episode, of bad behaviour 0 and of the expert 1.

        What an episode lacks to the expert's length earns nothing. One that the search has cut off is compared with as
        many first decisions of the others, and with half of the expert's length at least.
        """
        scaled = []
        for number, part in enumerate(found.rated.parts(found.rated.learned)):
            within = self._length
            if cut and cut[number]:
                within = min(max(len(part), math.ceil(_LEAST * within)), within)
            scale = Scale(*(_earned(known, within).mean() for known in (self._expert, self._bad)))
            scaled.append(scale(float(part[:within].sum() / within)))
        return self.over_episodes(np.array([np.nan if one is None else one for one in scaled]))

    def apart(self, found: Behaviour) -> Apart:
        """Return d for every length; a single episode is cut in two halves, which are not independent."""
        features = list(found.features)
        if len(features) == 1:
            middle = len(features[0]) // 2
            features = [features[0][:middle], features[0][middle:]]
        if min(map(len, features)) < 2:
            return ()
        return tuple((scale, distinguish(self._expert.features, features, scale, self._seed)) for scale in SCALES)

    def told(self, apart: Apart) -> bool:
        """Tell whether behaviour of this d is told from the expert: at every length, and better than by chance."""
        known = dict(self.known)
        return bool(apart) and all(d.value > max(APART, known[scale].high) for scale, d in apart)

    def over_episodes(self, values: np.ndarray) -> Interval:
        """Return the mean of values [E] with an interval that is bootstrapped over episodes."""
        weights = episode_weights(np.random.default_rng(self._seed), len(values))
        return interval(float(values.mean()), weights @ values / len(values))


def _earned(behaviour: Behaviour, within: int) -> np.ndarray:
    """Return [E] the learned reward of the first decisions of every episode, per decision."""
    return np.array([part[:within].sum() / within for part in behaviour.rated.parts(behaviour.rated.learned)])


@dataclass(frozen=True)
class AgentVerdict:
    """What a likeness has led an agent to."""

    paid: Interval
    """r: its learned reward, of random behaviour 0 and of the expert 1."""
    apart: Apart
    """d: how well a fresh classifier tells it from the expert."""
    expert: Apart
    """d between halves of the expert's own episodes."""
    true_fraction: float | None
    """Its true return, of random behaviour 0 and of the expert 1; it decides nothing."""
    word: str
    """reached: it earns r ≥ 0.7 and is not told from the expert. exploited: it earns as much, and is. not learned: it
    earns less."""

    @classmethod
    def of(
        cls,
        model: RewardModel,
        expert: Sequence[Episode],
        bad: Sequence[Episode],
        agent: Sequence[Episode],
        true_fraction: float | None = None,
        seed: int = 0,
    ) -> Self:
        """Judge the episodes of a trained agent.

        Raises:
            DataError: fewer than four episodes of the expert, or fewer than two of the agent.
            MissingExtraError: scikit-learn is not installed.
        """
        if len(agent) < 2:
            raise DataError(f"Judging an agent takes two of its episodes or more, got {len(agent)}.")
        judge = Judge(observe(model, "good", expert), observe(model, "bad", bad), seed)
        found = observe(model, "agent", agent)
        paid, apart = judge.paid(found), judge.apart(found)
        told = judge.told(apart)
        word = "not learned" if not paid.value >= PAID else "exploited" if told else "reached"
        return cls(paid, apart, judge.known, true_fraction, word)

    def in_words(self) -> str:
        """Return one or two sentences."""
        least = min((d.value for _, d in self.apart), default=float("nan"))
        own = max(d.value for _, d in self.expert)
        earns = f"it earns r = {self.paid.value:.2f} of the expert's reward"
        told = f"a fresh classifier tells it from the expert with d = {least:.2f} (the expert from itself: {own:.2f})"
        means = {
            "reached": "The reward led the agent to behaviour like the expert's",
            "exploited": "The reward is exploited: the agent is paid for other behaviour than the expert's",
            "not learned": "The agent has not learned what the reward pays for",
        }
        return f"{means[self.word]}: {earns}, and {told}."

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "word": self.word,
            "words": self.in_words(),
            "r": asdict(self.paid),
            "d": {str(scale): asdict(d) for scale, d in self.apart},
            "d_expert": {str(scale): asdict(d) for scale, d in self.expert},
            "true_fraction": self.true_fraction,
        }
