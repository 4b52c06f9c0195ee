"""Imports point downwards only, simulators stay at the edge, and `import tsreward` costs nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tsreward

PACKAGE = Path(tsreward.__file__).parent
LEVELS = [
    {"errors"},
    {"files", "interrupts", "named_warnings", "options", "pretrained", "registry", "user_modules"},
    {"functional"},
    {"sequences"},
    {"training"},
    {"encoders", "scorers", "rewards"},
    {"pipeline"},
    {"distributed", "io"},
    {"data"},
    {"envs"},
    {"wrappers"},
    {"sb3"},
    {"detection"},
    {"audit", "sklearn"},
    {"report"},
    {"recipes", "testing"},
    {"tuning"},
    {"serving"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
SIMULATORS = {
    "gymnasium",
    "gymnasium_robotics",
    "safety_gymnasium",
    "stable_baselines3",
    "sbx",
    "mujoco",
    "dm_control",
    "ale_py",
}
EDGE = {"envs", "wrappers", "sb3"}


def modules() -> Iterator[tuple[str, str]]:
    """Yield (part of the package, source) of every module but the package's own `__init__`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__":
            yield part, path.read_text()


def imported(source: str) -> Iterator[str]:
    """Yield the full names of what a module imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def wrong(part: str, source: str) -> Iterator[str]:
    """Yield the imports of a module of `part` that point up or beside, or to a simulator where none belongs."""
    for name in imported(source):
        top, _, rest = name.partition(".")
        if top in SIMULATORS and part not in EDGE:
            yield name
        other = rest.partition(".")[0]
        if top != "tsreward" or other == part:
            continue
        # The package itself has no level: it knows all public names, and only the command line asks it for one.
        if LEVEL.get(other, LEVEL["cli"]) >= LEVEL[part] and (part, name) != ("cli", "tsreward"):
            yield name


def test_every_part_has_a_level() -> None:
    assert {part for part, _ in modules()} <= set(LEVEL)


def test_imports_point_downwards() -> None:
    assert {(part, name) for part, source in modules() for name in wrong(part, source)} == set()


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("sequences", "from tsreward.training import train"),
        ("scorers", "import tsreward.encoders.base"),
        ("rewards", "from tsreward.scorers import base"),
        ("pipeline", "def late():\n    from tsreward.cli.main import main"),
        ("data", "import gymnasium.spaces"),
        ("recipes", "from stable_baselines3 import PPO"),
        ("recipes", "import tsreward"),
        ("cli", "from tsreward import RewardModel"),
    ],
)
def test_the_search_finds(part: str, source: str) -> None:
    assert list(wrong(part, source))


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("pipeline", "from tsreward.rewards.calibration import Calibration"),
        ("scorers", "from tsreward.scorers.base import Scorer"),
        ("cli", "from tsreward.recipes import anoseqs"),
        ("cli", "import tsreward"),
        ("sb3", "import gymnasium"),
        ("errors", "import gymnasiums"),
    ],
)
def test_the_search_leaves_alone(part: str, source: str) -> None:
    assert not list(wrong(part, source))


def test_importing_the_package_imports_no_heavy_package() -> None:
    heavy = ("torch", "gymnasium", "stable_baselines3", "pandas", "pyarrow", "matplotlib")
    code = f"import sys, tsreward; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
