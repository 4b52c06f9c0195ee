"""What the project is built from: known vulnerabilities, locked versions, pinned actions.

    python .ci/supply_chain.py             # make supply-chain: pip-audit has to be installed
    python .ci/supply_chain.py --pin       # write the commits of all tags into .github/workflows; asks GitHub

The exit code is 1 where something is to be done.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "constraints.txt"
LOCKED_EXTRAS = ("all", "dev", "docs", "metaworld", "robotics", "highway")
"""What constraints.txt is for; sheeprl has a file of its own, and JAX none."""
AUDIT = ("--no-deps", "--disable-pip", "--strict")
"""Look up the locked versions, install nothing, and fail where a package could not be looked up."""
_USES = re.compile(r"uses: *(?P<action>[\w.-]+/[\w./-]+)@(?P<ref>[^\s#]+)")


def locked(text: str) -> dict[str, Version]:
    """Return the version of every package in a file of constraints.

    >>> locked("# of 2026\\nnumpy==2.3.5\\nTorch==2.13.0\\n")["torch"]
    <Version('2.13.0')>
    """
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def wanted(pyproject: dict, extras: tuple[str, ...]) -> list[Requirement]:
    """Return what the package needs, with these extras and those that they name."""
    project = pyproject["project"]
    name, optional = canonicalize_name(project["name"]), project["optional-dependencies"]
    found, waiting, seen = [*map(Requirement, project["dependencies"])], [*extras], set[str]()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for requirement in map(Requirement, optional[extra]):
            if canonicalize_name(requirement.name) == name:
                waiting += requirement.extras
            else:
                found.append(requirement)
    return found


def unlocked(requirements: list[Requirement], lock: dict[str, Version]) -> list[str]:
    """Return what is wrong with a lock: requirements without a version, or with one that they do not allow."""
    wrong = []
    for requirement in requirements:
        version = lock.get(canonicalize_name(requirement.name))
        if version is None:
            wrong.append(f"{requirement} has no version")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement} does not allow {version}")
    return wrong


def unpinned(text: str) -> list[str]:
    """Return the actions of a workflow that are not pinned to a commit.

    >>> unpinned("- uses: actions/checkout@v4\\n- uses: a/b@" + "0" * 40 + " # v1\\n")
    ['actions/checkout@v4']
    """
    return [f"{m['action']}@{m['ref']}" for m in _USES.finditer(text) if not re.fullmatch(r"[0-9a-f]{40}", m["ref"])]


def pin(text: str) -> str:
    """Return a workflow with the commit in place of every tag or branch, which stays behind it as a remark."""
    for used in unpinned(text):
        action, _, ref = used.partition("@")
        owner, name = action.split("/")[:2]
        url = f"https://github.com/{owner}/{name}"
        patterns = [f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"]
        ran = subprocess.run(["git", "ls-remote", url, *patterns], capture_output=True, text=True, check=True)
        commits = {line.split("\t")[1]: line.split("\t")[0] for line in ran.stdout.splitlines()}
        commit = next((commits[pattern] for pattern in patterns if pattern in commits), None)
        if commit is None:
            sys.exit(f"{url} has no tag or branch {ref}.")
        text = re.sub(rf"{re.escape(used)}(?=\s)", f"{action}@{commit}  # {ref}", text)
    return text


def main() -> int:
    """Check everything, or pin the actions."""
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    if "--pin" in sys.argv:
        for path in workflows:
            path.write_text(pin(path.read_text()))
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wrong = unlocked(wanted(pyproject, LOCKED_EXTRAS), locked(LOCK.read_text()))
    for line in wrong:
        print(f"constraints.txt: {line}")
    loose = {path.name: unpinned(path.read_text()) for path in workflows}
    for name, actions in loose.items():
        for action in actions:
            print(f"{name}: {action} is not pinned to a commit: python .ci/supply_chain.py --pin")
    audit = subprocess.run([sys.executable, "-m", "pip_audit", *AUDIT, "-r", str(LOCK)])
    return int(bool(wrong) or any(loose.values()) or audit.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
