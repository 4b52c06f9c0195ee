"""Numbers: the same in pieces, finite, and equal to slow twins."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reliability.check import Check, Size, counted
from tests.reliability.finite import odd_arrays
from tests.reliability.metrics import affiliation_differs, ranking_differs, vus_differs
from tests.reliability.streams import stream_pieces


def streaming(folder: Path, seed: int, size: Size) -> list[Check]:
    """R10: score in pieces, with episodes that begin anew and streams that are saved."""
    series, steps = (100, 1000) if size == "release" else (8, 400)
    seen = stream_pieces(series, steps, seed)
    seen["series"] = series
    return [counted("series in pieces of 1 to 512 steps", seen, "series", ("differ",))]


def finite(folder: Path, seed: int, size: Size) -> list[Check]:
    """R12: score arrays with odd numbers in them."""
    arrays = 10_000 if size == "release" else 300
    seen = odd_arrays(arrays, seed)
    fine = {name: seen.pop(name) for name in ("scored", "refused")}
    return [Check("arrays with odd numbers", arrays, sum(seen.values()), {**fine, **+seen})]


def metrics(folder: Path, seed: int, size: Size) -> list[Check]:
    """R13: metrics beside slow twins and scikit-learn."""
    rows = 60 if size == "release" else 24
    return [
        Check("VUS beside its slow twin, to 1e-9", 200, vus_differs(seed, 200, rows)),
        Check("affiliation beside its slow twin, to 1e-9", 200, affiliation_differs(seed, 200, 40)),
        Check("ROC AUC and average precision beside scikit-learn, to 1e-12", 1000, ranking_differs(seed, 1000)),
    ]
