"""What comes as JSON is rows of the detector's columns, or is refused with one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.serving import plant
from tsreward.detection.detectors.presets import make_detector
from tsreward.sequences.row_options import RowOptions
from tsreward.serving.rows import Refused, RowReader

ROW = {"t": "2026-03-02 00:00:00", "load": 50, "mem": 40.5, "disk": 7}


@pytest.fixture(scope="module")
def reader() -> RowReader:
    return plant.parts(plant.detector())[0]


def test_rows_are_read_by_name(reader: RowReader) -> None:
    rows = plant.as_rows(plant.recent())
    turned = [dict(reversed(row.items())) | {"note": [None]} for row in rows]
    for body in ({"rows": rows}, {"stream": "log", "rows": turned}, {"streams": {"log": rows}}):
        series = reader.read(json.dumps(body).encode())["log"]
        np.testing.assert_array_equal(series.values, plant.recent().values)
        np.testing.assert_array_equal(series.index, plant.recent().index)
        assert series.columns == plant.NAMES


def test_lists_serve_where_there_is_no_time() -> None:
    values = plant.log(300, 0).values
    reader = RowReader(make_detector("pca", smoothing=1).fit(values), RowOptions())
    found = reader.read(b'{"rows": [[1, 2, 3], [4, 5, 6.5]]}')["log"]
    assert found.values.tolist() == [[1, 2, 3], [4, 5, 6.5]] and found.index is None
    with pytest.raises(Refused, match="row 1 is to have 3 numbers, got 2"):
        reader.read(b'{"rows": [[1, 2, 3], [4, 5]]}')
    assert reader.read(b'{"rows": [{"0": 1, "2": 3, "1": 2}]}')["log"].values.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (400, b"", "The JSON is broken"),
        (400, b"\xff", "not UTF-8"),
        (400, b"[" * 100_000, "nested deeper than 16"),
        (400, b'{"rows": [{"load": NaN}]}', "NaN"),
        (400, b'{"rows": [{"load": -Infinity}]}', "Infinity"),
        (400, b'{"rows": [{"load": 1e999}]}', "too large"),
        (400, b'{"rows": [{"load": ' + b"9" * 5000 + b"}]}", "integer of 5000 digits"),
        (400, b'{"rows": [{"load": 1, "load": 2}]}', "has the key 'load' twice"),
        (400, b'[{"load": 1}]', "A body is"),
        (400, b'{"row": []}', "A body is"),
        (400, b'{"rows": [], "stream": "a"}', "not empty"),
        (400, b'{"rows": {"load": 1}}', "are to be a list"),
        (400, b'{"rows": [1], "streams": {}}', "either rows"),
        (400, b'{"streams": {}}', "object with the rows of each stream"),
        (400, b'{"streams": [[1]]}', "object with the rows of each stream"),
        (400, b'{"stream": 7, "rows": [1]}', "name of a stream is 1 to 200 printable"),
        (400, b'{"stream": "a\\nb", "rows": [1]}', "printable characters, got 'a\\nb'"),
        (400, json.dumps({"stream": "x" * 201, "rows": [1]}).encode(), "1 to 200"),
        (413, json.dumps({"rows": [1] * 1001}).encode(), "at most 1000 rows, got 1001"),
        (422, {"rows": [7]}, "row 0 is to be an object"),
        (422, {"rows": [[1, 2, 3]]}, "row 0 is to be an object"),
        (422, {"rows": [ROW, {**ROW, "load": "50"}]}, "row 1 is to have a number in column 'load', got '50'"),
        (422, {"rows": [{**ROW, "mem": True}]}, "a number in column 'mem', got True"),
        (422, {"rows": [{**ROW, "mem": None}]}, "a number in column 'mem', got None"),
        (422, {"rows": [{**ROW, "mem": [1]}]}, "a number in column 'mem'"),
        (422, {"rows": [{key: ROW[key] for key in ("t", "load", "disk")}]}, "lacks the column 'mem' of the detector"),
        (422, {"rows": [{**ROW, "net": 1}]}, "has a column 'net', which is none of the detector"),
        (422, {"rows": [{key: ROW[key] for key in plant.NAMES}]}, "a time in 't'"),
        (422, {"rows": [{**ROW, "t": False}]}, "a time in 't'"),
        (422, {"rows": [{**ROW, "t": "noon"}]}, "must be a number or ISO 8601 text"),
        (422, {"rows": [{**ROW, "t": 10**19}]}, "must be a number"),
        (422, {"rows": [{**ROW, "t": "2026-02-30 00:00:00"}]}, "a date that exists"),
        (422, {"rows": [ROW, ROW]}, "repeats the stamp of the row before"),
        (422, {"rows": [ROW, {**ROW, "t": "2026-03-01 00:00:00"}]}, "before the row above"),
        (422, {"rows": [ROW, {**ROW, "t": 7}]}, "must be ISO 8601 text"),
    ],
)
def test_what_is_no_rows_is_refused(reader: RowReader, status: int, body: object, line: str) -> None:
    with pytest.raises(Refused) as refused:
        reader.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert refused.value.status == status and line in str(refused.value) and "\n" not in str(refused.value)
