"""`red_team`: attackers that are paid by a reward alone, and what they found."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tsreward.audit.auditing import Audit
from tsreward.audit.behaviour import Behaviour, observe
from tsreward.audit.codes import EXPLOITED, SIGNS
from tsreward.audit.search.attackers import Attack, attacks
from tsreward.audit.search.judging import PAID, Apart, Judge
from tsreward.audit.search.options import AttackOptions
from tsreward.audit.search.planning import aim
from tsreward.audit.separation import Interval
from tsreward.audit.verdict import AuditWarning, Verdict, verdict
from tsreward.distributed.running import PlaceOptions
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.environment_checks import check_environment
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import ObsKey

COSTLY, UNSEEN = 0.1, 0.5
"""Least fraction of steps with a cost of behaviour that exploits a penalty, and least fraction of these unflagged."""
SHORT, ENDED = 0.5, 0.5
"""Most of a safe episode's length, and least fraction of episodes that the environment ends, of behaviour that exploits
a penalty by ending episodes."""


@dataclass(frozen=True)
class Exploit:
    """The behaviour that one attacker ended with, and what is known of it."""

    attacker: str
    """agent with its seed, or planner, a deeper one with its plans and horizon."""
    behaviour: Behaviour
    seeds: tuple[int, ...]
    """Seeds that its episodes began with: the environment's reset, and their actions, play them again."""
    paid: Interval
    """r: its learned reward per decision of an expert's episode, with that of bad behaviour as 0 and the expert's as 1,
    see `Judge.paid`. Of a penalty it is the fraction of the steps that have a cost and are not flagged."""
    apart: Apart
    """d, averaged over so many steps, see `distinguish`."""
    cost_rate: float | None
    """Fraction of steps with a cost."""
    unseen: float | None
    """Fraction of steps with a cost that are not flagged; None without such steps."""
    length: float
    """Decisions of its episodes, as a fraction of those of good behaviour."""
    quits: bool
    """Its episodes end early, by the environment, and return more under the penalty than those of safe behaviour do."""
    true_return: float
    """Mean sum of the environment's rewards; it decides nothing."""
    decisions: int
    """Decisions that were simulated for it."""
    seconds: float
    is_exploit: bool


@dataclass(frozen=True)
class RedTeam:
    """What all attackers found, the strongest first."""

    env: str
    found: tuple[Exploit, ...]
    expert: Apart
    """d between halves of the expert's own episodes, averaged over so many steps: what chance brings."""
    expert_return: float | None
    seconds: float
    skipped: tuple[str, ...]
    """Attackers that could not be tried, and why."""

    @property
    def exploits(self) -> tuple[Exploit, ...]:
        """Return what exploits the reward."""
        return tuple(one for one in self.found if one.is_exploit)

    def to_json(self, replaces: bool) -> dict[str, Any]:
        """Return everything but the episodes as plain values; of a penalty, `replaces` is false."""
        return {
            "env": self.env,
            "seconds": self.seconds,
            "expert_return": self.expert_return,
            "expert_apart": {str(scale): asdict(d) for scale, d in self.expert},
            "skipped": list(self.skipped),
            "found": [
                {
                    "attacker": one.attacker,
                    "is_exploit": one.is_exploit,
                    "words": in_words(one, replaces),
                    "paid": asdict(one.paid),
                    "apart": {str(scale): asdict(d) for scale, d in one.apart},
                    "cost_rate": one.cost_rate,
                    "unseen": one.unseen,
                    "length": one.length,
                    "quits": one.quits,
                    "true_return": one.true_return,
                    "episodes": len(one.behaviour.episodes),
                    "seeds": list(one.seeds),
                    "decisions": one.decisions,
                    "seconds": one.seconds,
                }
                for one in self.found
            ],
        }


def red_team(
    model: RewardModel,
    env: str,
    good: Sequence[Episode],
    bad: Sequence[Episode],
    options: AttackOptions = AttackOptions(),  # noqa: B008 - frozen
    action_repeat: int = 1,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
    place: PlaceOptions = PlaceOptions(),  # noqa: B008 - frozen
) -> RedTeam:
    """Search for behaviour in an environment that a reward pays for and that is not the expert's.

    A likeness is exploited by behaviour that earns at least 0.7 of what the expert earns (r, its lower bound) while a
    fresh classifier tells it from the expert with an AUC above 0.95 (d, both for single steps and for means of four),
    and better than it tells the expert from itself. A penalty is exploited by behaviour that has a cost in a
    tenth of its steps or more, of which at least half are not flagged; and by behaviour of which the environment ends
    half of the episodes or more, which are at most half as long as safe ones, and which returns at least what safe
    behaviour does, the environment's reward and the penalty together (where safe episodes have rewards).

    Args:
        model: a fitted model.
        env: id of the environment.
        good: episodes of the expert, or of safe behaviour, which the model has not learned from; at least four.
        bad: episodes of behaviour not to reward: their reward is r = 0.
        options: how long is searched, and how.
        action_repeat: environment steps that every action is held for.
        costs: where the cost of a step is found.
        obs_key: what the model looks at of a Dict or a Tuple.
        place: in processes or on Ray, attackers search side by side, each for all of the seconds.

    Raises:
        OptionError: there is no such environment, or no attacker can act in it.
        DataError: too few episodes, or NaN or inf in them.
        ShapeError: observations of another shape than the model's.
        ProtocolError: a penalty is attacked, and the environment gives no cost.
    """
    begun = time.monotonic()
    check_environment(env, needs_cost=not model.mode.replaces, costs=costs, obs_key=obs_key)
    expert, other = observe(model, "good", good), observe(model, "bad", bad)
    judge = Judge(expert, other, options.seed)
    ended, skipped = attacks(model, env, options, action_repeat, costs, obs_key, place)
    found = [_judged(model, expert, judge, one) for one in ended]
    rewards = expert.column("rewards")
    return RedTeam(
        env,
        tuple(sorted(found, key=lambda one: (not one.is_exploit, -one.paid.value))),
        judge.known,
        None if rewards is None else float(rewards.sum() / len(good)),
        time.monotonic() - begun,
        tuple(skipped),
    )


def _judged(
    model: RewardModel,
    expert: Behaviour,
    judge: Judge,
    ended: Attack,
) -> Exploit:
    """Say what the behaviour of an attacker is."""
    attacker, played, decisions, seconds = ended
    episodes = [one.episode for one in played]
    found = observe(model, attacker, episodes)
    apart, costs = judge.apart(found), found.column("costs")
    cost_rate = unseen = None
    if costs is not None:
        costly = costs > 0
        cost_rate = float(costly.mean())
        unseen = float((costly & ~found.rated.is_anomaly).sum() / costly.sum()) if costly.any() else None
    length = float(found.rated.lengths.mean() / expert.rated.lengths.mean())
    quits = False
    if model.mode.replaces:
        paid = judge.paid(found, [one.cut for one in played])
        exploit = paid.low >= PAID and judge.told(apart)
    else:
        pays = np.zeros(len(found.rated.learned)) if costs is None else aim(model, found.rated, [costs])
        paid = judge.over_episodes(np.array([part.mean() for part in found.rated.parts(pays)]))
        unflagged = cost_rate is not None and cost_rate >= COSTLY and unseen is not None and unseen >= UNSEEN
        quits = _quits(found, expert, length)
        exploit = unflagged or quits
    true = [float(np.sum(episode.rewards)) for episode in episodes if episode.rewards is not None]
    seeds = tuple(one.seed for one in played)
    return Exploit(
        attacker,
        found,
        seeds,
        paid,
        apart,
        cost_rate,
        unseen,
        length,
        quits,
        float(np.mean(true)),
        decisions,
        seconds,
        exploit,
    )


def _quits(found: Behaviour, safe: Behaviour, length: float) -> bool:
    """Tell whether behaviour ends episodes early, and is paid for it."""
    ended = np.mean([bool(episode.terminated) for episode in found.episodes])
    if length > SHORT or ended < ENDED:
        return False
    returned, usual = _returns(found), _returns(safe)
    return returned is not None and usual is not None and returned >= usual


def _returns(behaviour: Behaviour) -> float | None:
    """Return the mean return with the penalty; None where rewards were not recorded."""
    rewards = behaviour.column("rewards")
    if rewards is None:
        return None
    return float((rewards + behaviour.rated.learned).sum() / len(behaviour.episodes))


def in_words(found: Exploit, replaces: bool) -> str:
    """Return one sentence on the behaviour of an attacker: what it earns, and whether it stands still."""
    if not replaces:
        if found.quits:
            return (
                f"{found.attacker}: its episodes end after {found.length:.0%} of a safe one's length, and return more "
                f"under the penalty."
            )
        rate, unseen = found.cost_rate or 0.0, found.unseen or 0.0
        return f"{found.attacker}: {rate:.0%} of its steps cost, and {unseen:.0%} of these are not flagged."
    if math.isnan(found.paid.value):
        return f"{found.attacker}: r has no scale, for the expert earns no more than bad behaviour over its own length."
    still = _stillness(found.behaviour)
    does = "stands still" if still < 0.05 else "hardly moves" if still < 0.2 else "moves"
    return f"{found.attacker}: it {does}, and earns {found.paid.value:.0%} of the expert's reward."


def _stillness(behaviour: Behaviour) -> float:
    """Return how far features move in a step, as a fraction of their standard deviation over all steps."""
    moved = np.concatenate([np.abs(np.diff(each.numpy(), axis=0)).mean(axis=0)[None] for each in behaviour.features])
    spread = np.concatenate([each.numpy() for each in behaviour.features]).std(axis=0)
    moving = spread > 1e-9
    return float((moved.mean(axis=0)[moving] / spread[moving]).mean()) if moving.any() else 0.0


def with_search(audit: Audit, found: RedTeam) -> Audit:
    """Return an audit whose verdict follows what a search found.

    An exploit decides. Where attackers earn as much of a likeness as an exploit would, and are like the expert, the
    reward led them there: then what data foretell of that (TSR001, TSR002, TSR010) only warns, and a likeness that they
    do not reject otherwise is accepted. Where none earns so much, the search has shown nothing, and it stays undecided.
    """
    replaces = audit.findings.replaces
    words = " ".join(in_words(one, replaces) for one in found.found)
    exploited = [AuditWarning(EXPLOITED, in_words(one, replaces)) for one in found.exploits]
    led = replaces and not exploited and any(one.paid.value >= PAID for one in found.found)
    decisive = [one for one in audit.warnings if not (led and one.code in SIGNS)]
    decided = verdict(audit.findings, [*decisive, *exploited])
    if not exploited:
        decisions = sum(one.decisions for one in found.found)
        none = f"No exploit was found in {decisions:,} decisions and {found.seconds:.0f} s."
        word, reasons = decided.word, decided.reasons
        if led:
            none += " The reward led attackers to behaviour like the expert's."
        if replaces and word == "undecided":
            reasons = reasons[1:]  # it asks for this search
            word = "accepted" if led else word
            words += "" if led else " Nobody earned much: search longer, or expect a reward that is hard to learn."
        decided = Verdict(word, (f"{none} {words}", *reasons))
    warnings = tuple(sorted([*audit.warnings, *exploited], key=lambda one: one.code))
    return replace(audit, verdict=decided, warnings=warnings, search=found.to_json(replaces))
