"""What is kept of a result, and the list of all cases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Case = Callable[[], Iterator[tuple[str, Any]]]
CASES: dict[str, Case] = {}
"""Prefix of the names -> what yields (rest of the name, value)."""


def entry(value: Any) -> dict[str, Any]:
    """Return what is kept of a text, of an array, or of columns of equal length: a digest, and a few numbers to read.

    Pairs (name, number) keep their names as a remark, which is not compared.
    """
    if isinstance(value, str):
        return {"sha256": hashlib.sha256(value.encode()).hexdigest(), "text": value}
    remark = {}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        remark = {"remark": [name for name, _ in value]}
        value = [number for _, number in value]
    parts = [np.ascontiguousarray(part) for part in (value if isinstance(value, tuple) else (value,))]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes())
    several = len(parts) > 1
    first = [short(part.ravel()[0]) for part in parts if part.size] if several else list(map(short, parts[0].flat[:3]))
    means = [short(np.mean(part[np.isfinite(part)], dtype=np.float64)) if part.size else None for part in parts]
    return {
        "sha256": digest.hexdigest(),
        "shape": list(parts[0].shape),
        "dtype": " ".join(str(part.dtype) for part in parts),
        "first": first,
        "mean": means if several else means[0],
        **remark,
    }


def short(value: Any) -> float | str:
    """Return a number in nine digits; what JSON does not have becomes a text."""
    return float(f"{float(value):.9g}") if np.isfinite(value) else str(float(value))


def same(wanted: dict[str, Any] | None, found: dict[str, Any] | None) -> bool:
    """Tell whether two entries stand for the same bits."""
    keys = ("sha256", "shape", "dtype")
    return wanted is not None and found is not None and all(wanted.get(key) == found.get(key) for key in keys)


def shown(given: dict[str, Any] | None) -> str:
    """Return an entry in one line."""
    return "none" if given is None else " ".join(f"{key}={value}" for key, value in given.items() if key != "sha256")


def case(prefix: str) -> Callable[[Case], Case]:
    """Register what yields the values whose names begin with `prefix`/."""

    def register(function: Case) -> Case:
        CASES[prefix] = function
        return function

    return register
