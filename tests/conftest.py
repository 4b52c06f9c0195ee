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

from tests.scripted import small_model  # noqa: E402 - after the hook
from tsreward.pipeline.model import RewardModel  # noqa: E402
from tsreward.rewards.penalty import Penalty  # noqa: E402
from tsreward.scorers.deep_svdd import DeepSVDD  # noqa: E402


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


@pytest.fixture(scope="session")
def model() -> RewardModel:
    """Return a penalty with smoothing over windows with skipped steps: the model with most state."""
    return small_model(smoothing=0.6, frame_skip=2)


@pytest.fixture(scope="session")
def unfitted() -> RewardModel:
    """Return a model that has seen nothing."""
    return RewardModel(DeepSVDD(4), Penalty())
