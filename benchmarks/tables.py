"""Write the tables of README.md from benchmarks/results: every number there comes from a file here.

python -m benchmarks.tables            # write
python -m benchmarks.tables --check    # fail where README.md differs
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import audit_tables, likeness_tables, log_tables, tuning_tables
from benchmarks.cells import RESULTS, cell

README = Path(__file__).parent.parent / "README.md"
COLUMNS = {
    "return": ("return", "{:.1f}"),
    "cost": ("cost per episode", "{:.1f}"),
    "cost_rate": ("cost rate", "{:.3f}"),
    "length": ("length", "{:.0f}"),
    "roc": ("ROC", "{:.3f}"),
    "average_precision": ("AP", "{:.3f}"),
}


def anoseqs(name: str) -> str:
    """Return the table of one task: mean ± standard deviation over seeds."""
    records = json.loads((RESULTS / f"anoseqs-{name}.json").read_text(encoding="utf-8"))["records"]
    arms = list(dict.fromkeys(record["arm"] for record in sorted(records, key=_arm_order)))
    lines = ["| agent's reward | seeds | " + " | ".join(title for title, _ in COLUMNS.values()) + " |"]
    lines.append("|---|---|" + "---|" * len(COLUMNS))
    for arm in arms:
        rows = [record for record in records if record["arm"] == arm]
        cells = [cell([row[key] for row in rows if key in row], form) for key, (_, form) in COLUMNS.items()]
        lines.append(f"| {arm} | {len(rows)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def overhead() -> str:
    """Return the table of training throughput: a row for every algorithm, number of environments and scorer."""
    content = json.loads((RESULTS / "overhead.json").read_text(encoding="utf-8"))
    arms = {
        tuple(row.get(name) for name in ("algorithm", "num_envs", "scorer", "scoring")): row
        for row in content["records"]
    }
    lines = [
        "| agent | environments | steps/s without | scorer | in bulk | per step | take |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in content["recommended"]:
        agent = (case["algorithm"], case["num_envs"])
        bulk, step = (_spread(arms[*agent, case["scorer"], how]) for how in ("in bulk", "per step"))
        rate = f"{arms[*agent, None, None]['steps_per_second']:,}"
        lines.append(
            f"| {agent[0].upper()} | {agent[1]} | {rate} | {case['scorer']} | {bulk} | {step} | {case['scoring']} |"
        )
    return "\n".join(lines)


def reliability() -> str:
    """Return the table of the reliability checks."""
    content = json.loads((RESULTS / "reliability.json").read_text(encoding="utf-8"))
    lines = ["| check | cases | failures |", "|---|---|---|"]
    lines += [f"| {row['check']} | {row['cases']:,} | {row['failures']} |" for row in content["records"]]
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    **{
        f"anoseqs-{name}": lambda name=name: anoseqs(name)
        for name in ("hopper", "circle", "transfer", "goal", "hopper-td3")
    },
    **{f"detection-{name}": lambda name=name: log_tables.detection(name) for name in ("smd", "asd")},
    "detection-published": log_tables.published,
    "detection-checks": log_tables.checks,
    "labels": log_tables.labels,
    "speed": log_tables.speed,
    "log-costs": log_tables.log_costs,
    "likeness": likeness_tables.sensors,
    "likeness-pixels": likeness_tables.pixels,
    "videos": lambda: likeness_tables.videos("macro_auc", "micro_auc", "average_precision"),
    "videos-graded": lambda: likeness_tables.videos("half_trained_auc", "spearman"),
    "pixels": likeness_tables.speed,
    "audit": audit_tables.audit,
    "tuning-agents": tuning_tables.agents,
    "tuning-detectors": tuning_tables.detectors,
    "overhead": overhead,
    "reliability": reliability,
}


def rendered(text: str) -> str:
    """Return `text` with what stands between `<!-- table NAME -->` and `<!-- end -->` made anew."""

    def table(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- table {name} -->\n{TABLES[name]()}\n<!-- end -->"

    return re.sub(r"<!-- table (\S+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def _spread(row: dict[str, Any]) -> str:
    return f"{row['overhead']:+.1%} ({row['overhead_min']:+.1%} to {row['overhead_max']:+.1%})"


def _arm_order(record: dict[str, Any]) -> tuple[int, str]:
    first = ("vanilla", "oracle", "Deep SAD", "semi", "transformer", "Deep SVDD", "KNN")
    return next((rank for rank, prefix in enumerate(first) if record["arm"].startswith(prefix)), len(first)), record[
        "arm"
    ]


if __name__ == "__main__":
    current = README.read_text(encoding="utf-8")
    wanted = rendered(current)
    if "--check" in sys.argv[1:]:
        sys.exit(
            "README.md differs from benchmarks/results: run python -m benchmarks.tables." if wanted != current else 0
        )
    README.write_text(wanted, encoding="utf-8")
