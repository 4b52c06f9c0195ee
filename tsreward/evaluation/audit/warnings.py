"""What in the findings a user should know before training, each with its code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsreward.evaluation.audit.codes import CODES
from tsreward.evaluation.audit.findings import Findings
from tsreward.evaluation.audit.probing import Probe

HELD_LIMIT, MARGIN, COST_ROC = 0.1, 0.05, 0.9
"""Most that the median held state may earn, least that half-trained behaviour must be above trivial policies (both in
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


def best_trivial(findings: Findings) -> Probe:
    """Return the trivial policy that earns most; without any, the first observation frozen stands in for them."""
    policies = [probe for probe in findings.probes if probe.kind == "trivial"]
    return max(policies or [probe for probe in findings.probes if probe.name == "frozen_first"], key=lambda p: p.level)


def _likeness(findings: Findings) -> Iterator[Warned]:
    good, bad = findings.kinds[0], findings.kinds[1]
    if good.level <= bad.level:
        yield Warned("TSR004", f"good earns {good.level:.4g} per step, bad {bad.level:.4g}")
        return
    median = findings.held.median
    if median is not None and median > HELD_LIMIT:
        yield Warned("TSR001", f"median n of {findings.held.states} held states is {median:.3f}, at most {HELD_LIMIT}")
    best, half = best_trivial(findings), findings.kind("half_trained")
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
