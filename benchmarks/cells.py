"""Where results lie, and how a cell of a table shows a spread."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def cell(values: list[float], form: str) -> str:
    """Return mean ± standard deviation of values over seeds, or the mean alone of one value."""
    if not values:
        return "–"
    spread = f" ± {form.format(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return form.format(float(np.mean(values))) + spread
