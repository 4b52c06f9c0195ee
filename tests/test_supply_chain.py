"""The locked versions are those that the package allows, and what is not pinned is seen."""

from __future__ import annotations

import importlib.util
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def chain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", ROOT / ".ci" / "supply_chain.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_requirement_has_a_locked_version_that_it_allows(chain: ModuleType) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = chain.wanted(pyproject, chain.LOCKED_EXTRAS)
    assert {"torch", "optuna", "pytest", "sphinx", "metaworld"} <= {one.name for one in requirements}
    assert chain.unlocked(requirements, chain.locked(chain.LOCK.read_text())) == []


def test_what_is_not_locked_is_told(chain: ModuleType) -> None:
    lock = {"numpy": Version("1.26"), "torch": Version("2.13.0")}
    requirements = [Requirement("numpy>=2.1"), Requirement("torch>=2.4"), Requirement("Rich>=13")]
    assert chain.unlocked(requirements, lock) == ["numpy>=2.1 does not allow 1.26", "Rich>=13 has no version"]


def test_actions_are_pinned_to_the_commit_of_their_tag(chain: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def ls_remote(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:3] == ["git", "ls-remote", "https://github.com/a/b"]
        return subprocess.CompletedProcess(command, 0, f"{'1' * 40}\trefs/tags/v4\n{'2' * 40}\trefs/tags/v4^{{}}\n", "")

    monkeypatch.setattr(chain.subprocess, "run", ls_remote)
    text = "- uses: a/b@v4\n- uses: a/b/c@v4\n- uses: x/y@" + "3" * 40 + "  # v1\n"
    pinned = chain.pin(text)
    assert pinned.startswith(f"- uses: a/b@{'2' * 40}  # v4\n- uses: a/b/c@{'2' * 40}  # v4\n- uses: x/y@333")
    assert chain.unpinned(pinned) == []


def test_no_action_of_this_project_can_change_under_its_name(chain: ModuleType) -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert len(workflows) >= 3
    assert [action for path in workflows for action in chain.unpinned(path.read_text())] == []
