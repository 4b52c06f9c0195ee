"""A damaged model file is refused, or loads unchanged; nothing else ever comes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hanging import must_end
from tests.reliability.models import file_bytes, fitted
from tests.reliability.rot import flips, outcomes, splices, truncations

NUMBER = 1000


@pytest.fixture(scope="module")
def data() -> bytes:
    return file_bytes(fitted(), seed=0)


@pytest.fixture(scope="module")
def other() -> bytes:
    return file_bytes(fitted(seed=1), seed=1)


@pytest.fixture(params=["flips", "truncations", "splices"])
def copies(request: pytest.FixtureRequest, data: bytes, other: bytes) -> Iterator[bytes]:
    if request.param == "splices":
        return splices(data, other, NUMBER, seed=2)
    return {"flips": flips, "truncations": truncations}[request.param](data, NUMBER, seed=1)


def test_damage_is_refused(copies: Iterator[bytes], data: bytes, tmp_path: Path) -> None:
    with must_end():
        seen, _ = outcomes(copies, data, tmp_path / "model.safetensors")
    assert seen == {"refused": NUMBER}


def test_the_whole_file_loads_unchanged(data: bytes, tmp_path: Path) -> None:
    assert outcomes(iter([data]), data, tmp_path / "model.safetensors")[0] == {"same": 1}
