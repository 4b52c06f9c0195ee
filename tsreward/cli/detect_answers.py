"""Questions of `tsreward detect`, and what their answers change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from csv import writer
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from tsreward.cli.detect_rows import stamps_in
from tsreward.detection.alarms import written
from tsreward.detection.questions import Question
from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.sequences.series import Series

_ANSWERS = {"anomalous": True, "anomaly": True, "1": True, "normal": False, "0": False}


@dataclass(frozen=True)
class Answers:
    """What was answered about the rows of a log."""

    spans: list[tuple[int, int]]
    """Rows from, up to but without."""
    anomalous: list[bool]

    def says(self) -> str:
        """Return in words how many there are."""
        bad = sum(self.anomalous)
        return f"{len(self.spans)} answers are used, {bad} anomalous and {len(self.spans) - bad} normal"


def read_answers(paths: Sequence[Path], series: Series, name: str, first: int = 0) -> Answers:
    """Return the answers about rows of a series; rows without an answer, and those of other logs, are passed over.

    Args:
        paths: tables with columns start, end and answer: anomalous or normal, or nothing.
        series: the rows.
        name: of the asset; other assets are passed over where the table has a column asset.
        first: number of the first row, where the rows have no time.

    Raises:
        DataError: a table is malformed, or an answer is another word.
    """
    spans, anomalous = [], []
    for path in paths:
        begins, stops, texts = stamps_in(path, series, ("answer", "asset"), need=("answer",))
        index = np.arange(first, first + len(series)) if series.index is None else np.asarray(series.index)
        for place, cell in enumerate(texts["answer"]):
            word, asset = cell.strip().lower(), texts["asset"][place] if texts["asset"] else name
            if not word or asset != name:
                continue
            if word not in _ANSWERS:
                raise DataError(f"{path}: row {place + 1} is to answer anomalous or normal, got {cell[:40]!r}.")
            rows = np.flatnonzero((index >= begins[place]) & (index <= stops[place]))
            if len(rows):
                spans.append((int(rows[0]), int(rows[-1]) + 1))
                anomalous.append(_ANSWERS[word])
    return Answers(spans, anomalous)


def write_questions(path: Path, asked: Mapping[str, tuple[Series, int, Sequence[Question]]]) -> None:
    """Write the questions as a table whose last column is to be filled in.

    Args:
        path: questions.csv.
        asked: name of an asset -> its rows, the number of the first one, and its questions.

    Raises:
        DataError: the file cannot be written.
    """
    text = StringIO()
    table = writer(text, lineterminator="\n")
    table.writerow(["asset", "question", "start", "end", "peak_at", "score", "channels", "answer"])
    for name, (series, first, questions) in asked.items():
        for place, one in enumerate(questions):
            at = [_at(series, first, row) for row in (one.start, one.stop - 1, one.row)]
            channels = ", ".join(series.column(column) for column in one.blamed)
            table.writerow([name, place + 1, *at, one.score, channels, ""])
    write_atomic(path, text.getvalue().encode())


def _at(series: Series, first: int, row: int) -> object:
    return first + row if series.index is None else written(np.asarray(series.index)[row])
