"""Fixtures that every test may use."""

import pytest
import torch

pytest.register_assert_rewrite("tests.contract")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def seed() -> int:
    """Return the seed that all test data follows from."""
    return 0
