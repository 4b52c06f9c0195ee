"""What a benchmark keeps: one file per unit, told apart by fingerprints."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tsreward.files import write_atomic


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of parts: arrays by their bytes and shape, anything else by `_identity`.

    >>> fingerprint(np.zeros(2)) == fingerprint(np.zeros(2)), fingerprint(np.zeros(2)) == fingerprint(np.zeros((2, 1)))
    (True, False)
    """
    return hashlib.sha256(json.dumps([_identity(part) for part in parts]).encode()).hexdigest()


def _identity(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Return what tells a value from another as plain JSON: numbers and texts themselves, arrays by digest, other
    objects by the name of their class and their attributes; functions by name, defaults and what they close over.
    """
    if id(value) in inside:
        return "..."
    inside = (*inside, id(value))
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return repr(value)  # NaN and inf are no JSON
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), content]
    if isinstance(value, partial):
        return [_name(value.func), _identity(value.args, inside), _identity(value.keywords, inside)]
    if isinstance(value, Mapping):
        return {
            str(key): _identity(entry, inside) for key, entry in sorted(value.items(), key=lambda item: str(item[0]))
        }
    if isinstance(value, list | tuple):
        return [_identity(entry, inside) for entry in value]
    if isinstance(value, Set):
        return sorted(json.dumps(_identity(entry, inside)) for entry in value)
    if isinstance(value, FunctionType):
        kept = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_name(value), *_identity([kept, value.__defaults__, value.__kwdefaults__], inside)]
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _name(value)
    return [_name(type(value)), _identity(vars(value), inside) if hasattr(value, "__dict__") else None]


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


@dataclass(frozen=True)
class Cell:
    """What a result is of."""

    detector: str
    dataset: str
    series: str
    seed: int

    @property
    def stem(self) -> str:
        """Return a file name without its ending: readable, safe whatever is in the names, and different for each cell.

        >>> Cell("pca", "smd", "../machine 1", 0).stem
        'pca--..-machine-1--0--5c7da92997'
        """
        parts = (re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:40] for name in (self.detector, self.series, str(self.seed)))
        exact = hashlib.sha256(json.dumps(list(asdict(self).values())).encode()).hexdigest()
        return "--".join([*parts, exact[:10]])


@dataclass(frozen=True)
class Timings:
    """What a result cost."""

    fit_seconds: float
    score_seconds: float
    """For the test rows."""
    points_per_second: float
    """Test rows per second of scoring."""
    peak_mb: float
    """How far the memory of the process rose while fitting and scoring; see `tsreward.detection.bench.runner`."""


@dataclass(frozen=True)
class Record:
    """A finished result, or why there is none."""

    cell: Cell
    inputs: str
    """Fingerprint of the values of the series, the detector, its options and seed, and the version of the package."""
    evaluation: str
    """Fingerprint of the labels, the threshold rule and the false-alarm rate."""
    scores: str | None = None
    """SHA-256 of the file of the scores."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    """The numbers of `Evaluation`, None for those that need a threshold where there is none; empty without scores."""
    timings: Timings | None = None
    error: str | None = None
    """What the detector, or the evaluation, raised."""
    missing: str | None = None
    """Why some metrics are None."""
    causal: bool | None = None
    """Whether the first test rows have the same scores without the later ones; None where nobody could tell."""


def write_record(folder: Path, record: Record) -> None:
    """Write a record atomically.

    Raises:
        DataError: it cannot be written.
    """
    content = asdict(record)
    document = {"digest": _sha256(_json(content)), "record": content}
    write_atomic(folder / f"{record.cell.stem}.json", json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")


def read_record(folder: Path, cell: Cell) -> Record | None:
    """Return the record of a cell; None where there is none, or the file is damaged."""
    try:
        document = json.loads((folder / f"{cell.stem}.json").read_bytes())
        content = document["record"]
        if document["digest"] != _sha256(_json(content)) or Cell(**content["cell"]) != cell:
            return None
        timings = Timings(**content["timings"]) if content["timings"] else None
        return Record(**content | {"cell": cell, "timings": timings})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_scores(folder: Path, cell: Cell, normal: np.ndarray, test: np.ndarray) -> str:
    """Write the scores [N] of held-out rows and [T] of the test rows atomically and return the SHA-256 of the file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, normal=normal, test=test)
    write_atomic(folder / f"{cell.stem}.npz", buffer.getvalue())
    return _sha256(buffer.getvalue())


def read_scores(folder: Path, record: Record) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what `write_scores` wrote for a record; None where it is missing, damaged or not its own."""
    try:
        content = (folder / f"{record.cell.stem}.npz").read_bytes()
        if _sha256(content) != record.scores:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return arrays["normal"], arrays["test"]
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _json(content: dict) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
