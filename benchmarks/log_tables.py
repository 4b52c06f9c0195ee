"""The tables about logs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.cells import RESULTS, cell


def detection(name: str) -> str:
    """Return the table of one set: means over its series; where a detector has a random part, ± over seeds."""
    records = json.loads((RESULTS / f"detection-{name}.json").read_text(encoding="utf-8"))["records"]
    titles = ("VUS-PR, raw", *FORMS.values(), "AUC-PR", "range F1", "F1", "oracle F1", "flag rate")
    lines = [f"| detector | {' | '.join(titles)} | fit s | rows/s | MB |", "|---|" + "---|" * (len(titles) + 3)]
    rows = {
        name: [r for r in records if r["detector"] == name] for name in dict.fromkeys(r["detector"] for r in records)
    }
    for detector, runs in sorted(rows.items(), key=lambda row: -_mean(row[1], "causal", "vus_pr")[0]):
        vus = [_spread(_mean(runs, form, "vus_pr")) if form in runs[0]["forms"] else "–" for form in ("raw", *FORMS)]
        others = ("average_precision", "range_f1", "f1", "oracle_f1", "flag_rate")
        cells = [*vus, *(f"{_mean(runs, 'causal', metric)[0]:.3f}" for metric in others)]
        fit, rate = (float(np.mean([run[key] for run in runs])) for key in ("fit_seconds", "points_per_second"))
        peak = max(run["peak_mb"] for run in runs)
        lines.append(f"| {detector} | {' | '.join(cells)} | {fit:.2f} | {_thousands(rate)} | {peak:.0f} |")
    return "\n".join(lines)


FORMS = {
    "causal": "causal, 10",
    "widths": "causal, 1 to 64",
    "centred": "centred, 10",
    "widths_centred": "centred, 1 to 64",
}
"""Smoothing -> how the table calls it."""


def blame() -> str:
    """Return how well detectors name the channels, means over machines and seeds, the best per anomaly first."""
    records = json.loads((RESULTS / "blame-smd.json").read_text(encoding="utf-8"))["records"]
    keys = ("hit_rate_100", "hit_rate_150", "ndcg_100")
    lines = [
        "| detector | rows: HitRate@100 % | @150 % | NDCG | anomalies: HitRate@100 % | @150 % | NDCG |",
        "|---|" + "---|" * 6,
    ]
    rows = {}
    for record in records:
        rows.setdefault(record["detector"], []).append(
            [float(np.mean(record[f"{scope}{key}"])) for scope in ("", "span_") for key in keys]
        )
    for detector, values in sorted(rows.items(), key=lambda row: -np.mean(row[1], 0)[3]):
        cells = (cell(list(column), "{:.3f}") for column in zip(*values, strict=True))
        lines.append(f"| {detector} | {' | '.join(cells)} |")
    return "\n".join(lines)


def drift() -> str:
    """Return what thresholds flag where 1 % is asked for, outside labelled incidents, and what they find inside."""
    records = json.loads((RESULTS / "drift.json").read_text(encoding="utf-8"))["records"]
    lines = [
        "| set | detector | threshold | flagged, % | within ×2 | rows found | incidents found |",
        "|---|---|---|---|---|---|---|",
    ]
    order = ("static", "adaptive", "static, same fraction as adaptive", "adaptive, as published")
    records = [record for record in records if record["threshold"] in order]
    for row in sorted(records, key=lambda r: (r["set"] != "smd", r["detector"], order.index(r["threshold"]))):
        flagged = np.array(row["flagged"])
        span = f"{100 * flagged.min():.2f} to {100 * flagged.max():.2f}"
        within = int(((flagged >= 0.005) & (flagged <= 0.02)).sum())
        found = (f"{np.mean(row[key]):.3f}" for key in ("row_recall", "event_recall"))
        lines.append(
            f"| {row['set'].upper()} | {row['detector']} | {row['threshold']} | {span} | {within} of {len(flagged)} | "
            f"{' | '.join(found)} |"
        )
    return "\n".join(lines)


def published() -> str:
    """Return the published values of the leaderboard, best first."""
    values = json.loads((RESULTS / "detection-published.json").read_text(encoding="utf-8"))["vus_pr"]
    return " · ".join(f"{name} {value:.3f}" for name, value in sorted(values.items(), key=lambda row: -row[1]))


def choice() -> str:
    """Return, set by set, what the choice on the others reaches, beside the default, simple rows and the best one."""
    content = json.loads((RESULTS / "log-choice.json").read_text(encoding="utf-8"))
    titles = (
        "chosen on the others",
        "`ensemble`",
        "centred",
        "event F1",
        "F1",
        "flag rate",
        "ridge VAR",
        "PCA",
        "best row",
    )
    lines = [f"| set, protocol | {' | '.join(titles)} |", "|---|" + "---|" * len(titles)]
    for name, title in SETS.items():
        family = next(one for one in content["left_out"].values() if name in one["vus_pr"])
        records = json.loads((RESULTS / f"detection-{name}.json").read_text(encoding="utf-8"))["records"]
        rows: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            rows.setdefault(record["detector"], []).append(record)
        default = rows["ensemble"]
        forms = {one: "widths" if "widths" in runs[0]["forms"] else "causal" for one, runs in rows.items()}
        merit = {one: _mean(runs, forms[one], "vus_pr")[0] for one, runs in rows.items()}
        best = max(merit, key=lambda one: merit[one])
        cells = [
            f"{family['vus_pr'][name]:.3f}",
            _spread(_mean(default, "widths", "vus_pr")),
            f"{_mean(default, 'widths_centred', 'vus_pr')[0]:.3f}",
            *(f"{_mean(default, 'widths', metric)[0]:.3f}" for metric in ("event_f1", "f1", "flag_rate")),
            *(f"{merit[one]:.3f}" for one in ("ridge_var", "pca")),
            f"{best} {merit[best]:.3f}",
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


SETS = {
    "smd": "SMD, first rows",
    "smd-split": "SMD, split",
    "asd": "ASD, first rows",
    "asd-split": "ASD, split",
    "telemanom-split": "SMAP and MSL, split",
    "nab-split": "NAB, first 15 %",
}


def _mean(runs: list[dict[str, Any]], form: str, metric: str) -> tuple[float, float | None]:
    """Return the mean over seeds of the mean over series, and the standard deviation over several seeds."""
    values = [float(np.mean(run["forms"][form][metric])) for run in runs]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def _spread(value: tuple[float, float | None]) -> str:
    return f"{value[0]:.3f}" + ("" if value[1] is None else f" ± {value[1]:.3f}")


def _thousands(rate: float) -> str:
    return f"{rate / 1000:,.0f}k" if rate < 1e6 else f"{rate / 1e6:,.1f}M"


def speed() -> str:
    """Return windows per second of fitting and scoring."""
    content = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))
    lines = [
        "| network | parameters | fit: ours, usual way, DeepOD | score: ours, usual way, DeepOD |",
        "|---|---|---|---|",
    ]
    for row in content["records"]:
        cells = (
            ", ".join(f"{row[f'{what}_per_second{who}']:,}" for who in ("", "_usual", "_deepod"))
            for what in ("fit", "score")
        )
        lines.append(f"| {row['network']} | {row['parameters']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def labels() -> str:
    """Return the methods that learn from labels: means over machines, ± over seeds."""
    records = json.loads((RESULTS / "labels.json").read_text(encoding="utf-8"))["records"]
    methods = dict.fromkeys(record["method"] for record in records)
    sets = {
        "SMD": sorted({record["task"] for record in records if record["task"].startswith("machine")}),
        "Yahoo-like": ["yahoo_like"],
    }
    metrics = ("average_precision", "f1", "roc_auc")
    titles = [f"{name}: {title}" for name in sets for title in ("AU-PR", "F1", "ROC")]
    lines = [f"| method | {' | '.join(titles)} |", "|---|" + "---|" * len(titles)]

    def over_seeds(method: str, tasks: list[str], metric: str) -> list[float]:
        runs = [record for record in records if record["method"] == method and record["task"] in tasks]
        seeds = sorted({run["seed"] for run in runs})
        return [float(np.mean([run[metric] for run in runs if run["seed"] == seed])) for seed in seeds]

    def best_first(method: str) -> float:
        return -float(np.mean(over_seeds(method, sets["SMD"], "average_precision")))

    for method in sorted(methods, key=best_first):
        cells = [cell(over_seeds(method, tasks, metric), "{:.3f}") for tasks in sets.values() for metric in metrics]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def answers() -> str:
    """Return what twenty answers are worth: means over series, ± over seeds, and the series on which they harm."""
    records = json.loads((RESULTS / "answers.json").read_text(encoding="utf-8"))["records"]
    titles = {"smd": "SMD", "asd": "ASD"}
    heads = [f"{name}: {what}" for name in titles.values() for what in ("AU-PR", "anomalous answers", "worse on")]
    lines = [f"| questions | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for arm, said in {"none": "none", "random": "20 at random", "asked": "20 asked by `--ask`"}.items():
        cells = []
        for name in titles:
            found = {(one["series"], one["seed"]): one for one in records if one["set"] == name and one["arm"] == arm}
            plain = {
                (one["series"], one["seed"]): one for one in records if one["set"] == name and one["arm"] == "none"
            }
            seeds, series = (sorted({key[place] for key in found}) for place in (1, 0))
            gains = {
                one: np.mean(
                    [found[one, seed]["average_precision"] - plain[one, seed]["average_precision"] for seed in seeds]
                )
                for one in series
            }
            means = [float(np.mean([found[one, seed]["average_precision"] for one in series])) for seed in seeds]
            counts = f"{np.mean([one['anomalous'] for one in found.values()]):.1f}"
            worse = f"{sum(gain < 0 for gain in gains.values())} of {len(series)}"
            cells += [cell(means, "{:.3f}"), *(("–", "–") if arm == "none" else (counts, worse))]
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


def vectorised() -> str:
    """Return what a step of thousands of environments takes on each path, and how often the products would fit in."""
    records = json.loads((RESULTS / "vectorised.json").read_text(encoding="utf-8"))["records"]
    lines = ["| scorer | path | ms a step | least | rewards/s |", "|---|---|---|---|---|"]
    for row in sorted(records, key=lambda row: (row["scorer"], -row["ms_per_step"])):
        lines.append(
            f"| {row['scorer']} | {row['path']} | {row['ms_per_step']:.1f} | {row['ms_min']:.1f} | "
            f"{_thousands(row['rewards_per_second'])} |"
        )
    return "\n".join(lines)


def log_costs() -> str:
    """Return the time of the metrics, of the default detector, and the memory of a long file."""
    speed, metrics, streaming = (
        json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("speed", "metrics_speed", "streaming")
    )
    default, vus, long = speed["default_detector"], metrics["records"][0], streaming["records"][-1]
    scored = (
        f"{long['seconds']:.0f} s ({_thousands(long['rows_per_second'])} rows/s), {long['peak_memory_mb']} MB at most"
    )
    return "\n".join(
        [
            "| on one core | measured |",
            "|---|---|",
            f"| VUS-PR and VUS-ROC of {metrics['rows']:,} rows, window {metrics['window']} | "
            f"{vus['milliseconds']:.1f} ms, {vus['times_faster']} times faster than the definition step by step |",
            f"| `{default['name']}` on 5,926 rows of 38 channels, then on 23,706 | fit {default['fit_seconds']:.1f} s, "
            f"score {default['score_seconds']:.1f} s |",
            f"| `tsreward score` of a CSV of {long['file_mb'] / 1000:.1f} GB, {long['rows']:,} rows | {scored} |",
        ]
    )


def fit_by_file() -> str:
    """Return one row per scorer and number of files that were fitted on, one held in memory at a time."""
    records = json.loads((RESULTS / "streaming.json").read_text(encoding="utf-8"))["fitting"]
    lines = ["| scorer | files | rows | data, GB | processor seconds | peak memory, MB |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one['scorer']} | {one['files']} | {one['rows']:,} | {one['data_mb'] / 1e3:.2f} | "
        f"{one['processor_seconds']:.0f} | {one['peak_memory_mb']:,} |"
        for one in records
    ]
    return "\n".join(lines)


def scale() -> str:
    """Return what much work would take: one row per kind."""
    records = json.loads((RESULTS / "scale.json").read_text(encoding="utf-8"))["records"]
    records.sort(key=lambda record: record["seconds_per_million"])
    plans = [plan["cores"] for plan in records[0]["plans"]]
    hours = " | ".join(f"hours on {cores:,}" for cores in plans[1:])
    lines = [
        f"| work | core seconds for a million | core hours | read, TB | written, TB | {hours} | store busy |",
        "|---|---|---|---|---|" + "---|" * len(plans),
    ]
    for record in records:
        items, more = record["items"], record["plans"][1:]
        core_hours = items * record["seconds_per_million"] / 1e6 / 3600
        cells = [
            record["work"],
            f"{record['seconds_per_million']:,.1f}",
            f"{core_hours:,.0f}",
            *(f"{items * record[f'bytes_{way}_each'] / 1e12:.2f}" for way in ("read", "written")),
            *(f"{plan['hours']:,.2f}" for plan in more),
            f"{more[-1]['store_busy']:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
