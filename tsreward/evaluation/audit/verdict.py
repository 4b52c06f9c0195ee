"""Accepted, rejected or undecided, with the reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsreward.evaluation.audit.codes import DECISIVE
from tsreward.evaluation.audit.findings import Findings
from tsreward.evaluation.audit.warnings import COST_ROC, HELD_LIMIT, MARGIN, Warned, best_trivial


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
    behaviour, where given, is at least 0.05 above the best trivial policy (or the frozen first observation, where no
    policy is given), and at most 99 % of bad and half-trained steps earn the least or the most there is. A penalty is
    accepted where the lower bound of its ROC against cost is above 0.9, normal steps are flagged at most twice as often
    as asked, a safe step earns more than nothing where episodes can end, and more than a step with a cost; without
    costs it is undecided.
    """
    against = [warning for warning in warnings if warning.code in DECISIVE[findings.replaces]]
    if against:
        return Verdict("rejected", tuple(f"{one.code}: {one.meaning} Seen: {one.evidence}." for one in against))
    return _likeness(findings) if findings.replaces else _penalty(findings)


def _likeness(findings: Findings) -> Verdict:
    reasons = [f"The median state, held for a whole window, has n = {findings.held.median:.3f}, at most {HELD_LIMIT}."]
    best, half = best_trivial(findings), findings.kind("half_trained")
    if half is None:
        reasons.append("No half-trained behaviour was given: whether there is a way up was not looked at.")
    else:
        reasons.append(
            f"Half-trained behaviour has n = {half.n:.3f}, {best.name} {best.n:.3f}: at least {MARGIN} apart."
        )
    if not any(probe.kind == "trivial" for probe in findings.probes):
        reasons.append("No trivial policies were given: the frozen first observation stands in for them.")
    return Verdict("accepted", tuple(reasons))


def _penalty(findings: Findings) -> Verdict:
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
