"""The global random generators, which environments and agents may seed, and callers keep."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the global generators of random, numpy and torch: Stable-Baselines3 seeds all three."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - this is the state that must survive
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
