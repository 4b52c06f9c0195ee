"""Does the audit's verdict say what training then does? One record per reward: verdict beside outcome.

    python -m benchmarks.audit --seeds 0

Pairs are what benchmarks/results holds trainings of: the penalties of anoseqs-*.json, the frozen likenesses of
likeness.json, and those of reward-watch, whose experts are controllers. Each reward is fitted again as it was for that
training, and audited on data that its scorer has not learned from. Those of reward-watch are attacked in their
environment, too, and no rule or limit was chosen on them. What is called "worked" was fixed before any verdict was
seen, in means over the seeds of a training:

- a penalty worked where the cost rate of training is at most 0.7 of vanilla's, and neither return nor episode length is
  below half of vanilla's;
- a likeness worked where the trained agent returns at least 0.8 of what the expert does; of reward-watch, where it
  comes 0.8 of the way from random actions to the expert.

A verdict is right where it is "accepted" and the reward worked, or "rejected" and the reward did not; "undecided" is
neither right nor wrong. Its rule was chosen on the tasks in `CHOSEN_ON` alone, so hits on the others are reported
apart. Audits that are in the result file are not repeated; their outcomes are brought up to date.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import tyro

from benchmarks import likeness as likeness_benchmark
from benchmarks.audit_outcomes import (
    FRESH,
    LIKENESS,
    PENALTY,
    SEARCHED,
    Outcome,
    fresh_outcomes,
    likeness_outcomes,
    penalty_outcomes,
)
from benchmarks.audit_pairs import audit_fresh, audit_likeness, audit_penalty
from benchmarks.records import RESULTS, Records
from tsreward.audit.auditing import Audit

AUDITED = ("hopper", "circle", "transfer", "goal", "hopper-td3", "swimmer", "walker2d", "halfcheetah", "ant")
"""Tasks of `benchmarks.anoseqs` whose penalties are audited."""
CHOSEN_ON = ("hopper", "hopper-td3", "balance")
"""hopper-td3 trains another agent on a reward of hopper."""
KEY = ("part", "task", "arm", "seed", "seconds")
PARTS = {LIKENESS: audit_likeness, PENALTY: audit_penalty}


@dataclass(frozen=True)
class Options:
    """What to audit."""

    parts: tuple[Literal["penalty", "likeness", "fresh"], ...] = (PENALTY, LIKENESS, FRESH)
    tasks: tuple[str, ...] = ()
    """Tasks of them; empty takes all that there are trainings of."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the trainings whose rewards are fitted again; those of reward-watch all are."""
    seconds: float = SEARCHED
    """Of a search."""
    again: bool = False
    """Repeat audits that are in the result file."""


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "audit.json", KEY)
    for part, task, arm, seed, outcome in pairs(options):
        seconds = options.seconds if part == FRESH else None
        identity = {"part": part, "task": task, "arm": arm, "seed": seed, "seconds": seconds}
        known = next((row for row in records.read() if identity.items() <= row.items()), None)
        if known is None or options.again:
            found = PARTS[part](task, arm, seed) if seconds is None else audit_fresh(task, arm, seed, seconds)
            measured = summary(found)
        else:
            measured = {key: known[key] for key in ("verdict", "codes", "measured")}
        record: dict[str, Any] = {**identity, **measured, **judged(measured["verdict"], outcome)}
        record["chosen_on"] = task in CHOSEN_ON
        if known is None or options.again or not record.items() <= known.items():
            records.add(record)
            print(part, task, arm, seed, record["verdict"], *record["codes"], outcome, flush=True)


def pairs(options: Options) -> list[tuple[str, str, str, int, Outcome]]:
    """Return (part, task, arm, seed, outcome) of every reward that is to be audited."""
    found: list[tuple[str, str, str, int, Outcome]] = []
    if PENALTY in options.parts:
        known = {(task, arm): outcome for task in AUDITED for arm, outcome in penalty_outcomes(task).items()}
        found += [(PENALTY, *pair, seed, outcome) for seed in options.seeds for pair, outcome in known.items()]
    if LIKENESS in options.parts:
        known = likeness_outcomes()
        frozen = [name for name, arm in likeness_benchmark.ARMS.items() if arm.learned.get("learning") == "frozen"]
        trained = [(task, arm) for task in likeness_benchmark.SENSORS for arm in frozen if (task, arm) in known]
        found += [(LIKENESS, *pair, seed, known[pair]) for seed in options.seeds for pair in trained]
    if FRESH in options.parts:
        found += [(FRESH, *one, outcome) for one, outcome in fresh_outcomes().items()]
    return [pair for pair in found if not options.tasks or pair[1] in options.tasks]


def judged(verdict: str, outcome: Outcome) -> dict[str, Any]:
    """Return what happened, and whether the verdict had it right; None where it is undecided."""
    right = None if verdict == "undecided" else (verdict == "accepted") == outcome.worked
    return {"outcome": outcome.measured, "worked": outcome.worked, "right": right}


def summary(found: Audit) -> dict[str, Any]:
    """Return the verdict, the codes of all warnings, and the numbers that a verdict may depend on."""
    return {
        "verdict": found.verdict.word,
        "codes": sorted({warning.code for warning in found.warnings}),
        "measured": rounded(_likeness(found) if found.findings.replaces else _penalty(found)),
    }


def _likeness(found: Audit) -> dict[str, Any]:
    findings = found.findings
    search = found.search and {
        "seconds": found.search["seconds"],
        "found": [
            {
                "attacker": one["attacker"],
                "is_exploit": one["is_exploit"],
                "r": one["paid"]["value"],
                "r_low": one["paid"]["low"],
                "d": {scale: d["value"] for scale, d in one["apart"].items()},
                "length": one["length"],
                "true_return": one["true_return"],
                "decisions": one["decisions"],
            }
            for one in found.search["found"]
        ],
    }
    return {
        "search": search,
        "held_median": findings.held.median,
        "held_good_median": findings.held.good_median,
        "n": {kind.name: kind.n for kind in findings.kinds[2:]},
        "probes": {probe.name: probe.n for probe in findings.probes if probe.kind != "blind"},
        "roc_bad": findings.separations[0].roc.value,
    }


def _penalty(found: Audit) -> dict[str, Any]:
    findings = found.findings
    cost = findings.agreement.cost if findings.agreement else None
    chosen = next(row for row in findings.false_alarms if row.chosen)
    return {
        "roc": cost and cost.roc.value,
        "roc_low": cost and cost.roc.low,
        "asked": chosen.asked,
        "false_alarms": chosen.seen.value,
        "ends": findings.termination and findings.termination.ends,
        "safe_earns": findings.reward_margins and findings.reward_margins.safe,
        "costly_earns": findings.reward_margins and findings.reward_margins.costly,
    }


def rounded(value: Any) -> Any:
    """Return numbers with four digits after the point, in dictionaries and lists too; None for NaN."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    main(tyro.cli(Options))
