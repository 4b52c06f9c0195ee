"""`tsreward detect`: the incidents in a log, when, which channel, how sure, on one page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import TableColumns
from tsreward.data.groups import split_by
from tsreward.data.tables import open_table
from tsreward.detection.adaptive import AdaptiveOptions
from tsreward.detection.alarms import Alarm, mark_known, written
from tsreward.detection.datasets.own_tables import read_table
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.logs import LogDetector, seconds_of
from tsreward.detection.detectors.presets import DEFAULT, detector_names, make_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.incidents import IncidentOptions
from tsreward.detection.stream_files import read_streams, write_streams
from tsreward.errors import DataError, OptionError
from tsreward.files import check_writable, write_atomic
from tsreward.options import option
from tsreward.report.incidents import Watched, render_incidents
from tsreward.report.page import check_reporting, write_page
from tsreward.sequences.columns import Columns
from tsreward.sequences.series import Series
from tsreward.sequences.time import StampError, parse_stamps

_DRIFTED = 0.2
"""Fraction of rows above the threshold of the normal rows from which on that is said."""
_HEADER = ("asset", "number", "kind", "start", "end", "peak_at", "rows", "peak", "severity", "p_value", "known")
_ALL = "log"
_SHARE = 0.1
"""Of what channels add to a score: those below are not named in the first sentence."""


@dataclass(frozen=True)
class Options(Arguments):
    """Find the incidents in a log: fit a detector on normal rows, and score the rows that came later.

    The folder gets report.html, incidents.csv, incidents.json and the detector (detector.safetensors), with which later
    rows are scored by --detector-file.
    """

    data: tyro.conf.Positional[tuple[Path, ...]]
    """Tables, .csv or .parquet, or patterns such as 'logs/*.csv': first normal rows, then the others, in their order.
    With --normal, --train-until or --detector-file, all are others."""
    out: Path = Path("incidents")
    """Folder of the results; it is created."""
    normal: tuple[Path, ...] = ()
    """Tables of normal rows, or patterns."""
    train_until: str | None = None
    """The rows before this time, or so many first rows, are normal; the others of the same data are scored."""
    detector: Annotated[str, tyro.conf.arg(help=f"Name of the detector: {', '.join(detector_names())}.")] = DEFAULT
    detector_file: Path | None = None
    """A detector that was saved before, in place of normal rows; with --group, the folder of an earlier run."""
    columns: tyro.conf.OmitArgPrefixes[TableColumns] = field(default_factory=TableColumns)
    group: str | None = None
    """Column that names the asset of a row: each asset has its own detector and its own incidents."""
    seasonal: Literal["auto", "day", "week", "none"] = "auto"
    """Whether usual values depend on the hour of the day or week; auto finds out. It needs --time."""
    false_alarm_rate: float = option(0.01, above=0, below=1)
    """Fraction of normal rows that may pass the threshold."""
    at_most: float | None = option(None, above=0)
    """Incidents a day on normal rows, at most, in place of the rate; it needs --time."""
    incidents: tyro.conf.OmitArgPrefixes[IncidentOptions] = field(default_factory=IncidentOptions)
    static: bool = False
    """Keep the threshold of the normal rows; else it follows the scores (adaptive conformal inference), so that the
    flagged fraction holds while they drift."""
    adaptive: AdaptiveOptions = field(default_factory=AdaptiveOptions)
    known: tuple[Path, ...] = ()
    """Tables with columns start and end of incidents that are known or acknowledged, such as an earlier incidents.csv:
    what overlaps them is told as known."""
    accept: str | None = None
    """Rows A..B (times or numbers of rows) that are normal after all: the detector is fitted on them, too."""
    state: Path | None = None
    """File that keeps where the log ended: the next rows go on from there, bit-identical to a log in one piece. It is
    made where there is none; rows up to the last time that was seen are passed over."""
    follow: float | None = option(None, above=0)
    """Look again every so many seconds for rows that were added, print each incident that has ended as a line of JSON,
    and keep incidents.csv and incidents.json up to date, until interrupted. It needs --detector-file and --time."""
    seed: int = option(0, low=0)
    """Of what is random in a detector."""
    no_report: bool = False
    """Write no report.html."""
    json: bool = False
    """Print what was found as one JSON document."""

    def check(self) -> None:
        if self.detector_file is not None and (self.normal or self.train_until is not None or self.accept is not None):
            raise OptionError("--detector-file is fitted already: leave --normal, --train-until and --accept out.")
        if self.normal and self.train_until is not None:
            raise OptionError("Normal rows come from one place: take either --normal or --train-until.")
        if self.follow is not None and (self.detector_file is None or self.columns.time is None):
            raise OptionError("--follow goes on with --detector-file and knows rows by --time: name both.")
        if self.at_most is not None and self.columns.time is None:
            raise OptionError("--at-most is about days: name the column of time stamps with --time.")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "detect", arguments))


@dataclass(frozen=True)
class _Found:
    """What was found of one asset."""

    watched: Watched
    """What is drawn: rows are counted from the first of this call."""
    alarms: list[Alarm]
    """The same incidents, with rows counted from the first of the log."""
    stream: IncidentStream
    drift: str | None
    ongoing: int


def run(options: Options) -> int:
    """Fit or load, score, and write what was found."""
    prefer_one_thread()
    if not options.no_report:
        check_reporting()
    options.out.mkdir(parents=True, exist_ok=True)
    check_writable(options.out / "incidents.json")
    states, _ = read_streams(options.state)
    if options.follow is not None:
        return _follow(options, states)
    found = _round(options, states)
    if not found:
        raise DataError(f"No row is later than the last one in {options.state}.")
    _write(options, found)
    return 0


def _round(options: Options, states: dict[str, Any]) -> dict[str, _Found]:
    """Return what the rows after those of the states bring, and keep the new states, in a file if there is one."""
    found: dict[str, _Found] = {}
    with tempfile.TemporaryDirectory() as folder, Stages() as stages:
        assets = _assets(options, Path(folder))
        report = None if options.follow else stages("assets")
        for place, (name, (normal, recent)) in enumerate(sorted(assets.items())):
            one = _watch(options, name, normal, recent, states.get(name))
            if one is not None:
                found[name] = one
            if report is not None:
                report(place + 1, len(assets))
    states |= {name: one.stream.state() for name, one in found.items()}
    if options.state is not None and found:
        write_streams(options.state, states)
    return found


def _follow(options: Options, states: dict[str, Any]) -> int:
    """Look for new rows until interrupted."""
    assert options.follow is not None
    ended: list[tuple[str, Alarm]] = []
    remark(f"following {', '.join(map(str, options.data))} every {options.follow:g} s; Ctrl-C ends it.")
    while True:
        try:
            found = _round(options, states)
        except DataError as error:  # a row is half written: the next round reads it
            remark(f"warning: {error}")
            found = {}
        going = [(name, alarm) for name, one in found.items() for alarm in one.alarms[len(one.alarms) - one.ongoing :]]
        new = [(name, alarm) for name, one in found.items() for alarm in one.alarms[: len(one.alarms) - one.ongoing]]
        ended += new
        for name, alarm in new:
            print(json.dumps({"asset": name, **alarm.to_json()}), flush=True)
        if found:
            document = {"ongoing": len(going), "incidents": [{"asset": n, **a.to_json()} for n, a in ended + going]}
            _keep(options, document, ended + going)
        sleep(options.follow)


def _keep(options: Options, document: dict[str, Any], alarms: Sequence[tuple[str, Alarm]]) -> None:
    """Write incidents.json and incidents.csv."""
    write_atomic(options.out / "incidents.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    write_atomic(options.out / "incidents.csv", _table(alarms).encode())


def _watch(options: Options, name: str, normal: list[Path], recent: list[Path], state: Any) -> _Found | None:
    """Return what the rows of one asset bring; None where none is later than the state."""
    columns = options.columns
    parts = [read_table(path, columns=columns) for path in recent]
    if options.train_until is not None:
        whole = _joined(parts)
        until = _place(options.train_until, whole)
        if not 0 < until < len(whole):
            raise DataError(
                f"--train-until {options.train_until} leaves no rows on one side of {len(whole)} of {name}."
            )
        trained, parts = whole.rows(0, until), [whole.rows(until, len(whole))]
    else:
        trained = _joined([read_table(path, columns=columns) for path in normal]) if normal else None
    accepted = None
    if options.accept is not None:
        whole = _joined(parts)
        start, stop = (_place(one, whole) for one in _span(options.accept))
        stop += stop < len(whole)
        if start >= stop:
            raise DataError(f"--accept {options.accept}: no row of the {len(whole)} of {name} lies there.")
        accepted = whole.rows(start, stop)
    path = options.out / (
        "detector.safetensors" if options.group is None else f"detector-{_file_name(name)}.safetensors"
    )
    if trained is None:
        assert options.detector_file is not None  # `_assets` has checked it
        file = options.detector_file if options.group is None else options.detector_file / path.name
        detector = load_detector(file)
        detector.false_alarm_rate = options.false_alarm_rate
    else:
        detector = _fitted(options, trained, accepted)
        save_detector(detector, path, {"rows": len(trained), "seed": options.seed})
    names = detector.feature_names_in_
    columns_in_order = None if names is None else Columns(tuple(names))
    parts = [part.in_order(columns_in_order, detector.title) for part in parts]
    seconds = seconds_of(parts[0] if trained is None else trained)
    per_day = None if seconds is None or len(seconds) < 2 else 86_400 / max(float(np.median(np.diff(seconds))), 1e-9)
    adaptive = None if options.static else options.adaptive
    stream = IncidentStream(detector, options.incidents, options.at_most, per_day, adaptive)
    if state is not None:
        stream.load(state)
    parts = [part for part in map(stream.later, parts) if part is not None]
    if not parts:
        return None
    before, scores, high, alarms = stream.rows, [], [], list[Alarm]()
    for part in parts:
        pushed = stream.push(part)
        scores.append(pushed.scores)
        high.append(pushed.high)
        alarms += pushed.alarms
    ongoing = stream.finish()
    series = _joined(parts)
    scores, high = np.concatenate(scores), np.concatenate(high)
    told = alarms + ongoing
    for file in options.known:
        told = mark_known(told, *_spans(file, series))
    if accepted is not None:
        bounds = [np.array([accepted.index[place]]) if accepted.index is not None else None for place in (0, -1)]
        if bounds[0] is not None and bounds[1] is not None:
            told = mark_known(told, bounds[0], bounds[1])
    drift = _drift(detector, stream, series, scores, name)
    drawn = Watched(name, series, scores, high, [_since(one, before) for one in told])
    return _Found(drawn, told, stream, drift, len(ongoing))


def _fitted(options: Options, trained: Series, accepted: Series | None) -> Detector:
    inner = make_detector(options.detector, seed=options.seed, false_alarm_rate=None)
    detector = LogDetector(inner, options.seasonal, false_alarm_rate=options.false_alarm_rate)
    if accepted is not None:  # windows do not go across the border
        one = replace(accepted, starts=np.arange(len(accepted)) == 0)
        trained = _joined([trained, one])
    return detector.fit(trained)


def _assets(options: Options, folder: Path) -> dict[str, tuple[list[Path], list[Path]]]:
    """Return the files of normal and of other rows by asset."""
    given, normal = _expanded(options.data), _expanded(options.normal)
    fitted = options.detector_file is not None or options.train_until is not None
    if not normal and not fitted:
        if len(given) < 2:
            raise OptionError(
                f"tsreward detect needs normal rows and others, got {given[0] if given else 'no file'}: name two "
                f"files, say with --train-until up to when the rows are normal, or give a --detector-file."
            )
        normal, given = given[:1], given[1:]
    if options.group is None:
        return {_ALL: (normal, given)}
    assets: dict[str, tuple[list[Path], list[Path]]] = {}
    for side, paths in enumerate((normal, given)):
        for place, path in enumerate(paths):
            (inside := folder / f"{side}-{place}").mkdir()
            for name, part in split_by(path, options.group, inside, options.columns.skip_rows).items():
                assets.setdefault(name, ([], []))[side].append(part)
    for name, (before, later) in list(assets.items()):
        if not later or (not before and not fitted):
            kind = "other" if not later else "normal"
            remark(f"warning: {options.group} {name} has no {kind} rows and is left out.")
            del assets[name]
    if not assets:
        raise DataError(f"No value of '{options.group}' has both normal and other rows.")
    return assets


def _expanded(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if any(sign in path.name for sign in "*?[") and not path.exists():
            matched = sorted(path.parent.glob(path.name))
            if not matched:
                raise DataError(f"No file matches {path}.")
            found += matched
        else:
            found.append(path)
    return found


def _joined(parts: Sequence[Series]) -> Series:
    """Return one series; names of columns and kinds of indices must agree."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if part.columns != first.columns or (part.index is None) != (first.index is None):
            raise DataError(f"'{part.name}' has other columns than '{first.name}': give files of one kind.")
    starts = [np.zeros(len(one), dtype=bool) if one.starts is None else one.starts for one in parts]
    index = None if first.index is None else np.concatenate([np.asarray(one.index) for one in parts])
    values = np.concatenate([one.values for one in parts])
    return Series(values, None, first.name, first.columns, index, np.concatenate(starts))


def _since(alarm: Alarm, before: int) -> Alarm:
    """Return the alarm with rows counted from the first of this call; where it began before, from that one."""
    one = alarm.incident
    moved = replace(one, start=max(0, one.start - before), stop=one.stop - before, row=max(0, one.row - before))
    return replace(alarm, incident=moved)


def _span(text: str) -> tuple[str, str]:
    start, dots, stop = text.partition("..")
    if not dots:
        raise OptionError(f"--accept takes A..B, two times or numbers of rows, got {text!r}.")
    return start, stop


def _place(text: str, series: Series) -> int:
    """Return the first row at or after a time, or the number of a row."""
    index = None if series.index is None else np.asarray(series.index)
    try:
        stamp = parse_stamps([text]).as_array()
    except StampError as error:
        raise OptionError(f"{text!r} is no time and no number of a row.") from error
    if index is None:
        if stamp.dtype.kind == "M":
            raise OptionError(f"{text} is a time, and the rows have none: name their column with --time.")
        return int(stamp[0])
    if (index.dtype.kind == "M") != (stamp.dtype.kind == "M"):
        raise OptionError(f"{text} is not written as the times of the log, such as {written(index[0])}.")
    return int(np.searchsorted(index, stamp[0]))


def _spans(path: Path, series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of known incidents."""
    with open_table(path) as table:
        table.require(["start", "end"])
        rows = table.read(texts=["start", "end"])
        cells = [rows.texts(name) for name in ("start", "end")]
    if not cells[0]:
        return np.zeros(0), np.zeros(0)
    try:
        starts, ends = (parse_stamps(one).as_array() for one in cells)
    except StampError as error:
        raise DataError(f"{path}: row {error.position + 1} is not {error}.") from error
    timed = series.index is not None and np.asarray(series.index).dtype.kind == "M"
    if timed != (starts.dtype.kind == "M"):
        raise DataError(f"{path}: starts and ends are not written as the times of the log.")
    return starts, ends


def _drift(detector: Detector, stream: IncidentStream, series: Series, scores: np.ndarray, name: str) -> str | None:
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
    where = "" if name == _ALL else f" of {name}"
    begin, end = (written(one) for one in ((0, len(series) - 1) if series.index is None else series.index[[0, -1]]))
    return (
        f"{flagged:.0%} of rows{where} lie above the threshold of the normal rows; '{series.column(worst)}' is on "
        f"average {away[worst]:.1f} standard deviations from training: fit on newer rows, or accept these as normal "
        f"with --accept {begin}..{end}"
    )


def _write(options: Options, found: Mapping[str, _Found]) -> None:
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
        verdict += f"; the most severe{where} from {_shown(worst[1].begin)} to {_shown(worst[1].end)}: {blamed}"
    verdict += "."
    notes = [one.drift for one in found.values() if one.drift is not None]
    document = {
        "verdict": verdict,
        "notes": notes,
        "rows": rows,
        "flagged": float(np.mean(np.concatenate([one.scores > one.high for one in watched]))),
        "ongoing": sum(one.ongoing for one in found.values()),
        "incidents": [{"asset": name, **alarm.to_json()} for name, alarm in alarms],
    }
    _keep(options, document, alarms)
    if not options.no_report:
        facts = {
            "detector": options.detector if options.detector_file is None else options.detector_file,
            "false-alarm rate": options.false_alarm_rate,
            "incidents a day at most": options.at_most or "–",
            "threshold": "static" if options.static else "adaptive",
            "seasonal": ", ".join(sorted({_season(one.stream.detector) for one in found.values()})),
            "seed": options.seed,
        }
        page = render_incidents(watched, "Incidents", verdict, facts, notes)
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
    conclude(f"{verdict} Written to {opened}.", [*again, "--known", options.out / "incidents.csv"])


def _season(detector: Detector) -> str:
    return detector.season if isinstance(detector, LogDetector) else "none"


def _line(pair: tuple[str, Alarm], assets: int) -> list[object]:
    name, alarm = pair
    one = alarm.incident
    blamed = ", ".join(f"{channel.name} {channel.share:.0%}" for channel in alarm.channels)
    p_value = None if np.isnan(one.p_value) else one.p_value
    told = [_shown(alarm.begin), _shown(alarm.end), one.rows, one.severity, p_value, blamed]
    return told if assets == 1 else [name, *told]


def _shown(at: Any) -> str:
    return str(written(at)).replace("T", " ")


def _table(alarms: Sequence[tuple[str, Alarm]]) -> str:
    """Return incidents.csv: a row for every incident, the three channels beside each other."""
    from csv import writer
    from io import StringIO

    text = StringIO()
    rows = writer(text, lineterminator="\n")
    parts = ("name", "share", "value", "expected", "low", "high")
    rows.writerow([*_HEADER, *(f"channel{place}_{part}" for place in (1, 2, 3) for part in parts)])
    for name, alarm in alarms:
        values = {"asset": name, **alarm.to_json()}
        channels = [channel[part] for channel in values["channels"] for part in parts]
        rows.writerow([*(values[key] for key in _HEADER), *channels, *[""] * (18 - len(channels))])
    return text.getvalue()


def _file_name(name: str) -> str:
    """Return a name of an asset as a part of a name of a file; different names stay different."""
    return "".join(sign if sign.isalnum() or sign in "-_." else f"%{ord(sign):02x}" for sign in name)
