"""`tsreward detect`: the incidents in a log, when, which channel, how sure, on one page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from tsreward.cli.detect_answers import read_answers
from tsreward.cli.detect_assets import Assets, Files, file_name
from tsreward.cli.detect_results import Found, drift_text, keep, since, write_results
from tsreward.cli.detect_rows import joined, place_of, span_of, stamps_in
from tsreward.cli.main import remark
from tsreward.cli.output import Stages, prefer_one_thread
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import TableColumns
from tsreward.detection.adaptive import AdaptiveOptions
from tsreward.detection.alarms import Alarm, mark_known
from tsreward.detection.datasets.own_tables import read_table
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.logs import LogDetector, seconds_of
from tsreward.detection.detectors.presets import DEFAULT, detector_names, make_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.incidents import IncidentOptions
from tsreward.detection.questions import ask, lean
from tsreward.detection.stream_files import read_streams, write_streams
from tsreward.errors import DataError, OptionError
from tsreward.files import check_writable, make_folder
from tsreward.options import option
from tsreward.report.incidents import Watched
from tsreward.report.page import check_reporting
from tsreward.sequences.columns import Columns
from tsreward.sequences.series import Series


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
    ask: int | None = option(None, low=1)
    """Write so many questions to questions.csv, and onto the page: stretches of rows whose label would help most."""
    answers: tuple[Path, ...] = ()
    """Tables of answers (start, end, answer), such as questions.csv with anomalous or normal in its last column: the
    answered rows are flagged as they say, and the rows around them the more so, the nearer and the more alike."""
    state: Path | None = None
    """File that keeps where the log ended: the next rows go on from there, bit-identical to a log in one piece. It is
    made where there is none; rows up to the last time that was seen are passed over."""
    follow: float | None = option(None, above=0)
    """Look again every so many seconds for rows that were added, print each incident that has ended as a line of JSON,
    and keep incidents.csv and incidents.json up to date, until interrupted. It needs --detector-file and --time."""
    late: float | None = option(None, above=0)
    """Seconds, or the unit of times that are numbers, that a row may come behind rows of later times: rows are put in
    order, also those of several tables, and what comes later still is left out. With --state or --follow the newest
    rows wait for so long."""
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
        if self.follow is not None and (self.ask is not None or self.answers):
            raise OptionError("--ask and --answers are about rows that are there: leave out --follow.")
        if self.late is not None and self.columns.time is None:
            raise OptionError("--late is about times: name the column of time stamps with --time.")
        if self.late is not None and self.columns.time_zone not in (None, "UTC"):
            raise OptionError(
                "--late cannot tell apart the hour that clocks in a --time-zone show twice: write times in UTC, or "
                "with their zone and --time-zone UTC."
            )
        if self.at_most is not None and self.columns.time is None:
            raise OptionError("--at-most is about days: name the column of time stamps with --time.")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "detect", arguments))


def run(options: Options) -> int:
    """Fit or load, score, and write what was found."""
    prefer_one_thread()
    if not options.no_report:
        check_reporting()
    make_folder(options.out)
    check_writable(options.out / "incidents.json")
    states, _ = read_streams(options.state)
    if options.follow is not None:
        return _follow(options, states)
    found = _round(options, states, set())
    if not found:
        waits = "" if options.late is None else f", or the new ones wait for others that may come {options.late:g} late"
        raise DataError(f"No row is later than the last one in {options.state}{waits}.")
    write_results(options, found)
    return 0


def _round(options: Options, states: dict[str, Any], told: set[str]) -> dict[str, Found]:
    """Return what the rows after those of the states bring, and keep the new states, in a file if there is one.

    Warnings that were `told` in an earlier round are not repeated.
    """
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as folder, Stages() as stages:
        fitted = options.detector_file is not None or options.train_until is not None
        assets = Assets(options.data, options.normal, fitted, options.columns, Path(folder))
        if options.group is not None:
            assets.group(options.group)
        if options.late is not None:
            assets.order(options.late, wait=options.follow is not None or options.state is not None)
        for warning in assets.warnings:
            if warning not in told:
                remark(warning)
        told.update(assets.warnings)
        report = None if options.follow else stages("assets")
        for place, (name, files) in enumerate(sorted(assets.by_name.items())):
            count = None if options.ask is None else max(1, options.ask // len(assets.by_name))
            with assets.named():
                one = _watch(options, assets.columns, name, files, states.get(name), count)
            if one is not None:
                found[name] = one
            if report is not None:
                report(place + 1, len(assets.by_name))
    states |= {name: one.stream.state() for name, one in found.items()}
    if options.state is not None and found:
        write_streams(options.state, states)
    return found


def _follow(options: Options, states: dict[str, Any]) -> int:
    """Look for new rows until interrupted."""
    assert options.follow is not None
    ended: list[tuple[str, Alarm]] = []
    told: set[str] = set()
    remark(f"following {', '.join(map(str, options.data))} every {options.follow:g} s; Ctrl-C ends it.")
    while True:
        try:
            found = _round(options, states, told)
        except DataError as error:  # a row is half written: the next round reads it
            if str(error) not in told:
                remark(f"warning: {error}")
            told.add(str(error))
            found = {}
        going = [(name, alarm) for name, one in found.items() for alarm in one.alarms[len(one.alarms) - one.ongoing :]]
        new = [(name, alarm) for name, one in found.items() for alarm in one.alarms[: len(one.alarms) - one.ongoing]]
        ended += new
        for name, alarm in new:
            print(json.dumps({"asset": name, **alarm.to_json()}), flush=True)
        if found:
            document = {"ongoing": len(going), "incidents": [{"asset": n, **a.to_json()} for n, a in ended + going]}
            keep(options.out, document, ended + going)
        sleep(options.follow)


def _watch(
    options: Options, columns: TableColumns, name: str, files: Files, state: Any, count: int | None
) -> Found | None:
    """Return what the rows of one asset bring; None where none is later than the state, or all wait."""
    if not files.others:
        return None
    trained, parts, accepted = _rows(options, columns, name, files)
    detector = _detector(options, name, _with(trained, accepted))
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
    series = joined(parts)
    answers = read_answers(options.answers, series, name, before)
    blame = detector.explain(series) if answers.spans or count is not None else np.zeros(series.values.shape)
    leaning = lean(blame, answers.spans, answers.anomalous) if answers.spans else None
    for part in parts:
        done = sum(map(len, scores))
        pushed = stream.push(part, None if leaning is None else leaning[done : done + len(part)])
        scores.append(pushed.scores)
        high.append(pushed.high)
        alarms += pushed.alarms
    ongoing = stream.finish()
    scores, high = np.concatenate(scores), np.concatenate(high)
    told = alarms + ongoing
    for file in options.known:
        told = mark_known(told, *stamps_in(file, series)[:2])
    if accepted is not None and accepted.index is not None:
        index = np.asarray(accepted.index)
        told = mark_known(told, index[:1], index[-1:])
    drift = drift_text(detector, stream, series, scores, name)
    drawn = Watched(name, series, scores, high, [since(one, before) for one in told])
    questions = [] if count is None else ask(scores, blame, count, answers.spans)
    notes = [note for note in (answers.says() if options.answers else None, drift) if note is not None]
    return Found(drawn, told, stream, notes, len(ongoing), questions, before)


def _rows(
    options: Options, columns: TableColumns, name: str, files: Files
) -> tuple[Series | None, list[Series], Series | None]:
    """Return the normal rows of an asset, if there are any, those to score in parts, and those that are accepted."""
    parts = [read_table(path, columns=columns) for path in files.others]
    if options.train_until is not None:
        whole = joined(parts)
        until = place_of(options.train_until, whole)
        if not 0 < until < len(whole):
            raise DataError(
                f"--train-until {options.train_until} leaves no rows on one side of {len(whole)} of {name}."
            )
        trained, parts = whole.rows(0, until), [whole.rows(until, len(whole))]
    else:
        trained = joined([read_table(path, columns=columns) for path in files.normal]) if files.normal else None
    accepted = None
    if options.accept is not None:
        whole = joined(parts)
        start, stop = (place_of(one, whole) for one in span_of(options.accept))
        stop += stop < len(whole)
        if start >= stop:
            raise DataError(f"--accept {options.accept}: no row of the {len(whole)} of {name} lies there.")
        accepted = whole.rows(start, stop)
    return trained, parts, accepted


def _detector(options: Options, name: str, trained: Series | None) -> Detector:
    """Return the detector of an asset: fitted on normal rows, and saved; or read from a file."""
    path = options.out / (
        "detector.safetensors" if options.group is None else f"detector-{file_name(name)}.safetensors"
    )
    if trained is None:
        assert options.detector_file is not None  # `Assets` has checked it
        file = options.detector_file if options.group is None else options.detector_file / path.name
        detector = load_detector(file)
        detector.false_alarm_rate = options.false_alarm_rate
        return detector
    inner = make_detector(options.detector, seed=options.seed, false_alarm_rate=None)
    fitted = LogDetector(inner, options.seasonal, false_alarm_rate=options.false_alarm_rate).fit(trained)
    save_detector(fitted, path, {"rows": len(trained), "seed": options.seed})
    return fitted


def _with(trained: Series | None, accepted: Series | None) -> Series | None:
    """Return the normal rows and those that were accepted as normal; windows do not go across the border."""
    if trained is None or accepted is None:
        return trained
    return joined([trained, replace(accepted, starts=np.arange(len(accepted)) == 0)])
