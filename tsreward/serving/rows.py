"""Rows that come as JSON, as series of the columns of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.errors import CheckpointError, DataError, TSRewardError, shown
from tsreward.io.header import parse
from tsreward.sequences.columns import Columns
from tsreward.sequences.row_options import RowOptions
from tsreward.sequences.series import Series

ONE = "log"
"""Name of the stream of rows that name none; it is that of a log of `tsreward detect` without --group."""
_LONGEST_NAME = 200


class Refused(TSRewardError):
    """A request that is answered with a status of HTTP and one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class RowReader:
    """Reads the body of a request.

    A body is `{"rows": [...]}`, with the name of its `stream` beside where there are several, or
    `{"streams": {name: [...], ...}}`. A row is an object with a number for each column, and its time where there is
    one; or, without a time, a list of numbers in the order of the columns.

    Args:
        detector: fitted; its columns are those of the rows.
        options: the time, gaps, and what is ignored. Missing values are refused.
        most: rows in a body at most.
    """

    def __init__(self, detector: Detector, options: RowOptions, most: int = 10_000) -> None:
        names = detector.feature_names_in_
        dim = detector.n_features_in_ or 0
        self.columns = Columns(tuple(str(place) for place in range(dim)) if names is None else tuple(names))
        self._named, self._options, self._most = names is not None, options, most

    def read(self, body: bytes) -> dict[str, Series]:
        """Return the rows by stream.

        Raises:
            Refused: 400 for what is no JSON of this form, 413 for too many rows, 422 for a value that cannot be.
        """
        try:
            given = parse(body)
        except CheckpointError as error:
            raise Refused(400, str(error)) from None
        streams = _streams(given)
        count = sum(map(len, streams.values()))
        if count > self._most:
            raise Refused(413, f"A request has at most {self._most} rows, got {count}: send them in parts.")
        try:
            return {name: self._series(name, rows) for name, rows in streams.items()}
        except DataError as error:
            raise Refused(422, str(error)) from None

    def _series(self, name: str, rows: Sequence[Any]) -> Series:
        time, where = self._options.time, f"stream {shown(name)}"
        if time is None and all(isinstance(row, list) for row in rows):
            values = np.array([self._numbers(where, place, row) for place, row in enumerate(rows)])
            return Series(values, None, name, self.columns.names if self._named else ())
        cells, values = [], np.empty((len(rows), len(self.columns)))
        for place, row in enumerate(rows):
            if not isinstance(row, dict):
                raise DataError(
                    f"{where}: row {place} is to be an object with a value for each column, got {shown(row)}."
                )
            if time is not None:
                cells.append(_stamp(where, place, time, row))
            self._check_names(where, place, row)
            values[place] = [_number(where, place, column, row[column]) for column in self.columns.names]
        index, starts = None, None
        if time is not None:
            order = self._options.order(where, time)
            stamps = order.read(cells, 0)
            order.check_stamps(stamps, 0)
            index, starts = stamps.as_array(), order.breaks
        return Series(values, None, name, self.columns.names if self._named else (), index, starts)

    def _numbers(self, where: str, place: int, row: list[Any]) -> list[float]:
        if len(row) != len(self.columns):
            raise DataError(f"{where}: row {place} is to have {len(self.columns)} numbers, got {len(row)}.")
        return [_number(where, place, name, value) for name, value in zip(self.columns.names, row, strict=True)]

    def _check_names(self, where: str, place: int, row: Mapping[str, Any]) -> None:
        left_out = {*self._options.ignore, self._options.time}
        found = tuple(name for name in row if name not in left_out)
        if set(found) != set(self.columns.names):
            self.columns.places(Columns(found), "the detector", f"{where}: row {place}")


def _streams(given: Any) -> dict[str, list[Any]]:
    if not isinstance(given, dict) or not given.keys() <= {"rows", "stream", "streams"}:
        raise Refused(400, f'A body is {{"rows": [...]}} or {{"streams": {{"NAME": [...]}}}}, got {shown(given)}.')
    if ("rows" in given) == ("streams" in given) or ("streams" in given and "stream" in given):
        raise Refused(400, "A body has either rows, and the name of their stream, or streams.")
    streams = given["streams"] if "streams" in given else {given.get("stream", ONE): given["rows"]}
    if not isinstance(streams, dict) or not streams:
        raise Refused(400, f"streams is to be an object with the rows of each stream, got {shown(streams)}.")
    for name, rows in streams.items():
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise Refused(400, f"The name of a stream is 1 to {_LONGEST_NAME} printable characters, got {shown(name)}.")
        if not isinstance(rows, list) or not rows:
            raise Refused(400, f"The rows of stream {shown(name)} are to be a list, not empty, got {shown(rows)}.")
    return streams


def _stamp(where: str, place: int, time: str, row: Mapping[str, Any]) -> str:
    value = row.get(time)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(
            f"{where}: row {place} is to have a time in {shown(time)}, a number or a text, got {shown(value)}."
        )
    return value if isinstance(value, str) else repr(value)


def _number(where: str, place: int, column: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{where}: row {place} is to have a number in column {shown(column)}, got {shown(value)}.")
    return float(value)
