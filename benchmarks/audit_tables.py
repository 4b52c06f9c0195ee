"""The table about the audit's verdicts."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.cells import RESULTS

TITLES = ("reward", "verdict", "warnings", "what training did", "worked", "right")


def audit() -> str:
    """Return one row per pair of reward and task that was trained on, and the hit rates below."""
    content = json.loads((RESULTS / "audit.json").read_text(encoding="utf-8"))
    pairs = [pair for pair in _pairs(content["records"]) if pair["worked"] is not None]
    lines = [f"| task | {' | '.join(TITLES)} |", "|---|" + "---|" * len(TITLES)]
    lines += [_row(pair) for pair in pairs]
    chosen, others = ([pair for pair in pairs if pair["chosen_on"] is which] for which in (True, False))
    accepted, rejected = ([pair for pair in pairs if pair["accepted"] is which] for which in (True, False))
    penalties, likenesses = ([pair for pair in accepted if pair["part"] == part] for part in ("penalty", "likeness"))
    return "\n".join(
        [
            *lines,
            "",
            f"Right: **{_hits(pairs)}**; on tasks that the rule was chosen on (†) {_hits(chosen)}, on the others "
            f"{_hits(others)}. Rejections are right in {_hits(rejected)}, acceptances of a penalty in "
            f"{_hits(penalties)} and of a likeness in {_hits(likenesses)}. To say of every pair that it works would "
            f"be right {_base(pairs)}.",
        ]
    )


def red_team() -> str:
    """Return one row per likeness that was attacked: the strongest attacker, and what a whole training did."""
    titles = (
        "task",
        "reward",
        "seconds",
        "attacker",
        "r",
        "d, single steps",
        "d, means of 4",
        "led to",
        "worked",
        "right",
    )
    lines = [f"| {' | '.join(titles)} |", "|---|---|" + "---|" * (len(titles) - 2)]
    records = json.loads((RESULTS / "red-team.json").read_text(encoding="utf-8"))["records"]
    for record in records:
        best = max(record["search"]["found"], key=lambda one: (one["is_exploit"], one["paid"]["value"]))
        led = "an exploit" if record["exploited"] else "the expert" if record["led"] else "nothing"
        apart = [f"{best['apart'][scale]['value']:.2f}" if scale in best["apart"] else "–" for scale in ("1", "4")]
        words = ["yes" if record[key] else "no" for key in ("worked", "right")]
        row = (
            record["task"],
            record["arm"],
            f"{record['seconds']:.0f}",
            best["attacker"],
            f"{best['paid']['value']:.2f}",
        )
        lines.append(f"| {' | '.join([*row, *apart, led, *words])} |")
    right = sum(record["right"] for record in records)
    return "\n".join([*lines, "", f"Right: {right} of {len(records)}."])


def _pairs(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry per pair; of several audited seeds the verdict of most counts, "rejected" where they tie."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["part"], record["task"], record["arm"]), []).append(record)
    pairs = []
    for runs in groups.values():
        accepted = sum(run["verdict"] == "accepted" for run in runs)
        most = 2 * accepted > len(runs)
        word = "accepted" if most else next(run["verdict"] for run in runs if run["verdict"] != "accepted")
        agreeing = accepted if most else len(runs) - accepted
        pairs.append(
            runs[0]
            | {
                "verdict": word + (f" ({agreeing} of {len(runs)} seeds)" if len(runs) > 1 else ""),
                "accepted": most,
                "codes": sorted({code for run in runs for code in run["codes"]}),
                "right": None if runs[0]["worked"] is None else most == runs[0]["worked"],
            }
        )
    return pairs


def _row(pair: dict[str, Any]) -> str:
    measured = pair["outcome"]
    if pair["part"] == "penalty":
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


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _hits(pairs: list[dict[str, Any]]) -> str:
    return f"{sum(pair['right'] for pair in pairs)} of {len(pairs)}"


def _base(pairs: list[dict[str, Any]]) -> str:
    return f"{sum(pair['worked'] for pair in pairs)} times"
