"""The pages: their Python runs, their commands exist, their tables are those of the results."""

import re
import shlex
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn

import pytest

from benchmarks.tables import PAGES, rendered
from tests.envs.conftest import dmc, frames  # noqa: F401
from tsreward import cli
from tsreward.cli.main import COMMANDS, main
from tsreward.cli.parsing import parse
from tsreward.registry import Registry
from tsreward.scorers.base import SCORERS

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (README, *sorted((ROOT / "docs").rglob("*.md")))
}
NEEDS = {"docs/howto/pixels.md": "frames", "docs/start/likeness.md": "dmc"}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """Return the arguments of every `tsreward ...` line, without comments."""
    lines = "".join(blocks(text, "bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("tsreward ")]


class Understood(Exception):
    """The arguments were parsed; nothing is to be run."""


def _parse_only(*given: Any) -> NoReturn:
    parse(*given)
    raise Understood


@pytest.mark.parametrize("page", [name for name, text in TEXTS.items() if blocks(text, "python")])
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")
@pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")  # of toys that are fitted on a handful of rows
def test_the_python_of_a_page_runs_in_order(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if page in NEEDS:
        request.getfixturevalue(NEEDS[page])
    monkeypatch.chdir(tmp_path)
    SCORERS.names()  # all of ours are there before what a page registers is forgotten again
    monkeypatch.setattr(SCORERS, "_things", dict(SCORERS._things))
    names: dict[str, object] = {}
    for block in blocks(TEXTS[page], "python"):
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize(
    ("page", "arguments"),
    [
        pytest.param(name, line, id=f"{name}: {' '.join(line)}")
        for name, text in TEXTS.items()
        for line in commands(text)
    ],
)
def test_a_command_of_a_page_is_understood(
    page: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in [import_module(f"{cli.__name__}.{found.name}") for found in iter_modules(cli.__path__)]:
        if hasattr(module, "parse"):
            monkeypatch.setattr(module, "parse", _parse_only)
    if "--config" in arguments:
        config = Path(arguments[arguments.index("--config") + 1])
        config.parent.mkdir(parents=True)
        config.write_text(f"[{arguments[0]}]\n")
    if "--resume" in arguments:
        run = Path(arguments[arguments.index("--resume") + 1])
        run.mkdir(parents=True)
        (run / "status.json").write_text('{"state": "stopped", "arguments": ["--env", "Hopper-v5", "--model", "m"]}')
    with suppress(Understood):
        assert main(arguments) == 0  # --help


def test_every_command_stands_on_a_page() -> None:
    assert {line[0] for text in TEXTS.values() for line in commands(text)} >= set(COMMANDS)


@pytest.mark.parametrize("page", [ROOT / "docs" / "extending.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_registry_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`([A-Z_]+)` in `(tsreward[\w.]+)`", page.read_text(encoding="utf-8"))
    assert len(named) >= 7
    assert all(isinstance(getattr(import_module(module), name), Registry) for name, module in named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rendered(text) == text


def test_the_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150
