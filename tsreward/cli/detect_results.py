"""What `tsreward detect` leaves: incidents.json, incidents.csv, questions.csv, the page, and a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from csv import writer
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.cli.detect_answers import write_questions
from tsreward.cli.detect_assets import ONE
from tsreward.cli.main import remark
from tsreward.cli.output import conclude, print_json, print_table
from tsreward.detection.alarms import Alarm, written
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.questions import Question
from tsreward.files import write_atomic
from tsreward.report.incidents import Watched, render_incidents
from tsreward.report.page import write_page
from tsreward.sequences.series import Series

if TYPE_CHECKING:
    from tsreward.cli.detect import Options

_DRIFTED = 0.2
"""Fraction of rows above the threshold of the normal rows from which on that is said."""
_HEADER = ("asset", "number", "kind", "start", "end", "peak_at", "rows", "peak", "severity", "p_value", "known")
_SHARE = 0.1
"""Of what channels add to a score: those below are not named in the first sentence."""


@dataclass(frozen=True)
class Found:
    """What was found of one asset."""

    watched: Watched
    """What is drawn: rows are counted from the first of this call."""
    alarms: list[Alarm]
    """The same incidents, with rows counted from the first of the log."""
    stream: IncidentStream
    notes: list[str]
    """What is to be said: of answers, of drift."""
    ongoing: int
    questions: list[Question]
    """Rows are counted from the first of this call."""
    first: int
    """Number of that row."""


def write_results(options: Options, found: Mapping[str, Found]) -> None:
    """Write what was found, and tell it."""
    watched = [one.watched for one in found.values()]
    alarms = [(name, alarm) for name, one in found.items() for alarm in one.alarms]
    new = [pair for pair in alarms if not pair[1].known]
    worst = max(new, key=lambda pair: pair[1].incident.severity, default=None)
    rows = sum(len(one.series) for one in watched)
    verdict = f"{len(new)} incident{'s' * (len(new) != 1)} in {rows:,} rows"
    if len(watched) > 1:
        verdict += f" of {len(watched)} assets"
    if worst is not None:
        channels = worst[1].channels
        blamed = ", ".join(channel.name for channel in channels if channel.share >= _SHARE or channel is channels[0])
        where = f" of {worst[0]}" if len(watched) > 1 else ""
        verdict += f"; the most severe{where} from {shown_at(worst[1].begin)} to {shown_at(worst[1].end)}: {blamed}"
    verdict += "."
    notes = [note for one in found.values() for note in one.notes]
    document = {
        "verdict": verdict,
        "notes": notes,
        "rows": rows,
        "flagged": float(np.mean(np.concatenate([one.scores > one.high for one in watched]))),
        "ongoing": sum(one.ongoing for one in found.values()),
        "incidents": [{"asset": name, **alarm.to_json()} for name, alarm in alarms],
    }
    keep(options.out, document, alarms)
    asked = options.out / "questions.csv"
    if options.ask is not None:
        write_questions(asked, {name: (one.watched.series, one.first, one.questions) for name, one in found.items()})
    if not options.no_report:
        facts = {
            "detector": options.detector if options.detector_file is None else options.detector_file,
            "false-alarm rate": options.false_alarm_rate,
            "incidents a day at most": options.at_most or "–",
            "threshold": "static" if options.static else "adaptive",
            "seasonal": ", ".join(sorted({_season(one.stream.detector) for one in found.values()})),
            "seed": options.seed,
        }
        page = render_incidents(watched, "Incidents", verdict, facts, notes, [one.questions for one in found.values()])
        write_page(options.out / "report.html", page)
    for note in notes:
        remark(f"note: {note}.")
    if options.json:
        print_json(document)
        return
    most = sorted(new, key=lambda pair: -pair[1].incident.severity)[:10]
    header = ["start", "end", "rows", "severity", "p-value", "channels"]
    title = f"The {len(most)} most severe of {len(new)} incidents" if len(new) > len(most) else "Incidents"
    print_table(
        title, header if len(watched) == 1 else ["asset", *header], (_line(pair, len(watched)) for pair in most)
    )
    opened = options.out / ("incidents.csv" if options.no_report else "report.html")
    name = options.out / "detector.safetensors" if options.group is None else options.out
    kept = options.detector_file or name
    again: list[object] = ["tsreward", "detect", "NEXT.csv", "--detector-file", kept]
    for flag, value in (("--time", options.columns.time), ("--group", options.group)):
        again += [flag, value] if value is not None else []
    if options.ask is not None:
        count = sum(len(one.questions) for one in found.values())
        print(f"{count} questions in {asked}: fill in anomalous or normal, then run the same with --answers {asked}.")
    conclude(f"{verdict} Written to {opened}.", [*again, "--known", options.out / "incidents.csv"])


def _season(detector: Detector) -> str:
    return detector.season if isinstance(detector, LogDetector) else "none"


def _line(pair: tuple[str, Alarm], assets: int) -> list[object]:
    name, alarm = pair
    one = alarm.incident
    blamed = ", ".join(f"{channel.name} {channel.share:.0%}" for channel in alarm.channels)
    p_value = None if np.isnan(one.p_value) else one.p_value
    told = [shown_at(alarm.begin), shown_at(alarm.end), one.rows, one.severity, p_value, blamed]
    return told if assets == 1 else [name, *told]


def shown_at(at: Any) -> str:
    return str(written(at)).replace("T", " ")


def _table(alarms: Sequence[tuple[str, Alarm]]) -> str:
    """Return incidents.csv: a row for every incident, the three channels beside each other."""
    text = StringIO()
    rows = writer(text, lineterminator="\n")
    parts = ("name", "share", "value", "expected", "low", "high")
    rows.writerow([*_HEADER, *(f"channel{place}_{part}" for place in (1, 2, 3) for part in parts)])
    for name, alarm in alarms:
        values = {"asset": name, **alarm.to_json()}
        channels = [channel[part] for channel in values["channels"] for part in parts]
        rows.writerow([*(values[key] for key in _HEADER), *channels, *[""] * (18 - len(channels))])
    return text.getvalue()


def keep(out: Path, document: dict[str, Any], alarms: Sequence[tuple[str, Alarm]]) -> None:
    """Write incidents.json and incidents.csv."""
    write_atomic(out / "incidents.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    write_atomic(out / "incidents.csv", _table(alarms).encode())


def drift_text(detector: Detector, stream: IncidentStream, series: Series, scores: np.ndarray, name: str) -> str | None:
    """Return what to say where far more rows than asked for lie above the threshold of the normal rows."""
    flagged = float((scores > stream.high).mean())
    expected = detector.expected_
    if flagged < max(_DRIFTED, 5 * stream.rate) or expected is None:
        return None
    seen = LogDetector.prepared(detector, series) if isinstance(detector, LogDetector) else series
    mean, std = expected.mean.numpy(), expected.scale.numpy()
    counters = (
        detector.counters_ | detector.seasonal_ if isinstance(detector, LogDetector) else np.zeros(len(mean), bool)
    )
    away = np.where(counters, 0.0, np.abs(seen.values.mean(0) - mean) / std)
    worst = int(away.argmax())
    where = "" if name == ONE else f" of {name}"
    begin, end = (written(one) for one in ((0, len(series) - 1) if series.index is None else series.index[[0, -1]]))
    return (
        f"{flagged:.0%} of rows{where} lie above the threshold of the normal rows; '{series.column(worst)}' is on "
        f"average {away[worst]:.1f} standard deviations from training: fit on newer rows, or accept these as normal "
        f"with --accept {begin}..{end}"
    )


def since(alarm: Alarm, before: int) -> Alarm:
    """Return the alarm with rows counted from the first of this call; where it began before, from that one."""
    one = alarm.incident
    moved = replace(one, start=max(0, one.start - before), stop=one.stop - before, row=max(0, one.row - before))
    return replace(alarm, incident=moved)
