"""What earlier versions wrote is read by this one, with the same scores, actions and settings."""

from pathlib import Path

import pytest

import tsreward
from tests.golden.files import READ, VERSIONS, differs


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("version", VERSIONS)
def test_golden_files(version: str, name: str, tmp_path: Path) -> None:
    assert not differs(version, name, tmp_path)


def test_this_version_has_its_own() -> None:
    assert tsreward.__version__ in VERSIONS
