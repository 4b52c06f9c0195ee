"""Affine changes of columns, and a plant whose scores they must not change."""

from __future__ import annotations

import numpy as np

CHANGES = ("small", "large", "offset", "mixed", "float32")
"""Names of changes of the columns.

float64 has 16 digits. A column of 2e-5 ± 1e-6 at an offset of 1e9 would keep none of its own: the largest offset
comes with scales from 1 on, and the smallest scales with offsets in proportion: a millionth of the standard deviation
is kept in each.
"""


def plant(rows: int, seed: int) -> np.ndarray:
    """Return load, what follows from it, a switch that hardly ever moves and a constant [T, 5], with a fault."""
    draw = np.random.default_rng(seed)
    load = 50 + 20 * np.sin(np.arange(rows) / 40) + draw.normal(0, 1, rows)
    flow = 5 + 0.02 * load + draw.normal(0, 0.01, rows)
    switch = (np.arange(rows) % 200 == 7).astype(float)
    values = np.column_stack([load, 20 + 0.3 * load + draw.normal(0, 0.1, rows), flow, switch, np.full(rows, 3.0)])
    if seed:
        values[200:230, 2] += 0.5
        values[250:260, 4] = 4.0
    return values


def changed(values: np.ndarray, kind: str) -> np.ndarray:
    """Return the same rows in other units and at other offsets."""
    columns = values.shape[1]
    if kind == "none":
        return values
    if kind == "float32":
        return values.astype(np.float32)
    scale, offset = {
        "small": (1e-6, 0.0),
        "large": (1e6, -1e9),
        "offset": (10.0, 1e9),
        "mixed": (np.geomspace(1e-6, 1e6, columns), np.array([1e-3, 0.5, 1e5, -1e6, 1e9])[:columns]),
    }[kind]
    return values * scale + offset


def within(expected: np.ndarray, found: np.ndarray) -> None:
    """Check that scores differ by less than a thousandth of how far they usually lie apart."""
    usual = float(np.std(expected))
    assert usual > 0
    assert float(np.max(np.abs(found - expected))) < 1e-3 * usual
