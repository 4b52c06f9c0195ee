"""The rules, each on findings that break this one alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.audit.circles import moving_audit, safe_audit
from tsreward.audit.codes import CLIMBED, CODES, DECISIVE, EXPLOITED
from tsreward.audit.probing import Probe
from tsreward.audit.separation import Interval
from tsreward.audit.verdict import Findings, find_warnings, verdict


def likeness() -> Findings:
    return moving_audit().findings


def penalty() -> Findings:
    return safe_audit().findings


def test_nothing_is_wrong_with_what_is_broken_below():
    assert find_warnings(likeness()) == find_warnings(penalty()) == ()


def kind(found, name, **change):
    kinds = tuple(replace(one, **change) if one.name == name else one for one in found.kinds)
    return replace(found, kinds=kinds)


def probe(found, name, **change):
    return replace(found, probes=tuple(replace(one, **change) if one.name == name else one for one in found.probes))


def cost(found, value, low, high):
    separated = replace(found.agreement.cost, roc=Interval(value, low, high))
    return replace(found, agreement=replace(found.agreement, cost=separated))


def ends(found, **change):
    return replace(found, termination=replace(found.termination, **change))


def earns(found, **change):
    return replace(found, reward_margins=replace(found.reward_margins, **change))


def seen(found, value):
    rows = (replace(row, seen=Interval(value, value, value)) if row.chosen else row for row in found.false_alarms)
    return replace(found, false_alarms=tuple(rows))


def spearman(found, *values):
    return replace(found, agreement=replace(found.agreement, spearman=Interval(*values)))


def limits(found, fraction):
    return replace(
        found, distribution=replace(found.distribution, at_least=dict.fromkeys(found.distribution.at_least, fraction))
    )


def returns(found, name, value):
    return ends(found, returns=found.termination.returns | {name: value})


CASES = {
    "held": (likeness, lambda f: replace(f, held=replace(f.held, median=0.11)), {"TSR001"}),
    "held, just": (likeness, lambda f: replace(f, held=replace(f.held, median=0.1)), set()),
    "no gradient": (likeness, lambda f: kind(probe(f, "still", n=0.5, level=0.9), "half_trained", n=0.54), {"TSR002"}),
    "a gradient": (likeness, lambda f: kind(probe(f, "still", n=0.5, level=0.9), "half_trained", n=0.56), set()),
    "not by a probe": (likeness, lambda f: kind(probe(f, "reversed", n=0.9), "half_trained", n=0.3), set()),
    "a probe above": (likeness, lambda f: probe(f, "zero", n=1.2, level=9.0), {"TSR003"}),
    "good comes to rest": (likeness, lambda f: probe(f, "zero", n=1.2, level=f.kinds[0].median), set()),
    "half above": (likeness, lambda f: kind(f, "half_trained", n=1.1), {"TSR003"}),
    "inverted": (likeness, lambda f: kind(f, "bad", level=f.kinds[0].level), {"TSR004"}),
    "ending": (likeness, lambda f: ends(f, better_ended=0.2, ends=True), {"TSR005"}),
    "never ends": (likeness, lambda f: ends(f, better_ended=0.2, ends=False), set()),
    "long": (likeness, lambda f: returns(f, "bad", 1e6), {"TSR006"}),
    "half may": (likeness, lambda f: returns(f, "half_trained", 1e6), set()),
    "alarms": (likeness, lambda f: seen(f, 0.11), {"TSR007"}),
    "few alarms": (likeness, lambda f: seen(f, 0.09), set()),
    "flat": (likeness, lambda f: limits(f, 0.995), {"TSR010"}),
    "one feature": (likeness, lambda f: replace(f, features=(0.95, 0.05)), {"TSR011"}),
    "only feature": (likeness, lambda f: replace(f, features=(1.0,)), set()),
    "fragile": (likeness, lambda f: probe(f, "noise", n=0.4), {"TSR012"}),
    "against": (likeness, lambda f: spearman(f, -0.5, -0.8, -0.1), {"TSR013"}),
    "unclear": (likeness, lambda f: spearman(f, -0.5, -0.8, 0.1), set()),
    "few": (likeness, lambda f: kind(f, "bad", episodes=4), {"TSR014"}),
    "weak": (penalty, lambda f: cost(f, 0.92, 0.89, 0.95), {"TSR008"}),
    "strong": (penalty, lambda f: cost(f, 0.92, 0.91, 0.95), set()),
    "backwards": (penalty, lambda f: cost(f, 0.3, 0.2, 0.4), {"TSR009"}),
    "penalty alarms": (penalty, lambda f: seen(f, 0.11), {"TSR007"}),
    "penalty ending": (penalty, lambda f: earns(ends(f, ends=True), safe=-0.1, costly=-2.0), {"TSR005"}),
    "penalty, never ends": (penalty, lambda f: earns(f, safe=-0.1, costly=-2.0), set()),
    "cost pays": (penalty, lambda f: earns(f, safe=0.5, costly=0.6), {"TSR015"}),
    "cost pays less": (penalty, lambda f: earns(f, safe=0.5, costly=0.4), set()),
    "cost pays as yet": (penalty, lambda f: earns(f, safe=0.5, costly=0.6, adapts=True), set()),
    "nothing pays": (penalty, lambda f: returns(f, "bad", 1e6), {"TSR006"}),
    "flagged noise": (penalty, lambda f: probe(f, "noise", flag_rate=0.9), {"TSR012"}),
    "held penalty": (penalty, lambda f: replace(f, held=replace(f.held, median=0.9)), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_alone(case):
    made, change, codes = CASES[case]
    findings = change(made())
    found = find_warnings(findings)
    assert {warning.code for warning in found} == codes
    decided = verdict(findings, found)
    rejected = codes & DECISIVE[findings.replaces]
    assert decided.word == ("rejected" if rejected else "undecided" if findings.replaces else "accepted")
    assert all(
        code in reason for code, reason in zip(sorted(rejected), decided.reasons if rejected else (), strict=True)
    )
    assert all(warning.meaning and warning.remedy and warning.evidence for warning in found)


def test_every_code_has_a_case():
    assert {code for _, _, codes in CASES.values() for code in codes} == set(CODES) - {
        EXPLOITED,
        CLIMBED,
    }  # of a search


def test_without_costs_a_penalty_is_undecided():
    findings = replace(penalty(), agreement=None)
    assert verdict(findings, find_warnings(findings)).word == "undecided"


def test_what_was_not_looked_at_is_said():
    found = likeness()
    probes = tuple(probe for probe in found.probes if probe.kind != "blind")
    findings = replace(found, probes=probes, kinds=found.kinds[:2])
    reasons = " ".join(verdict(findings, ()).reasons)
    assert "No half-trained behaviour was given" in reasons
    assert "the frozen first observation stands in" in reasons
    reasons = " ".join(verdict(replace(penalty(), reward_margins=None), ()).reasons)
    assert "whether cost or early termination is rewarded was not checked" in reasons


def test_the_best_blind_policy_counts():
    found = likeness()
    better = Probe("spin", "blind", 9.0, 0.9, 0.0)
    findings = replace(kind(found, "half_trained", n=0.6), probes=(*found.probes, better))
    assert "of spin 0.900" in next(one for one in find_warnings(findings) if one.code == "TSR002").evidence
