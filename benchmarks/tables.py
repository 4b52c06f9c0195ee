"""Write the tables of docs/results and README.md from benchmarks/results: every number there comes from a file here.

python -m benchmarks.tables            # write
python -m benchmarks.tables --check    # fail where a page differs
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import (
    audit_tables,
    goal_tables,
    headline_table,
    likeness_tables,
    log_tables,
    tuning_tables,
    video_tables,
    watch_tables,
)
from benchmarks.cells import RESULTS, cell
from benchmarks.reliability.promises import PROMISES

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "results").glob("*.md")))
COLUMNS = {
    "return": ("return", "{:.1f}"),
    "cost": ("cost per episode", "{:.1f}"),
    "cost_rate": ("cost rate", "{:.3f}"),
    "length": ("length", "{:.0f}"),
    "roc": ("ROC AUC", "{:.3f}"),
    "average_precision": ("AP", "{:.3f}"),
}
VELOCITY = ("swimmer", "walker2d", "halfcheetah", "ant", "humanoid")


def anoseqs(name: str) -> str:
    """Return the table of one task: mean ± standard deviation over seeds."""
    head = ["| agent's reward | seeds | " + " | ".join(title for title, _ in COLUMNS.values()) + " |"]
    return "\n".join([*head, "|---|---|" + "---|" * len(COLUMNS), *_arms(name)])


def several(names: tuple[str, ...]) -> str:
    """Return the table of several tasks, each as `anoseqs` has it."""
    head = ["| task | agent's reward | seeds | " + " | ".join(title for title, _ in COLUMNS.values()) + " |"]
    rows = [f"| {name.removesuffix('-choosing')} {row}" for name in names for row in _arms(name)]
    return "\n".join([*head, "|---|---|---|" + "---|" * len(COLUMNS), *rows])


def _arms(name: str) -> list[str]:
    """Return a line for every arm of a task."""
    records = json.loads((RESULTS / f"anoseqs-{name}.json").read_text(encoding="utf-8"))["records"]
    lines = []
    for arm in dict.fromkeys(record["arm"] for record in sorted(records, key=_arm_order)):
        rows = [record for record in records if record["arm"] == arm]
        cells = [cell([row[key] for row in rows if key in row], form) for key, (_, form) in COLUMNS.items()]
        lines.append(f"| {arm.replace('(paper)', '(AnoSeqs)')} | {len(rows)} | " + " | ".join(cells) + " |")
    return lines


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
    """Return the table of the reliability bars: every check at the larger size that it was measured at."""
    records = json.loads((RESULTS / "reliability.json").read_text(encoding="utf-8"))["records"]
    lines = ["| bar | check | cases | failures | size |", "|---|---|---|---|---|"]
    for name, bar in PROMISES.items():
        lines.append(f"| **{name}** | **{bar.title}** | | | |")
        rows = {row["check"]: row for size in ("ci", "release") for row in records if _is(row, name, size)}
        lines += [
            f"| | {row['check']} | {row['cases']:,} | {row['failures']} | {row['size']} |" for row in rows.values()
        ] or ["| | not measured by this command yet | | | |"]
    return "\n".join(lines)


def _is(row: dict[str, Any], bar: str, size: str) -> bool:
    return (row["bar"], row["size"]) == (bar, size)


def reliability_outside() -> str:
    """Return a list of what stays outside of the promises."""
    return "\n".join(f"- {name}: {bar.outside}." for name, bar in PROMISES.items() if bar.outside)


def made(name: str) -> str:
    """Return where the numbers of a result file come from: runs, seeds, commits, device and versions."""
    content = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    records = [record for record in content.get("records", []) if "seed" in record]
    parts = [f"`benchmarks/results/{name}.json`"]
    if records:
        seeds = ", ".join(str(seed) for seed in sorted({record["seed"] for record in records}))
        parts.append(f"{len(records)} runs, seeds {seeds}")
    for key in ("commit", "device"):
        values = sorted({one[key] for one in content.get("records", []) if key in one} or {content[key]})
        parts.append(f"{key}{'s' * (len(values) > 1)} {', '.join(values)}")
    parts.append(", ".join(f"{package} {version}" for package, version in content["versions"].items()))
    return f"<small>Source: {'; '.join(parts)}.</small>"


TABLES: dict[str, Callable[[], str]] = {
    "headline": headline_table.headline,
    **{
        f"anoseqs-{name}": lambda name=name: anoseqs(name)
        for name in ("hopper", "circle", "transfer", "goal", "hopper-td3")
    },
    "anoseqs-velocity": lambda: several(VELOCITY),
    "anoseqs-keeping": lambda: several(("swimmer-choosing", "walker2d-choosing")),
    **{f"detection-{name}": lambda name=name: log_tables.detection(name) for name in ("smd", "asd")},
    "detection-published": log_tables.published,
    "detection-choice": log_tables.choice,
    "blame-smd": log_tables.blame,
    "drift": log_tables.drift,
    "labels": log_tables.labels,
    "answers": log_tables.answers,
    "speed": log_tables.speed,
    "log-costs": log_tables.log_costs,
    "scale": log_tables.scale,
    "fit-by-file": log_tables.fit_by_file,
    "vectorised": log_tables.vectorised,
    "likeness": likeness_tables.sensors,
    "likeness-pixels": likeness_tables.pixels,
    "videos": lambda: video_tables.videos("macro_auc", "micro_auc", "average_precision"),
    "videos-graded": lambda: video_tables.videos("half_trained_auc", "spearman"),
    "video-systems": video_tables.video_systems,
    "video-costs": video_tables.video_costs,
    "video-variants": video_tables.video_variants,
    "pixels": likeness_tables.speed,
    "goals": goal_tables.goals,
    "audit": audit_tables.audit,
    "audit-fresh": audit_tables.audit_fresh,
    "audit-budgets": audit_tables.audit_budgets,
    "reward-watch": watch_tables.reward_watch,
    "controllers": watch_tables.controllers,
    "watch-overhead": watch_tables.overhead,
    "tuning-agents": tuning_tables.agents,
    "tuning-detectors": tuning_tables.detectors,
    "overhead": overhead,
    "reliability": reliability,
    "reliability-outside": reliability_outside,
}


def rendered(text: str) -> str:
    """Return `text` with what stands between `<!-- table NAME -->` and `<!-- end -->` made anew."""

    def table(match: re.Match[str]) -> str:
        name = match.group(1)
        kind, _, result = name.partition(":")
        text = made(result) if kind == "made" else TABLES[name]()
        unbroken = text.replace(" ± ", "\u00a0±\u00a0")
        return f"<!-- table {name} -->\n{unbroken}\n<!-- end -->"

    return re.sub(r"<!-- table (\S+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def _spread(row: dict[str, Any]) -> str:
    return f"{row['overhead']:+.1%} ({row['overhead_min']:+.1%} to {row['overhead_max']:+.1%})"


def _arm_order(record: dict[str, Any]) -> tuple[int, str]:
    first = ("vanilla", "oracle", "PPO-Lagrangian", "Deep SAD", "semi", "transformer", "Deep SVDD", "KNN")
    return next((rank for rank, prefix in enumerate(first) if record["arm"].startswith(prefix)), len(first)), record[
        "arm"
    ]


def main(check: bool) -> None:
    """Write the pages that differ, or exit with their names."""
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    stale = {page: rendered(text) for page, text in texts.items() if rendered(text) != text}
    if check and stale:
        names = ", ".join(str(page.relative_to(ROOT)) for page in stale)
        sys.exit(f"{names} differ from benchmarks/results: run make tables.")
    for page, text in stale.items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
