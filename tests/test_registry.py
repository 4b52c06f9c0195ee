"""Names of our own things and of those that installed packages offer."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tsreward import registry
from tsreward.errors import OptionError
from tsreward.registry import Registry


class Shape:
    """What is registered here."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a module and installs it as a package with entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._distributions.cache_clear()
    made: list[str] = []

    def install(package: str, source: str, points: dict[str, str], group: str = "shapes_of_ours") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{module}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
        (folder / "top_level.txt").write_text(f"{module}\n")
        made.append(module)

    yield install
    registry._distributions.cache_clear()
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a registry whose own package has the shape 'square' in a module that nobody has imported."""
    folder = tmp_path / "own" / "shapes_of_ours"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "own")
    (folder / "__init__.py").write_text("registry = None\n")
    (folder / "square.py").write_text(
        "import shapes_of_ours\nfrom tests.test_registry import Shape\n"
        "@shapes_of_ours.registry.register('square')\nclass Square(Shape): pass\n"
    )
    registry: Registry[type[Shape]] = Registry("shape", "shapes_of_ours", Shape)
    import_module("shapes_of_ours").registry = registry  # type: ignore[attr-defined]
    yield registry
    for name in ("shapes_of_ours", "shapes_of_ours.square"):
        sys.modules.pop(name, None)


ROUND = "from tests.test_registry import Shape\nclass Round(Shape): pass\n"


def test_own_things_are_found_when_a_name_is_asked_for(shapes) -> None:
    assert "shapes_of_ours.square" not in sys.modules
    assert shapes["square"].__name__ == "Square"
    assert shapes.names() == list(shapes) == ["square"]
    assert len(shapes) == 1
    assert shapes.name_of(shapes["square"]) == "square"


def test_another_package_offers_one(shapes, install) -> None:
    install("round-things", ROUND, {"round": "round_things:Round"})
    assert list(shapes) == ["round", "square"]
    assert "round_things" not in sys.modules
    assert shapes.package("round") == "round-things"
    cls = shapes["round"]
    assert (cls.__name__, shapes.name_of(cls)) == ("Round", "round")
    assert shapes.find("round", "Round.Things") is cls
    assert dict(shapes.items())["round"] is cls
    assert shapes.values()[0] is cls


def test_a_class_is_named_before_its_entry_point_was_asked_for(shapes, install) -> None:
    install("round-things", ROUND, {"round": "round_things:Round"})
    assert shapes.name_of(import_module("round_things").Round) == "round"


def test_a_package_may_also_decorate(shapes, install) -> None:
    source = (
        "import shapes_of_ours\nfrom tests.test_registry import Shape\n"
        "@shapes_of_ours.registry.register('round')\nclass Round(Shape): pass\n"
    )
    install("round-things", source, {"round": "round_things:Round"})
    import_module("round_things")
    assert shapes["round"] is import_module("round_things").Round
    assert shapes.package("round") == "round-things"
    assert list(shapes) == ["round", "square"]


def test_an_unknown_name_is_refused_with_the_nearest(shapes) -> None:
    with pytest.raises(OptionError, match=r"Unknown shape 'squaer': did you mean 'square'\? Known: square.$"):
        shapes["squaer"]
    assert "squaer" not in shapes


def test_an_unknown_name_of_a_file_is_refused_with_its_package(shapes, install) -> None:
    with pytest.raises(OptionError, match=r"with the package 'round-things', which is not installed here"):
        shapes.find("round", "round-things")
    with pytest.raises(OptionError, match=r"import the module that registers it first"):
        shapes.find("round", "")
    install("round-things", ROUND, {})
    with pytest.raises(OptionError, match=r"is installed here as version 1.2 and does not have it"):
        shapes.find("round", "round-things")


def test_the_same_name_of_another_package_is_not_what_a_file_was_made_with(shapes) -> None:
    with pytest.raises(OptionError, match=r"'square' is that of the package .* here, and .* that of 'round-things'"):
        shapes.find("square", "round-things")


def test_names_out_of_files_are_never_imported(shapes) -> None:
    with pytest.raises(OptionError, match=r"Unknown shape 'this\.s'"):
        shapes.find("this.s", "this")
    assert "this" not in sys.modules
    with pytest.raises(OptionError) as error:
        shapes.find("\x1b[31m" + "x" * 100, "\x1b]0;")
    assert str(error.value).isascii()
    assert "\x1b" not in str(error.value)


def test_two_of_one_name_are_refused(shapes, install) -> None:
    install("round-things", ROUND, {"square": "round_things:Round"})
    with pytest.raises(
        OptionError, match=r"The shape 'square' is there twice, shapes_of_ours.square.Square and round_thi"
    ):
        shapes.names()


def test_two_packages_with_one_name_are_refused(shapes, install) -> None:
    install("round-things", ROUND, {"round": "round_things:Round"})
    install("rounder", ROUND, {"round": "rounder:Round"})
    message = r"'round' is there twice, round_things:Round of .* round-things 1.2 and rounder:Round of .* rounder 1.2"
    with pytest.raises(OptionError, match=message):
        shapes["square"]


def test_registered_twice_is_refused_but_defined_again_is_not() -> None:
    shapes: Registry[type[Shape]] = Registry("shape", "tests", Shape)
    for _ in range(2):

        @shapes.register("a")
        class A(Shape):
            pass

    assert shapes["a"] is A
    with pytest.raises(OptionError, match=r"The shape 'a' is there twice, .*A and .*Shape: rename or uninstall one"):
        shapes.add("a", Shape)


def test_instances_are_the_same_where_they_are_equal() -> None:
    numbers: Registry[int] = Registry("number", "tests", int)
    numbers.add("one", 1)
    numbers.add("one", 1)
    with pytest.raises(OptionError, match=r"The number 'one' is there twice"):
        numbers.add("one", 2)


def test_what_is_of_another_kind_is_refused(shapes, install) -> None:
    install("round-things", "Round = int\n", {"round": "round_things:Round"})
    with pytest.raises(OptionError, match=r"The shape 'round' must be a Shape, got builtins.int"):
        shapes["round"]
    with pytest.raises(OptionError, match=r"must be something to call, got builtins.int"):
        Registry("function", "tests").add("three", 3)


@pytest.mark.parametrize("name", ["", "a.b", "a=b", "a,b", "-a", "a b"])
def test_names_that_a_command_line_could_not_read(name: str) -> None:
    with pytest.raises(OptionError, match=r"The name of a shape is letters, digits"):
        Registry("shape", "tests", Shape).add(name, Shape)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('two\\nlines')\n", "RuntimeError: two lines"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_entry_point_names_its_package_in_one_line(shapes, install, source: str, problem: str) -> None:
    install("round-things", source, {"round": "round_things:Round"})
    assert list(shapes) == ["round", "square"]
    with pytest.raises(OptionError, match=r"round_things:Round of the package round-things 1.2") as error:
        shapes["round"]
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_what_nothing_names_cannot_be_saved(shapes) -> None:
    with pytest.raises(OptionError, match=r"Shape is no registered shape, .* group 'shapes_of_ours'. Known: square."):
        shapes.name_of(Shape)


def test_the_module_imports_nothing_heavy() -> None:
    code = "import sys, tsreward.registry, tsreward.options; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
