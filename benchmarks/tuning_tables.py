"""The tables about tuning."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.cells import RESULTS, cell

AGENT_COLUMNS = {
    "return": ("return", "{:.1f}"),
    "cost": ("cost per episode", "{:.1f}"),
    "cost_rate": ("cost rate", "{:.3f}"),
    "roc": ("ROC AUC", "{:.3f}"),
}


def agents() -> str:
    """Return what settings of the front are worth on fresh seeds: mean ± standard deviation, beside what trials saw."""
    study, records = _read("tuning-circle-study"), _read("tuning-circle")["records"]
    steps = study["objective"]["steps"]
    tried = {one["number"]: one["values"] for one in study["tried"]}
    titles = [title for title, _ in AGENT_COLUMNS.values()]
    lines = [f"| setting | trial: return, cost | fresh seeds | {' | '.join(titles)} |"]
    lines.append("|---|---|---|" + "---|" * len(titles))
    for label, setting in {"no penalty": {}, **study["settings"]}.items():
        runs = [run for run in records if run["parameters"] == setting and run["steps"] == steps]
        seen = tried.get(study["chosen"].get(label))
        told = "–" if seen is None else f"{study['chosen'][label]}: {seen[0]:.1f}, {seen[1]:.1f}"
        cells = [cell([run[key] for run in runs if key in run], form) for key, (_, form) in AGENT_COLUMNS.items()]
        lines.append(f"| {label} | {told} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def detectors() -> str:
    """Return VUS-PR on four machines of the setting found on two others: ± over seeds, of the mean over machines."""
    records = _read("tuning-smd")["records"]
    lines = [
        "| protocol | setting | VUS-PR of its trial | VUS-PR elsewhere | AUC-PR elsewhere |",
        "|---|---|---|---|---|",
    ]
    for protocol in ("split", "tsb-ad"):
        alone = _read(f"tuning-smd-{protocol}-knn-study")
        rows: dict[str, tuple[dict[str, Any] | None, str]] = {"default": (alone, "default")}
        rows["best of KNN"] = (alone, "best")
        if (RESULTS / f"tuning-smd-{protocol}-study.json").exists():
            rows["best of all scorers"] = (_read(f"tuning-smd-{protocol}-study"), "best")
        rows["ensemble"] = (None, "")
        for label, (study, name) in rows.items():
            setting = {"detector": "ensemble"} if study is None else study["settings"][name]
            runs = [run for run in records if (run["protocol"], run["parameters"]) == (protocol, setting)]
            seen, of = "–", ""
            if study is not None:
                seen = f"{next(t['values'][0] for t in study['tried'] if t['number'] == study['chosen'][name]):.3f}"
                of = f": {setting['scorer']}, K = {setting['window']}"
            cells = [_over_machines(runs, metric) for metric in ("vus_pr", "average_precision")]
            lines.append(f"| {protocol} | {label}{of} | {seen} | {' | '.join(cells)} |")
    return "\n".join(lines)


def setting(name: str) -> str:
    """Return where the best setting of a study differs from the default one, in a line."""
    settings = _read(f"tuning-{name}-study")["settings"]
    default = settings["default"]
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings["best"].items()
        if value != default.get(name)
    )


def _over_machines(runs: list[dict[str, Any]], metric: str) -> str:
    return cell([sum(run[metric]) / len(run[metric]) for run in runs], "{:.3f}")


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
