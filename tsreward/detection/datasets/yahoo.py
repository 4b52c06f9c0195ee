"""Yahoo S5: series of web traffic, real and synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, check_fraction, chosen, read_series, split_in_time, stems
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask, Series

BENCHMARKS = ("A1", "A2", "A3", "A4")
TIME = {"A1": "timestamp", "A2": "timestamp", "A3": "timestamps", "A4": "timestamps"}
LABEL = {"A1": "is_anomaly", "A2": "is_anomaly", "A3": "anomaly", "A4": "anomaly"}


@LOADERS.register("yahoo")
def load_yahoo(
    folder: str | Path, benchmarks: Sequence[str] | None = None, train_fraction: float = 0.5
) -> list[DetectionTask]:
    """Read `<benchmark>Benchmark/*.csv` below a folder; tasks are named as in A1-real_1, A2-synthetic_1 and A3-TS1.

    These sets have no training rows: the first `train_fraction` of the rows becomes them, with its labels.
    `benchmarks` are those to read, by default all that are there. The change points and components of A3 and A4 are not
    values, and their files `*_all.csv` are not read.

    Raises:
        DataError: a file or folder is missing or malformed; the message tells file, line and column.
        OptionError: an unknown benchmark, or a fraction that is not between 0 and 1.

    >>> import tempfile
    >>> from tsreward.detection.datasets.synthetic import write_yahoo, yahoo_like
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
    return [
        split_in_time(series, train_fraction) for name in present for series in _read(folder / f"{name}Benchmark", name)
    ]


def _read(folder: Path, benchmark: str) -> list[Series]:
    found = sorted((stem for stem in stems(folder, ".csv") if not stem.endswith("_all")), key=natural_key)
    if not found:
        raise DataError(f"{folder} has no CSV file of a series.")
    return [_series(folder / f"{stem}.csv", benchmark) for stem in found]


def _series(path: Path, benchmark: str) -> Series:
    name = f"{benchmark}-{path.stem.removeprefix(f'{benchmark}Benchmark-')}"
    with open_table(path) as table:
        return read_series(table, ["value"], name, LABEL[benchmark], TIME[benchmark])
