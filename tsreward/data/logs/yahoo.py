"""Yahoo S5 ("A Labeled Anomaly Detection Dataset", version 1.0): 367 univariate series of web traffic, one row an hour.

The set is given out by Yahoo Webscope on request and may not be passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsreward.data.logs.folders import stems
from tsreward.data.logs.naming import chosen, natural
from tsreward.data.logs.reading import read_csv
from tsreward.data.logs.splitting import check_fraction, split
from tsreward.errors import DataError
from tsreward.series import DetectionTask, Series

BENCHMARKS = ("A1", "A2", "A3", "A4")
TIME = {"A1": "timestamp", "A2": "timestamp", "A3": "timestamps", "A4": "timestamps"}
LABEL = {"A1": "is_anomaly", "A2": "is_anomaly", "A3": "anomaly", "A4": "anomaly"}


def load_yahoo(
    folder: str | Path, benchmarks: Sequence[str] | None = None, train_fraction: float = 0.5
) -> list[DetectionTask]:
    """Read `<benchmark>Benchmark/*.csv` below a folder; tasks are named as in A1-real_1, A2-synthetic_1 and A3-TS1.

    No part of these sets is made to learn from: the first `train_fraction` of the rows becomes it, with its labels.
    `benchmarks` are those to read, by default all that are there. The change points and components of A3 and A4 are not
    values, and their files `*_all.csv` are not read.

    Raises:
        DataError: a file or folder is missing or malformed; the message tells file, line and column.
        OptionError: an unknown benchmark, or a share that is not between 0 and 1.

    >>> import tempfile
    >>> from tsreward.data.logs.synthetic import write_yahoo, yahoo_like
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_yahoo(yahoo_like(seed=0, count=4), folder)
    ...     [(task.name, len(task.train), len(task.test)) for task in load_yahoo(folder, ["A2", "A3"])]
    [('A2-synthetic_1', 700, 700), ('A3-TS1', 700, 700)]
    """
    check_fraction(train_fraction)
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    wanted = chosen("benchmark", BENCHMARKS, benchmarks)
    present = [name for name in wanted if (folder / f"{name}Benchmark").is_dir()]
    missing = [name for name in wanted if name not in present]
    if missing and (benchmarks is not None or not present):
        raise DataError(f"{folder} has no folder {missing[0]}Benchmark: give the folder that holds it.")
    return [split(series, train_fraction) for name in present for series in _read(folder / f"{name}Benchmark", name)]


def _read(folder: Path, benchmark: str) -> list[Series]:
    found = sorted((stem for stem in stems(folder, ".csv") if not stem.endswith("_all")), key=natural)
    if not found:
        raise DataError(f"{folder} has no CSV file of a series.")
    return [_series(folder / f"{stem}.csv", benchmark) for stem in found]


def _series(path: Path, benchmark: str) -> Series:
    frame = read_csv(path)
    time, label = TIME[benchmark], LABEL[benchmark]
    frame.require([time, "value", label])
    name = f"{benchmark}-{path.stem.removeprefix(f'{benchmark}Benchmark-')}"
    return Series(frame.values(["value"]), frame.labels(label), name, ("value",), frame.index(time))
