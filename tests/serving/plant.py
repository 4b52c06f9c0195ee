"""A detector of three sensors, rows for it, and a server in a thread."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.incidents import IncidentOptions
from tsreward.sequences.row_options import RowOptions
from tsreward.sequences.series import Series
from tsreward.serving.rows import RowReader
from tsreward.serving.streams import Streams

NAMES = ("load", "mem", "disk")
START = np.datetime64("2026-03-02T00:00:00")


def log(rows: int, seed: int) -> Series:
    values = np.random.default_rng(seed).normal(size=(rows, 3)) + np.array([50.0, 40.0, 7.0])
    return Series(values, None, "log", NAMES, START + np.arange(rows) * np.timedelta64(60, "s"))


def recent() -> Series:
    series = log(500, 1)
    series.values[200:230, 1] += 20
    series.values[300:390, 2] = series.values[300, 2]
    return series


def as_rows(series: Series) -> list[dict[str, Any]]:
    index = series.index
    return [
        {"t": str(index[place]), **dict(zip(series.columns, row, strict=True))}
        for place, row in enumerate(series.values.tolist())
    ]


def detector() -> LogDetector:
    return LogDetector(make_detector("mahalanobis", smoothing=10)).fit(log(900, 0))


def make_stream(fitted: LogDetector) -> IncidentStream:
    return IncidentStream(fitted, IncidentOptions())


def parts(fitted: LogDetector, most: int = 3, gap: float | None = None) -> tuple[RowReader, Streams]:
    reader = RowReader(fitted, RowOptions(time="t", gap=gap, ignore=("note",)), most=1000)
    return reader, Streams(lambda: make_stream(fitted), most, gap)


class Client:
    """Asks a server on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and answer, JSON as it is read; a body that is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, data, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text


@contextmanager
def served(streams: Streams, reader: RowReader, timeout: float = 10.0, **access: Any) -> Iterator[Client]:
    """Serve on a free port until the block ends."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    from tsreward.serving.app import Access, make_app
    from tsreward.serving.server import bind, make_server

    listening, _ = bind("127.0.0.1", 0)
    server = make_server(make_app(streams, reader, Access(timeout=timeout, **access)), timeout, connections=16)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield Client(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
