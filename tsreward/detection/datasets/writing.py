"""Tasks as files in the layouts of public datasets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tsreward.detection.datasets.yahoo import BENCHMARKS, LABEL, TIME
from tsreward.errors import DataError, OptionError
from tsreward.files import write_atomic
from tsreward.sequences.series import DetectionTask

COMPONENTS = ("changepoint", "trend", "noise", "seasonality1", "seasonality2", "seasonality3")


def write_smd(tasks: Iterable[DetectionTask], folder: str | Path) -> None:
    """Write `{train,test,test_label}/<name>.txt` as in the Server Machine Dataset; only labels of train are lost.

    Raises:
        OptionError: a name that is no file name.
        DataError: the files cannot be written.
    """
    for task in tasks:
        name = f"{_file_name(task.name)}.txt"
        labels = np.asarray(task.test.labels, dtype=int)[:, None]
        for part, values in (("train", task.train.values), ("test", task.test.values), ("test_label", labels)):
            _write(Path(folder) / part / name, values.tolist())


def write_yahoo(tasks: Iterable[DetectionTask], folder: str | Path) -> None:
    """Write `<benchmark>Benchmark/<series>.csv` as in Yahoo S5, both parts of a task as one series, without loss.

    Names are as in A1-real_1, A2-synthetic_1, A3-TS1 and A4-TS1, from which benchmark and file follow. The columns of
    A3 and A4 that no series holds are 0.

    Raises:
        OptionError: another name.
        DataError: more than one column, no labels in train, or the files cannot be written.
    """
    for task in tasks:
        benchmark, _, series = _file_name(task.name).partition("-")
        if benchmark not in BENCHMARKS or not series:
            raise OptionError(f"'{task.name}' is no name of Yahoo S5: expected one as in A1-real_1 or A3-TS1.")
        if task.train.dim != 1 or task.train.labels is None:
            raise DataError(f"'{task.name}' cannot be written as Yahoo S5: that needs one column, and labels in train.")
        rest = COMPONENTS if benchmark in ("A3", "A4") else ()
        stem = f"{benchmark}Benchmark-{series}" if rest else series
        rows: list[list[object]] = [[TIME[benchmark], "value", LABEL[benchmark], *rest]]
        for part in (task.train, task.test):
            stamps = np.arange(len(rows), len(rows) + len(part)) if part.index is None else np.asarray(part.index)
            labels = np.asarray(part.labels, dtype=int).tolist()
            columns = zip(stamps.tolist(), part.values[:, 0].tolist(), labels, strict=True)
            rows += [[*cells, *[0] * len(rest)] for cells in columns]
        _write(Path(folder) / f"{benchmark}Benchmark" / f"{stem}.csv", rows)


def _file_name(name: str) -> str:
    if Path(name).name != name:
        raise OptionError(f"'{name}' cannot become a file: expected a name without separators of folders.")
    return name


def _write(path: Path, rows: Iterable[Iterable[object]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    write_atomic(path, "".join(f"{','.join(map(str, cells))}\n" for cells in rows).encode())
