"""Where the real data lies, if it does."""

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def real() -> Callable[[str], Path]:
    """Return a function that gives the folder of a real dataset, or skips the test."""

    def folder(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"the real data {DATA / name} is not here")
        return DATA / name

    return folder
