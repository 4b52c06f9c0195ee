"""Fixtures that every test may use."""

import pytest
import torch
from jaxtyping import install_import_hook

import tests.typechecking  # noqa: F401 - the hook below looks it up by name

torch.set_num_threads(1)
# The pure functions check their shapes at run time, in the tests only.
install_import_hook("tsreward.functional", "tests.typechecking.typechecked")


@pytest.fixture(scope="session")
def seed() -> int:
    """Return the seed that all test data follows from."""
    return 0
