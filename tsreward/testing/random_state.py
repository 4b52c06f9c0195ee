"""Whether somebody drew from, or seeded, the random numbers that everybody shares."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch


def touched(work: Callable[[], object]) -> list[str]:
    """Return the generators whose state the work changed: torch, numpy, random.

    >>> touched(lambda: random.random())
    ['random']
    """
    before = _states()
    work()
    return [name for name, state in _states().items() if state != before[name]]


def _states() -> dict[str, object]:
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - it is looked at, not drawn from
    assert isinstance(numpy_state, dict)
    inner = numpy_state["state"]
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (inner["key"].tolist(), inner["pos"], numpy_state["has_gauss"], numpy_state["gauss"]),
        "random": random.getstate(),
    }
