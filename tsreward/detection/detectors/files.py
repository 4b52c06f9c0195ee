"""Files of detectors: `save_detector` and `load_detector`, in the safe format of model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.detection.detectors.base import Detector, from_json, to_json
from tsreward.errors import CheckpointError, NotFittedError, shown
from tsreward.io.manifest import columns_from, complete, list_columns
from tsreward.io.store import Kind, read, require, write
from tsreward.sequences.columns import Columns
from tsreward.sequences.expectation import Expectation


def save_detector(detector: Detector, path: Path | str, note: dict[str, Any] | None = None) -> None:
    """Write a fitted detector to one file, which `load_detector` reads again with bit-identical scores.

    The file is safetensors with strict JSON and digests, without pickle. Its held-out scores are in it, so that the
    false-alarm rate can be set after loading, too.

    Args:
        detector: a fitted detector of tsreward, also one that is made of others.
        path: the file.
        note: kept in the file: e.g. the seed and a fingerprint of the data, as plain JSON values.

    Raises:
        NotFittedError: the detector is not fitted.
        OptionError: it holds a model of scikit-learn or PyOD, which are written with pickle only, or its class is not
            registered, or an argument or the note is not plain JSON.
        CheckpointError: `load_detector` would refuse the file, e.g. because a weight is NaN.
        DataError: the folder is missing or the disk is full; the previous file stays as it was.

    >>> import tempfile
    >>> from tsreward.detection.detectors.presets import make_detector
    >>> rows = np.random.default_rng(0).normal(size=(600, 2))
    >>> detector = make_detector("pca").fit(rows)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_detector(detector, f"{folder}/pca.safetensors")
    ...     again = load_detector(f"{folder}/pca.safetensors")
    >>> again
    Smoothed(WindowDetector(PCA, window=1, options=PCAOptions(clip=100.0)), width=[1, 4, 16, 64])
    >>> bool((again.predict(rows) == detector.predict(rows)).all())
    True
    """
    if detector.n_features_in_ is None:
        raise NotFittedError(f"{detector.title} is not fitted, so there is nothing to save to {path}: call fit first.")
    names = detector.feature_names_in_
    tensors = _tensors(detector)  # says first why a detector cannot be saved
    parts = {
        "detector": to_json(detector),
        "n_features_in": detector.n_features_in_,
        "columns": list_columns(None if names is None else Columns(tuple(names))),
        "held_out": len(detector.held_out_scores_),
    }
    write(DETECTOR, path, complete(parts, note), tensors)


def load_detector(path: Path | str) -> Detector:
    """Return the detector in a file that `save_detector` wrote, on the CPU and ready to score.

    What is said about damage and trust in `load` holds here.

    Raises:
        CheckpointError: no such file, damage, another kind of file, a newer version, or contents that no fitted
            detector has.
    """
    return read(DETECTOR, path)


def _make(manifest: dict[str, Any]) -> Detector:
    detector = from_json(manifest["detector"])
    detector.allocate(manifest["n_features_in"])
    detector.n_features_in_ = manifest["n_features_in"]
    columns = columns_from(manifest["columns"], manifest["n_features_in"])
    detector.feature_names_in_ = None if columns is None else np.array(columns.names, dtype=object)
    detector.held_out_scores_ = np.zeros(manifest["held_out"])
    detector.expected_ = Expectation(manifest["n_features_in"])
    return detector


def _tensors(detector: Detector) -> dict[str, Tensor]:
    own = {"held_out_scores": torch.from_numpy(detector.held_out_scores_)}
    expected = detector.expected_
    if expected is not None:
        own |= {f"expected.{name}": value for name, value in expected.state_dict().items()}
    return {**detector.state(), **own}


def _check(tensors: dict[str, Tensor]) -> None:
    require(tensors, ("floors", "expected.scale"), (".std", ".tolerance"))
    for name, tensor in tensors.items():
        if name.endswith("scorer.fitted") and not tensor:
            raise CheckpointError(f"Its part {shown(name.removesuffix('.fitted'))} was saved before it was fitted.")


DETECTOR: Kind[Detector] = Kind("detector", lambda manifest: from_json(manifest["detector"]), _make, _tensors, _check)
