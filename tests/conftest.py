"""Fixtures that every test may use."""

import signal
from collections.abc import Iterator

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


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt, as it does in a terminal: what a shell runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
