"""Every public name is there, loaded late, and the same for the type checker as at run time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tsreward


def test_every_home_is_a_module_and_no_name_is_a_package_too():
    package = Path(tsreward.__file__).parent
    stub = ast.parse((package / "__init__.pyi").read_text())
    homes = {name.name: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert sorted(homes) == sorted(tsreward.__all__)
    assert {path.stem for path in package.iterdir()}.isdisjoint(homes)  # importing it would hide the name


@pytest.mark.parametrize("name", tsreward.__all__)
def test_every_name_is_there(name):
    value = getattr(tsreward, name)
    assert value.__name__ == name
    assert getattr(tsreward, name) is value


def test_dir_and_version():
    assert set(dir(tsreward)) == {*tsreward.__all__, "__version__"}
    assert tsreward.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="module 'tsreward' has no attribute 'RewardModle'"):
        _ = tsreward.RewardModle


def test_a_function_is_not_hidden_by_a_module_of_its_name():
    code = (
        "import tsreward.pipeline.relabel, tsreward.envs.make, tsreward.recipes.fitting, tsreward;"
        "print([name for name in tsreward.__all__ if type(getattr(tsreward, name)).__name__ == 'module'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_type_checkers_are_told_that_the_package_is_typed():
    assert (Path(tsreward.__file__).parent / "py.typed").is_file()
