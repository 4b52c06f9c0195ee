"""Application Server Dataset: 12 servers, 19 channels, one row in five minutes.

Source: Li et al., "Multivariate Time Series Anomaly Detection and Interpretation using Hierarchical Inter-Metric and
Temporal Embedding" (KDD 2021, InterFusion).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.detection.datasets.reading import LOADERS, chosen, stems
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series


@LOADERS.register("asd")
def load_asd(folder: str | Path, names: Iterable[str] | None = None) -> list[DetectionTask]:
    """Read `omi-<i>.npz`, each with `train` [T, D], `test` [T, D] and `label` [T].

    InterFusion publishes `omi-<i>_{train,test,test_label}.pkl`: opening such files can run code that stands in them, so
    they are not read here. Convert them once, in an environment you can throw away, with `numpy.savez_compressed`.

    Raises:
        DataError: a file is missing, damaged or of another shape, or there are pickles only.
        OptionError: a server that is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    found = [name for name in stems(folder, ".npz") if name.startswith("omi-")]
    if not found:
        raise _nothing(folder)
    return [_task(folder / f"{name}.npz") for name in chosen("server", found, names)]


def _nothing(folder: Path) -> DataError:
    pickles = sorted(folder.rglob("*.pkl"))
    if not pickles:
        return DataError(f"{folder} has no file omi-<i>.npz.")
    return DataError(
        f"{folder} has no file omi-<i>.npz, only pickles such as {pickles[0].name}. These can run code when they are "
        f"opened, so tsreward does not. Load the three files of each server once, in an environment you can throw "
        f"away, and write them with numpy.savez_compressed('omi-1.npz', train=train, test=test, label=test_label)."
    )


def _task(path: Path) -> DetectionTask:
    arrays = read_arrays(path)
    for name in ("train", "test", "label"):
        if name not in arrays:
            raise DataError(f"{path} has no array '{name}': it has {', '.join(arrays) or 'none'}.")
    train, test, label = arrays["train"], arrays["test"], arrays["label"]
    for name, values in (("train", train), ("test", test)):
        if values.ndim != 2 or 0 in values.shape:
            raise DataError(f"{path}: '{name}' must be [T, D], one row per time step, found {list(values.shape)}.")
        if len(bad := np.argwhere(~np.isfinite(values))):
            row, column = bad[0]
            raise DataError(
                f"{path}: '{name}', row {row + 1}, column {column + 1}: expected a finite number, found "
                f"{values[row, column]}."
            )
    if train.shape[1] != test.shape[1]:
        raise DataError(f"{path}: 'test' has {test.shape[1]} columns: expected {train.shape[1]}, as in 'train'.")
    if label.shape != test.shape[:1]:
        raise DataError(f"{path}: 'label' must be [{len(test)}], as 'test' has rows, found {list(label.shape)}.")
    if len(bad := np.flatnonzero(~np.isin(label, (0, 1)))):
        raise DataError(f"{path}: 'label', row {bad[0] + 1}: expected 0 or 1, found {label[bad[0]]}.")
    return DetectionTask(path.stem, Series(train, name=path.stem), Series(test, label, path.stem))
