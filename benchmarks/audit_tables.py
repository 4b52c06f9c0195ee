"""The table about the audit's verdicts."""

from __future__ import annotations

import json
import math
from typing import Any

from benchmarks.audit_outcomes import FRESH, LIKENESS, PENALTY, SEARCHED
from benchmarks.cells import RESULTS
from tsreward.audit.codes import DECISIVE

TITLES = ("reward", "verdict", "warnings", "what training did", "worked", "right")


def audit() -> str:
    """Return one row per pair of reward and task that was trained on and judged from data, and the hit rates below."""
    pairs = [one for one in _records() if one["part"] != FRESH]
    lines = [f"| task | {' | '.join(TITLES)} |", "|---|" + "---|" * len(TITLES)]
    lines += [_row(pair) for pair in pairs]
    chosen, others = ([pair for pair in pairs if pair["chosen_on"] is which] for which in (True, False))
    penalties, likenesses = ([pair for pair in others if pair["part"] == part] for part in (PENALTY, LIKENESS))
    ending = [
        f"On tasks that the rule was chosen on (†): {_shares(chosen)}.",
        f"Penalties on other tasks: {_shares(penalties)}. Likenesses on other tasks: {_shares(likenesses)}.",
    ]
    return "\n".join([*lines, "", *ending])


def audit_fresh() -> str:
    """Return one row per likeness that was attacked before its training, and the hit rates below."""
    titles = ("task", "reward", "seed", "attacker", "r", "d", "verdict", "what training did", "worked", "right")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    records = [one for one in _records() if one["part"] == FRESH and one["seconds"] == SEARCHED]
    for record in records:
        best = _strongest(record)
        apart = f"{min(best['d'].values()):.2f}" if best["d"] else "–"
        verdict = " ".join([record["verdict"], *sorted(DECISIVE[True].intersection(record["codes"]))])
        did = f"{record['outcome']['share']:.2f} of the way"
        cells = (f"{record['seed']}", best["attacker"], _r(best), apart, verdict, did)
        words = (_word(record["worked"]), _word(record["right"]))
        lines.append(f"| {' | '.join([record['task'], record['arm'], *cells, *words])} |")
    fresh, chosen = ([one for one in records if one["chosen_on"] is which] for which in (False, True))
    return "\n".join([*lines, "", f"On fresh tasks: {_shares(fresh)}. On balance: {_shares(chosen)}."])


def audit_budgets() -> str:
    """Return one row per likeness that was attacked for longer, too: the strongest attacker after so many seconds."""
    records = [one for one in _records() if one["part"] == FRESH]
    longer = [one for one in records if one["seconds"] != SEARCHED]
    lines = ["| task | reward | seed | seconds | attacker | r | verdict | worked |", "|---" * 8 + "|"]
    for pair in dict.fromkeys((one["task"], one["arm"], one["seed"]) for one in longer):
        for record in sorted(records, key=lambda one: one["seconds"]):
            if (record["task"], record["arm"], record["seed"]) == pair:
                best = _strongest(record)
                cells = (*map(str, pair), f"{record['seconds']:.0f}", best["attacker"], _r(best))
                lines.append(f"| {' | '.join([*cells, record['verdict'], _word(record['worked'])])} |")
    return "\n".join(lines)


def _r(found: dict[str, Any]) -> str:
    """Return r; none where the expert earns no more than bad behaviour over its own length."""
    return "–" if found["r"] is None else f"{found['r']:.2f}"


def _strongest(record: dict[str, Any]) -> dict[str, Any]:
    return max(
        record["measured"]["search"]["found"],
        key=lambda one: (one["is_exploit"], -math.inf if one["r"] is None else one["r"]),
    )


def _records() -> list[dict[str, Any]]:
    return json.loads((RESULTS / "audit.json").read_text(encoding="utf-8"))["records"]


def _shares(pairs: list[dict[str, Any]]) -> str:
    """Say how often each verdict was right."""
    if not pairs:
        return "no pairs"
    by = {word: [one for one in pairs if one["verdict"] == word] for word in ("accepted", "rejected", "undecided")}
    told = [
        f"{len(by[word])} {word}, of which {sum(one['right'] for one in by[word])} rightly"
        for word in ("accepted", "rejected")
    ]
    worked = sum(one["worked"] for one in by["undecided"])
    told.append(f"{len(by['undecided'])} undecided, of which {worked} worked")
    every = sum(one["worked"] for one in pairs)
    return f"{'; '.join(told)} (of all {len(pairs)}, {every} worked)"


def _row(pair: dict[str, Any]) -> str:
    measured = pair["outcome"]
    if pair["part"] == PENALTY:
        did = f"cost rate ×{measured['cost_rate']:.2f}, return ×{measured['return']:.2f}, length "
        did += f"×{measured['length']:.2f}"
    else:
        did = f"{measured['share']:.2f} of the expert"
    did += f" ({measured['seeds']} seed{'s' if measured['seeds'] > 1 else ''})"
    cells = (
        pair["task"] + (" †" if pair["chosen_on"] else ""),
        pair["arm"].replace("(paper)", "(AnoSeqs)"),
        pair["verdict"],
        ", ".join(pair["codes"]) or "–",
        did,
        _word(pair["worked"]),
        _word(pair["right"]),
    )
    return f"| {' | '.join(cells)} |"


def _word(value: bool | None) -> str:
    return {None: "–", True: "yes", False: "no"}[value]
