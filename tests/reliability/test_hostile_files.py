"""Hostile model files are refused for the right reason, before anything is run, written or allocated."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.hostile import CANARY, HOSTILE, MORE_HOSTILE, write_hostile
from tsreward.checkpoint import describe, load
from tsreward.errors import CheckpointError

CASES = {**HOSTILE, **MORE_HOSTILE}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_hostile(tmp_path_factory.mktemp("hostile"), CASES)


def test_there_are_forty() -> None:
    assert len(HOSTILE) == 40


@pytest.mark.parametrize("name", CASES)
def test_is_refused_with_its_reason(name: str, paths: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match=CASES[name].message) as caught:
        load(paths[name])
    assert str(paths[name]) in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", CASES)
def test_is_described_or_refused(name: str, paths: dict[str, Path]) -> None:
    try:
        assert describe(paths[name])["schema"] == 1
    except CheckpointError as error:
        assert str(paths[name]) in str(error)


def test_nothing_is_run_written_or_allocated(paths: dict[str, Path], tmp_path: Path) -> None:
    listed = tmp_path / "paths.json"
    listed.write_text(json.dumps({name: str(path) for name, path in paths.items()}))
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-m", "tests.reliability.audit", str(listed)], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["refused"] == len(CASES)
    assert report["events"] == []
    assert report["grown_mb"] < 64
    assert not (root / CANARY).exists() and not Path(CANARY).exists()
