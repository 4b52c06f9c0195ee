"""What tests of simulators need, and skip without."""

import importlib.util

import pytest

from tsreward.envs.rendering import open_context
from tsreward.errors import MissingExtraError


@pytest.fixture(scope="session")
def dmc() -> None:
    if importlib.util.find_spec("dm_control") is None:
        pytest.skip("dm_control is not installed")


@pytest.fixture(scope="session")
def frames(dmc: None) -> None:
    try:
        open_context(8, 8).free()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ale() -> None:
    if importlib.util.find_spec("ale_py") is None:
        pytest.skip("ale-py is not installed")
