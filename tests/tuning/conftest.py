"""Optuna's own remarks are left out, as on the command line, and studies lie in memory: a disk only makes them slow."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")  # a kill of a process loses nothing that the kernel has, on any file system
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)
