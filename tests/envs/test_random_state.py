"""The caller's random numbers go on as if nothing had happened."""

import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from tsreward.envs.random_state import kept_random_state


def draw() -> tuple[float, float, float]:
    """Return one number of every global generator."""
    return random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_global_generators_go_on_where_they_were(error):
    with kept_random_state():  # the test leaves no trace either
        seed_all(1)
        expected = draw()
        seed_all(1)
        with pytest.raises(error) if error else nullcontext(), kept_random_state():
            seed_all(7)
            draw()
            if error:
                raise error
        assert draw() == expected
