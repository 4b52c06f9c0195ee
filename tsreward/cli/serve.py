"""`tsreward serve`: a detector behind HTTP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import prefer_one_thread, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.detection.adaptive import AdaptiveOptions
from tsreward.detection.detectors.files import load_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.incidents import IncidentOptions
from tsreward.detection.stream_files import read_streams, write_streams
from tsreward.errors import DataError, OptionError, missing_extra
from tsreward.files import check_writable
from tsreward.interrupts import held_back
from tsreward.options import option
from tsreward.sequences.row_options import RowOptions

VARIABLE = "TSREWARD_TOKEN"
"""Environment variable of the token."""
_SHORTEST = 16


@dataclass(frozen=True)
class Options(Arguments):
    """Serve a saved detector: rows come as JSON to POST /score, and get the scores, thresholds and incidents that
    tsreward detect would have given, bit-identical.

    GET /incidents, GET /metrics (Prometheus) and GET /healthz are there, too.
    """

    detector: tyro.conf.Positional[Path]
    """File of the detector, from tsreward detect or fit."""
    host: str = "127.0.0.1"
    """Address to listen on; one that other machines reach needs a token."""
    port: int = option(8765, low=0, high=65535)
    """Port to listen on; 0 takes any that is free."""
    token_file: Path | None = None
    """File with the token that every request must name (Authorization: Bearer TOKEN); the environment variable
    TSREWARD_TOKEN serves as well."""
    state: Path | None = None
    """File that keeps where the streams ended, also for tsreward detect --state: it is read at the start where it is
    there, and written at the end and in between."""
    state_every: float = option(60.0, low=1.0)
    """Seconds between two times that the state is written, where rows have come."""
    time: str | None = None
    """Name of the time in a row; times must increase, and rows that were seen are passed over."""
    time_format: str | None = None
    """How times are written, e.g. %d/%m/%Y %H:%M as datetime.strptime has it; or s, ms, us, ns since 1970."""
    time_zone: str | None = None
    """Zone of times without one, e.g. Europe/Berlin."""
    gap: float | None = option(None, above=0)
    """Seconds between two rows beyond which windows and averages begin anew."""
    ignore: tuple[str, ...] = ()
    """Names in a row that are left out, whatever they hold."""
    false_alarm_rate: float = option(0.01, above=0, below=1)
    """Fraction of normal rows that may pass the threshold."""
    incidents: tyro.conf.OmitArgPrefixes[IncidentOptions] = field(default_factory=IncidentOptions)
    static: bool = False
    """Keep the threshold of the normal rows; else it follows the scores."""
    adaptive: AdaptiveOptions = field(default_factory=AdaptiveOptions)
    max_streams: int = option(100, low=1)
    """Streams at most; each holds some thousand rows at most."""
    max_rows: int = option(10_000, low=1)
    """Rows in a request at most."""
    max_body: float = option(8.0, above=0)
    """MB of a request at most."""
    max_connections: int = option(64, low=2)
    """Connections at a time; others are answered with 503."""
    timeout: float = option(10.0, low=0.1)
    """Seconds that a client may take to send the head or the body of a request."""
    json: bool = False
    """Print the address and the columns as one JSON document when the server listens."""

    def check(self) -> None:
        if self.time is None and (self.time_format or self.time_zone or self.gap):
            raise OptionError("--time-format, --time-zone and --gap are about times: name them with --time.")

    @property
    def rows(self) -> RowOptions:
        """What is said about rows."""
        return RowOptions(
            ignore=self.ignore,
            time=self.time,
            time_format=self.time_format,
            time_zone=self.time_zone,
            gap=self.gap,
        )


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "serve", arguments))


def run(options: Options) -> int:
    """Load, listen, and serve until a signal comes; then write the state."""
    prefer_one_thread()
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise missing_extra(package, "serve")
    from tsreward.serving.app import Access, make_app
    from tsreward.serving.rows import RowReader
    from tsreward.serving.server import bind, keeper, make_server
    from tsreward.serving.streams import Streams

    token = read_token(options.token_file)
    detector = load_detector(options.detector)
    detector.false_alarm_rate = options.false_alarm_rate
    adaptive = None if options.static else options.adaptive

    def make() -> IncidentStream:
        return IncidentStream(detector, options.incidents, adaptive=adaptive)

    make()  # a detector that cannot be served is told now
    streams = Streams(make, options.max_streams, options.gap)
    if options.state is not None:
        check_writable(options.state)
        streams.load(*read_streams(options.state))

    saving = Lock()

    def save() -> None:
        with saving, held_back():
            if options.state is not None and streams.changed:
                try:
                    write_streams(options.state, *streams.state())
                except BaseException:
                    streams.changed = True  # it is tried again
                    raise

    reader = RowReader(detector, options.rows, options.max_rows)
    listening, local = bind(options.host, options.port)
    with listening:
        if not local and token is None:
            raise OptionError(
                f"{options.host} is reached from other machines, which needs a token: give --token-file or {VARIABLE}."
            )
        access = Access(token, local, int(options.max_body * 2**20), options.timeout)
        port = listening.getsockname()[1]
        shown = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{shown}:{port}"
        if options.json:
            print_json({"url": url, "columns": list(reader.columns.names), "time": options.time})
        remark(f"serving {options.detector} on {url}; Ctrl-C ends it.")
        try:
            app = make_app(streams, reader, access, keeper(save, options.state_every, remark))
            make_server(app, options.timeout, options.max_connections).run(sockets=[listening])
        finally:
            save()
    return 0


def read_token(path: Path | None) -> str | None:
    """Return the token in a file, or in the environment; None where there is neither.

    Raises:
        DataError: the file cannot be read.
        OptionError: fewer than 16 characters, or others than printable ASCII without spaces.
    """
    if path is not None:
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"Cannot read a token from {path}: {error}. Name a file of ASCII text.") from error
    elif VARIABLE in os.environ:
        token = os.environ[VARIABLE].strip()
    else:
        return None
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise OptionError(
            f"A token is {_SHORTEST} characters or more, printable ASCII without spaces, got {len(token)} characters: "
            f"make one with openssl rand -hex 32."
        )
    return token
