"""Alarms of a training: what goes wrong, read off the rows of its episodes while they come, or afterwards.

    from tsreward.data.alarms import find_alarms
    from tsreward.data.episode_rows import read_rows

    for run in read_rows(Path("runs/first/episodes.csv")):
        print(run.agent, find_alarms(run.rows))

Alarms look at episodes in the order in which they ended: after 8 of them, and from then on whenever their number has
grown by a tenth. Of a figure those episodes count that have it, and where fewer than 8 have, nothing is said of it.
The *latest* ones are the last quarter of them, 8 at least; *lately* means over the last half, 12 at least. A figure
rises or falls where the test of Mann and Kendall says so with z above 3.09 (one series in 1,000 by chance). What an
agent is paid is the learned return, or the true one where nothing is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import OptionError
from tsreward.functional.trend import mann_kendall

FIRST_LOOK, GROWTH = 8, 1.1
SURE = 3.09
_LATEST, _LATELY, _YOUNG = 8, 12, 20
_STILL, _SAME, _TOLD, _OUTSIDE, _SHORTER, _FLAGGED = 0.1, 0.98, 0.95, 0.5, 0.8, 0.95


class Watched:
    """The figures of the episodes so far, by name."""

    def __init__(self, rows: Sequence[EpisodeRow]) -> None:
        self._rows = rows

    @property
    def learned(self) -> bool:
        """Whether a learned reward pays the agent."""
        return self._rows[-1].learned_return is not None

    @property
    def is_young(self) -> bool:
        """Whether an agent of so few episodes may well not have learned anything yet."""
        return len(self._rows) < _YOUNG

    @property
    def paid(self) -> str:
        """Return the name of what the agent is paid."""
        return "learned_return" if self.learned else "true_return"

    def all(self, name: str) -> np.ndarray | None:
        """Return a figure of the episodes that have it; None where fewer than 8 do."""
        values = [value for row in self._rows if (value := getattr(row, name)) is not None]
        return np.array(values, float) if len(values) >= _LATEST else None

    def median(self, name: str) -> float | None:
        """Return the median of a figure over the latest episodes."""
        values = self.all(name)
        return None if values is None else float(np.median(values[-max(_LATEST, len(values) // 4) :]))

    def first(self, name: str) -> float | None:
        """Return the median of a figure over the first quarter."""
        values = self.all(name)
        return None if values is None else float(np.median(values[: max(1, len(values) // 4)]))

    def trend(self, name: str) -> float:
        """Return z of a figure lately; 0 where it is missing, or over fewer than 12 episodes."""
        values = self.all(name)
        if values is None or len(values) < _LATELY:
            return 0.0
        return mann_kendall(values[-max(_LATELY, len(values) // 2) :]).z


Rule = Callable[[Watched], str | None]
"""Return the evidence where an alarm rings."""


def _apart(seen: Watched) -> str | None:
    paid, far = seen.trend(seen.paid), seen.trend("expert_distance")
    if paid > SURE and far > SURE:
        return f"what it is paid rises (z = {paid:.1f}), and so does its distance to the expert (z = {far:.1f})"
    return None


def _worse(seen: Watched) -> str | None:
    paid, true = seen.trend("learned_return"), seen.trend("true_return")
    if paid > SURE and true < -SURE:
        return f"the learned return rises (z = {paid:.1f}), the true one falls (z = {true:.1f})"
    return None


def _unlike(seen: Watched) -> str | None:
    told, far = seen.median("paid_auc"), seen.trend("expert_distance")
    if told is not None and told > _TOLD and seen.trend(seen.paid) > SURE and far > -SURE:
        return f"what it is paid rises; its best-paid steps are farther from the expert than {told:.0%} of its own"
    return None


def _least(seen: Watched) -> str | None:
    rate = seen.median("low_rate")
    if rate is not None and rate > _SAME and not seen.is_young:
        return f"{rate:.1%} of the steps are paid the least there is"
    return None


def _still(seen: Watched) -> str | None:
    motion = seen.median("motion")
    if motion is not None and motion < _STILL:
        return f"features move {motion:.3f} times as far in a step as in the expert's episodes"
    return None


def _shorter(seen: Watched) -> str | None:
    now, before, trend = seen.median("length"), seen.first("length"), seen.trend("length")
    if now is not None and before is not None and trend < -SURE and now < _SHORTER * before and seen.learned:
        return f"episodes last {now:.0f} decisions, at first {before:.0f} (z = {trend:.1f})"
    return None


def _flagged(seen: Watched) -> str | None:
    rate, trend = seen.median("flag_rate"), seen.trend("flag_rate")
    if rate is not None and rate > _FLAGGED and trend > -SURE and not seen.is_young:
        return f"{rate:.0%} of the steps are flagged, and that does not fall"
    return None


def _outside(seen: Watched) -> str | None:
    rate = seen.median("outside_rate")
    if rate is not None and rate > _OUTSIDE:
        return f"in {rate:.0%} of the steps some feature lies beyond the expert's range"
    return None


@dataclass(frozen=True)
class AlarmKind:
    """A kind of alarm."""

    title: str
    explanation: str
    """When it rings."""
    remedy: str
    rule: Rule


_NEGATIVES = "give what the agent does to fit as negatives (tsreward audit --repair), or take an active reward"
ALARMS = {
    "TSR101": AlarmKind(
        "Paid more for being less like the expert",
        "what the agent is paid rises lately, and so does its distance to the expert.",
        f"The agent has found an exploit: look at its film, then {_NEGATIVES}.",
        _apart,
    ),
    "TSR102": AlarmKind(
        "Paid more for less true return",
        "the learned return rises lately while the true return falls.",
        f"The reward pays for something else than the environment does: look at the agent's film, then {_NEGATIVES}.",
        _worse,
    ),
    "TSR103": AlarmKind(
        "What pays most is unlike the expert",
        "what the agent is paid rises lately; the ROC AUC between its best-paid steps and the expert's, by their "
        "distance "
        "to the nearest step of the expert, is above 0.95 (median of the latest episodes), and its distance to the "
        "expert does not fall.",
        f"The reward leads away from the expert: look at the agent's film, then {_NEGATIVES}.",
        _unlike,
    ),
    "TSR104": AlarmKind(
        "Nearly all steps pay the least",
        "after 20 episodes or more, over 98 % of the steps (median of the latest ones) are paid the least that the "
        "reward can pay.",
        "The agent sees no direction: take a wider scale of the transform g, an exploration bonus, or an active "
        "reward.",
        _least,
    ),
    "TSR105": AlarmKind(
        "The agent stands still",
        "features move less than a tenth as far in a step as in the expert's episodes (median of the latest episodes).",
        "Give held windows to fit as negatives or probes, or take a window of at least 2 steps.",
        _still,
    ),
    "TSR106": AlarmKind(
        "Episodes become shorter",
        "under a learned reward episodes become shorter lately, and the latest ones have less than 0.8 of the length "
        "of "
        "the first quarter (medians).",
        "Where ending early is no success, the agent flees from a reward that is negative: take one that never is, "
        "or a "
        "smaller penalty weight.",
        _shorter,
    ),
    "TSR107": AlarmKind(
        "Nearly all steps are flagged",
        "after 20 episodes or more, over 95 % of the steps (median of the latest ones) are flagged, and the flag rate "
        "does not fall lately.",
        "The agent does not find to what is normal: look for other units or columns, take a smaller false-alarm "
        "rate, or an active reward.",
        _flagged,
    ),
    "TSR108": AlarmKind(
        "The agent is outside the range of the data",
        "in more than half of the steps (median of the latest episodes) some feature lies a tenth of the expert's "
        "range "
        "beyond that range.",
        "A frozen scorer has never learned anything about what it sees there: give it negatives, or take an active "
        "reward.",
        _outside,
    ),
}
"""Code -> what it means."""

DEFAULT = ("TSR101", "TSR102", "TSR105", "TSR106")
"""Codes that ring where nothing else is asked for. The others rang in a fifth of the successful trainings of
benchmarks/reward_watch.py or more: agents are often paid the least, flagged or outside the expert's range for long, and
still get there."""


@dataclass(frozen=True)
class Alarm:
    """An alarm that rang."""

    code: str
    step: int
    """Decisions so far when it rang."""
    episode: int
    """Episodes that had ended."""
    evidence: str

    @property
    def kind(self) -> AlarmKind:
        """What it means."""
        return ALARMS[self.code]

    def in_words(self) -> str:
        """Return what rang, when, the evidence and the remedy."""
        return f"{self.code} after {self.step:,} decisions: {self.kind.title}: {self.evidence}. {self.kind.remedy}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"title": self.kind.title}


class Alarms:
    """Listens to the rows of episodes; every alarm rings once.

    Raises:
        OptionError: there is no such code.
    """

    def __init__(self, codes: Iterable[str] = DEFAULT) -> None:
        self._codes = list(codes)
        if unknown := [code for code in self._codes if code not in ALARMS]:
            raise OptionError(f"There is no alarm {unknown[0]}: {', '.join(ALARMS)}.")
        self._rows: list[EpisodeRow] = []
        self._due = FIRST_LOOK

    def add(self, row: EpisodeRow) -> list[Alarm]:
        """Return the alarms that ring with the next episode."""
        self._rows.append(row)
        number = len(self._rows)
        if number < self._due:
            return []
        self._due = max(number + 1, int(GROWTH * number))
        seen = Watched(self._rows)
        rung = [
            Alarm(code, row.step, number, evidence) for code in self._codes if (evidence := ALARMS[code].rule(seen))
        ]
        self._codes = [code for code in self._codes if code not in {one.code for one in rung}]
        return rung


def find_alarms(rows: Iterable[EpisodeRow], codes: Iterable[str] = DEFAULT) -> list[Alarm]:
    """Return the alarms that ring in the episodes of an agent, in their order.

    >>> still = [EpisodeRow(100 * number, 100, 0.0, 50.0, motion=0.01) for number in range(1, 20)]
    >>> [(one.code, one.step) for one in find_alarms(still)]
    [('TSR105', 800)]

    Raises:
        OptionError: there is no such code.
    """
    alarms = Alarms(codes)
    return [one for row in rows for one in alarms.add(row)]
