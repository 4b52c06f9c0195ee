"""Server Machine Dataset: 28 machines, 38 channels in [0, 1], one row a minute.

Source: Su et al., "Robust Anomaly Detection for Multivariate Time Series through Stochastic Recurrent Neural Network"
(KDD 2019), in the layout of the OmniAnomaly repository.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tsreward.data.logs.folders import need, root_of, stems
from tsreward.data.logs.naming import chosen
from tsreward.data.logs.plain import read_labels, read_plain
from tsreward.errors import DataError
from tsreward.series import DetectionTask, Series

FOLDER = "ServerMachineDataset"


def load_smd(folder: str | Path, names: Iterable[str] | None = None) -> list[DetectionTask]:
    """Read `{train,test,test_label}/machine-<group>-<number>.txt` below a folder, or below its ServerMachineDataset.

    The files have no header; the part to learn from has no labels. `names` chooses machines, e.g. ["machine-1-1"].

    Raises:
        DataError: a file is missing or malformed; the message tells file, line and column.
        OptionError: a machine that is not there.

    >>> import tempfile
    >>> from tsreward.data.logs.synthetic import smd_like, write_smd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_smd(smd_like(seed=0, count=2, steps=500), folder)
    ...     [(task.name, task.test.values.shape) for task in load_smd(folder)]
    [('machine-1-1', (500, 12)), ('machine-1-2', (500, 12))]
    """
    root = root_of(folder, "train", within=FOLDER)
    found = stems(root / "train", ".txt")
    for name in sorted({*stems(root / "test", ".txt")} - {*found}):
        need(root / "train" / f"{name}.txt", f"the partner of {root / 'test' / name}.txt")
    if not found:
        raise DataError(f"{root / 'train'} has no file machine-<group>-<number>.txt.")
    return [_task(root, name) for name in chosen("machine", found, names)]


def _task(root: Path, name: str) -> DetectionTask:
    train, test, label = (root / part / f"{name}.txt" for part in ("train", "test", "test_label"))
    for path in (test, label):
        need(path, f"the partner of {train}")
    learn, judge = read_plain(train), read_plain(test)
    if learn.shape[1] != judge.shape[1]:
        raise DataError(f"{test} has {judge.shape[1]} columns: expected {learn.shape[1]}, as in {train}.")
    return DetectionTask(name, Series(learn, name=name), Series(judge, read_labels(label, len(judge), test), name))
