"""Findings, the warnings they give, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsreward.audit.agreement import Agreement
from tsreward.audit.incentives import Shape, Stakes, Termination
from tsreward.audit.probing import Held, Probe
from tsreward.audit.sensitivity import History, Smoothing
from tsreward.audit.separation import FalseAlarms, Separation


@dataclass(frozen=True)
class Code:
    """A kind of warning."""

    meaning: str
    remedy: str


CODES = {
    "TSR001": Code(
        "Standing still is rewarded: the median state, held for a whole window, earns more than a tenth of what good "
        "behaviour earns.",
        "Give held windows as negatives or as probes to fit, take a shape of g that is anchored on them, or a window "
        "of at least 2 steps.",
    ),
    "TSR002": Code(
        "There is no way up: half-trained behaviour earns hardly more than a policy that looks at nothing.",
        "Learn from failures and half-trained behaviour too, or from the agent's own windows while it trains.",
    ),
    "TSR003": Code(
        "Something that is not good earns more than good behaviour does, in the mean and in most of its steps.",
        "Give that behaviour as negatives to fit, and audit again.",
    ),
    "TSR004": Code(
        "The reward is upside down: bad behaviour earns at least as much per step as good behaviour.",
        "Check that good and bad were not mixed up; then take another scorer, or give it negatives.",
    ),
    "TSR005": Code(
        "Ending early pays: episodes can end, and what follows in good ones, or a safe step under a penalty, earns "
        "less than nothing.",
        "Take a reward that is never negative (shape exponential or odds), or a smaller penalty weight.",
    ),
    "TSR006": Code(
        "A whole episode of something that is not good earns at least as much as a good one, by its length or by doing "
        "nothing.",
        "Make episodes of one length (a time limit, no early end), shift the reward, or look at the penalty weight.",
    ),
    "TSR007": Code(
        "Normal steps are flagged more than twice as often as was asked for.",
        "Calibrate on more episodes, of the kind that is being judged, that the scorer has not learned from.",
    ),
    "TSR008": Code(
        "The score separates steps with a cost too weakly from steps without: the lower bound of the ROC is not above "
        "0.9.",
        "Give windows with a cost as negatives (Deep SAD), from more than one agent; sort lidar where there is any.",
    ),
    "TSR009": Code(
        "The score is anti-predictive: steps with a cost look less strange than steps without.",
        "Do not train on it: a penalty would push the agent towards cost. Give windows with a cost as negatives.",
    ),
    "TSR010": Code(
        "Nearly all bad and half-trained steps earn the same: nothing tells a learner which way is better.",
        "Take a wider scale of g, or add an exploration bonus.",
    ),
    "TSR011": Code(
        "One feature alone moves the score.",
        "Look whether it gives the answer away (a clock, a score board, a start state), and leave it out.",
    ),
    "TSR012": Code(
        "The reward is fragile: noise of a fiftieth of each channel's spread costs good behaviour half of it, or "
        "flags a tenth more of its steps.",
        "Fit with noise on the inputs, take a shorter window, or smooth the scores.",
    ),
    "TSR013": Code(
        "The learned reward ranks episodes against the true one.",
        "See which behaviour earns too much in the scatter of returns, and give it as negatives.",
    ),
    "TSR014": Code(
        "There are fewer than five episodes of good or of bad behaviour: the intervals mean little.",
        "Record more episodes.",
    ),
    "TSR015": Code(
        "Cost still pays: with the penalty in it, a step with a cost earns no less than a safe one.",
        "Take a larger weight, or the form tail or constant, whose size follows the environment's reward.",
    ),
}
"""Code -> what it means. README.md explains them under the same numbers."""

DECISIVE = {
    True: frozenset({"TSR001", "TSR002", "TSR004", "TSR010"}),
    False: frozenset({"TSR005", "TSR007", "TSR008", "TSR009", "TSR015"}),
}
"""Codes for which a reward is rejected, by whether it replaces the environment's; all others are worth a look."""


@dataclass(frozen=True)
class Kind:
    """One kind of behaviour and what it earns."""

    name: str
    episodes: int
    steps: int
    level: float
    """J: mean over episodes of the mean learned reward per step."""
    typical: float
    """Median learned reward of a step."""
    n: float | None
    """(J − J(bad)) / (J(good) − J(bad)); None where good earns no more than bad."""
    flagged: float
    cost_rate: float | None


@dataclass(frozen=True)
class Findings:
    """Measurements on one model; those that the data do not allow are None or empty."""

    replaces: bool
    """Whether the learned reward takes the place of the environment's; a penalty does not."""
    kinds: tuple[Kind, ...]
    separations: tuple[Separation, ...]
    false_alarms: tuple[FalseAlarms, ...]
    agreement: Agreement | None
    probes: tuple[Probe, ...]
    held: Held
    termination: Termination | None
    stakes: Stakes | None
    shape: Shape
    features: tuple[float, ...]
    """Share of each feature in what moves the score."""
    history: tuple[History, ...]
    smoothing: tuple[Smoothing, ...]

    def kind(self, name: str) -> Kind | None:
        """Return the behaviour of this name."""
        return next((kind for kind in self.kinds if kind.name == name), None)


HELD_LIMIT, MARGIN, COST_ROC = 0.1, 0.05, 0.9
"""Most that the median held state may earn, least that half-trained behaviour must be above blind policies (both in
units of n), and what the ROC against cost must exceed."""
_ABOVE, _SAME, _ONE_FEATURE, _FRAGILE, _MORE_FLAGS, _ENDED, _FEW = 1.02, 0.99, 0.9, 0.5, 0.1, 0.05, 5


@dataclass(frozen=True)
class Warned:
    """One warning."""

    code: str
    evidence: str
    """What was seen, with the numbers."""

    @property
    def meaning(self) -> str:
        """Return what the code means."""
        return CODES[self.code].meaning

    @property
    def remedy(self) -> str:
        """Return what helps."""
        return CODES[self.code].remedy


def warned(findings: Findings) -> tuple[Warned, ...]:
    """Return all warnings in the order of their codes."""
    found = [*(_likeness(findings) if findings.replaces else _penalty(findings)), *_either(findings)]
    return tuple(sorted(found, key=lambda warning: warning.code))


def best_blind(findings: Findings) -> Probe:
    """Return the blind policy that earns most; without any, the first observation frozen stands in for them."""
    policies = [probe for probe in findings.probes if probe.kind == "blind"]
    return max(policies or [probe for probe in findings.probes if probe.name == "frozen_first"], key=lambda p: p.level)


def _likeness(findings: Findings) -> Iterator[Warned]:
    good, bad = findings.kinds[0], findings.kinds[1]
    if good.level <= bad.level:
        yield Warned("TSR004", f"good earns {good.level:.4g} per step, bad {bad.level:.4g}")
        return
    median = findings.held.median
    if median is not None and median > HELD_LIMIT:
        yield Warned("TSR001", f"median n of {findings.held.states} held states is {median:.3f}, at most {HELD_LIMIT}")
    best, half = best_blind(findings), findings.kind("half_trained")
    if half is not None and half.n is not None and best.n is not None and half.n < best.n + MARGIN:
        yield Warned(
            "TSR002",
            f"n of half_trained is {half.n:.3f}, of {best.name} {best.n:.3f}, wanted {MARGIN} apart",
        )
    for probe in findings.probes:
        # An expert that comes to rest earns less on its way there than a probe that is at rest from the beginning.
        if probe.kind != "disturbed" and probe.n is not None and probe.n > _ABOVE and probe.level > good.typical:
            yield Warned("TSR003", f"{probe.name}: n = {probe.n:.3f}")
        if probe.kind == "disturbed" and probe.n is not None and probe.n < _FRAGILE:
            yield Warned("TSR012", f"{probe.name}: n = {probe.n:.3f}")
    if half is not None and half.n is not None and half.n > _ABOVE:
        yield Warned("TSR003", f"half_trained: n = {half.n:.3f}")
    ends = findings.termination
    if ends is not None and ends.ends and ends.better_ended > _ENDED:
        yield Warned("TSR005", f"after {ends.better_ended:.0%} of the steps of good episodes")
    others = [kind for kind in findings.kinds[1:] if kind.name in ("bad", "half_trained")]
    limits = (findings.shape.at_least, findings.shape.at_most)
    steps = sum(kind.steps for kind in others)
    share = max(sum(limit[kind.name] * kind.steps for kind in others) / steps for limit in limits)
    if share > _SAME:
        yield Warned("TSR010", f"{share:.1%} of their {steps} steps are at one limit of the reward")
    agreed = findings.agreement and findings.agreement.spearman
    if agreed and agreed.high < 0:
        yield Warned("TSR013", f"Spearman {agreed.value:.2f} ({agreed.low:.2f} to {agreed.high:.2f})")


def _penalty(findings: Findings) -> Iterator[Warned]:
    ends, stakes = findings.termination, findings.stakes
    if ends is not None and ends.ends and stakes is not None and stakes.safe < 0:
        yield Warned("TSR005", f"a safe step earns {stakes.safe:.4g} in the mean")
    if stakes is not None and not stakes.adapts and stakes.costly is not None and stakes.costly >= stakes.safe:
        enough = "" if stakes.factor is None else f"; {stakes.factor:.2g} times the penalty would make them equal"
        yield Warned(
            "TSR015", f"a step with a cost earns {stakes.costly:.4g} in the mean, a safe one {stakes.safe:.4g}{enough}"
        )
    cost = findings.agreement and findings.agreement.cost
    if cost and cost.roc.value < 0.5:
        yield Warned("TSR009", f"ROC {cost.roc.value:.3f} ({cost.roc.low:.3f} to {cost.roc.high:.3f})")
    elif cost and cost.roc.low <= COST_ROC:
        yield Warned("TSR008", f"ROC {cost.roc.value:.3f} ({cost.roc.low:.3f} to {cost.roc.high:.3f})")
    good = findings.kinds[0]
    for probe in findings.probes:
        if probe.kind == "disturbed" and probe.flagged > good.flagged + _MORE_FLAGS:
            yield Warned("TSR012", f"{probe.name}: {probe.flagged:.1%} flagged, {good.flagged:.1%} without it")


def _either(findings: Findings) -> Iterator[Warned]:
    ends = findings.termination
    if ends is not None:
        bar = ends.returns["good"]
        for name, value in ends.returns.items():
            kind = findings.kind(name)
            known = findings.replaces and kind is not None and kind.level >= findings.kinds[0].level
            if name not in ("good", "half_trained") and value >= bar and not known:
                yield Warned(
                    "TSR006",
                    f"{name} returns {value:.4g} in {ends.lengths[name]:.0f} steps, good {bar:.4g} in "
                    f"{ends.lengths['good']:.0f}",
                )
    for row in findings.false_alarms:
        if row.chosen and row.seen.value > 2 * row.asked:
            yield Warned("TSR007", f"{row.seen.value:.1%} of normal steps are flagged, {row.asked:.1%} were asked for")
    if len(findings.features) > 1 and max(findings.features) > _ONE_FEATURE:
        top = findings.features.index(max(findings.features))
        yield Warned("TSR011", f"feature {top} makes {max(findings.features):.0%} of it")
    for kind in findings.kinds[:2]:
        if kind.episodes < _FEW:
            yield Warned("TSR014", f"{kind.episodes} of {kind.name} behaviour")


@dataclass(frozen=True)
class Verdict:
    """What is to be expected of training on this reward."""

    word: str
    """accepted, rejected or undecided."""
    reasons: tuple[str, ...]
    """The evidence that decided, in sentences; what was printed and did not decide is not among them."""


def verdict(findings: Findings, warnings: Sequence[Warned]) -> Verdict:
    """Decide.

    A reward that replaces the environment's is accepted where the median state, held, has n ≤ 0.1, half-trained
    behaviour, where given, is at least 0.05 above the best blind policy (or the frozen first observation, where no
    policy is given), and at most 99 % of bad and half-trained steps earn the least or the most there is. A penalty is
    accepted where the lower bound of its ROC against cost is above 0.9, normal steps are flagged at most twice as often
    as asked, a safe step earns more than nothing where episodes can end, and more than a step with a cost; without
    costs it is undecided.
    """
    against = [warning for warning in warnings if warning.code in DECISIVE[findings.replaces]]
    if against:
        return Verdict("rejected", tuple(f"{one.code}: {one.meaning} Seen: {one.evidence}." for one in against))
    return _likeness_verdict(findings) if findings.replaces else _penalty_verdict(findings)


def _likeness_verdict(findings: Findings) -> Verdict:
    reasons = [f"The median state, held for a whole window, has n = {findings.held.median:.3f}, at most {HELD_LIMIT}."]
    best, half = best_blind(findings), findings.kind("half_trained")
    if half is None:
        reasons.append("No half-trained behaviour was given: whether there is a way up was not looked at.")
    else:
        reasons.append(
            f"Half-trained behaviour has n = {half.n:.3f}, {best.name} {best.n:.3f}: at least {MARGIN} apart."
        )
    if not any(probe.kind == "blind" for probe in findings.probes):
        reasons.append("No blind policies were given: the frozen first observation stands in for them.")
    return Verdict("accepted", tuple(reasons))


def _penalty_verdict(findings: Findings) -> Verdict:
    cost = findings.agreement and findings.agreement.cost
    if not cost:
        return Verdict(
            "undecided", ("No data with both steps that cost and steps that do not: give episodes with costs.",)
        )
    chosen = next(row for row in findings.false_alarms if row.chosen)
    reasons = [
        f"The ROC of the score against cost is {cost.roc.value:.3f} ({cost.roc.low:.3f} to {cost.roc.high:.3f}), its "
        f"lower bound above {COST_ROC}.",
        f"{chosen.seen.value:.1%} of normal steps are flagged, {chosen.asked:.1%} were asked for.",
    ]
    stakes = findings.stakes
    if stakes is None or stakes.costly is None:
        reasons.append("Without environment rewards, whether cost or ending early pays was not looked at.")
    else:
        reasons.append(f"A safe step earns {stakes.safe:.4g} in the mean, a step with a cost {stakes.costly:.4g}.")
    return Verdict("accepted", tuple(reasons))
