"""Modules of the user's own: found in the current folder, and their errors are told as theirs."""

import sys

import gymnasium
import pytest

from tsreward.envs.make import make
from tsreward.errors import OptionError
from tsreward.user_modules import import_named, import_user_module, split_name

ENV = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv

class Own(CartPoleEnv):
    pass

gymnasium.register("{id}", "{module}:Own", max_episode_steps=7)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, which is empty; what is imported and registered from there is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    modules, ids = set(sys.modules), set(gymnasium.registry)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if name.startswith("own_"):
            del sys.modules[name]
    for id in set(gymnasium.registry) - ids:
        del gymnasium.registry[id]


def test_a_module_of_the_current_folder_registers_its_environment(folder):
    (folder / "own_maze.py").write_text(ENV.format(id="Maze-v0", module="own_maze"))
    path = list(sys.path)
    env = make("own_maze:Maze-v0", action_repeat=2)
    assert sys.path == path
    assert type(env.unwrapped).__module__ == "own_maze"
    assert env.reset(seed=0)[0].shape == (4,)
    assert make("own_maze:Maze-v0").spec.max_episode_steps == 7  # type: ignore[union-attr]
    assert make("Maze-v0").spec.id == "Maze-v0"  # type: ignore[union-attr]


def test_an_id_that_looks_like_a_familys_may_follow(folder):
    for id in ("dmc/Own-v0", "SafetyOwn-v0"):
        (folder / "own_alike.py").write_text(ENV.format(id=id, module="own_alike"))
        sys.modules.pop("own_alike", None)
        assert type(make(f"own_alike:{id}").unwrapped).__name__ == "Own"


def test_packages_and_entry_points_of_the_current_folder_are_found(folder):
    (folder / "own_package").mkdir()
    (folder / "own_package" / "__init__.py").write_text("")
    (folder / "own_package" / "ids.py").write_text(
        'import gymnasium\ngymnasium.register("Late-v0", "own_package.late:Own")\n'
    )
    (folder / "own_package" / "late.py").write_text(ENV.format(id="Other-v0", module="own_package.late"))
    assert type(make("own_package.ids:Late-v0").unwrapped).__module__ == "own_package.late"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing' (FOLDER/own_broken.py, line 1)"),
        ("\nfrom json import nothing_such", "ImportError: cannot import name 'nothing_such' from 'json'"),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero (FOLDER/own_broken.py, line 3)"),
        ("def f(:", "SyntaxError: invalid syntax (own_broken.py, line 1)"),
        ("import sys\nsys.exit('no licence')", "SystemExit: no licence (FOLDER/own_broken.py, line 2)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines (FOLDER/own_broken.py, line 1)"),
    ],
)
def test_an_error_of_the_module_is_theirs(folder, source, told):
    (folder / "own_broken.py").write_text(source)
    with pytest.raises(OptionError) as caught:
        make("own_broken:X-v0")
    message = str(caught.value)
    assert message.startswith("The module own_broken, which 'own_broken:X-v0' names, cannot be imported: ")
    assert told.replace("FOLDER", str(folder)) in message
    assert "\n" not in message


def test_an_environment_that_cannot_be_made_is_theirs_too(folder):
    (folder / "own_unmade.py").write_text(
        "import gymnasium\nclass Own(gymnasium.Env):\n    def __init__(self):\n"
        "        raise RuntimeError('no display')\n"
        "gymnasium.register('Unmade-v0', Own)\n"
    )
    with pytest.raises(OptionError, match=r"'own_unmade:Unmade-v0' cannot be made: RuntimeError: .*no display"):
        make("own_unmade:Unmade-v0")


def test_the_path_is_put_back_after_an_error(folder):
    (folder / "own_worse.py").write_text("1 / 0")
    path = list(sys.path)
    with pytest.raises(OptionError):
        import_user_module("own_worse", "own_worse:x")
    assert sys.path == path


def test_a_name_that_is_not_there_gets_the_nearest_one():
    with pytest.raises(
        OptionError, match=r"The module math has no 'hypott' for the cost function 'math:hypott': did you"
    ):
        import_named("math:hypott", "cost function")
    with pytest.raises(OptionError, match=r"A cost function of your own is written my_module:name, got 'math'"):
        import_named("math", "cost function")


@pytest.mark.parametrize("text", ["", ":", "a", "a:", ":a", "a b:c", "a..b:c", "1a:b", "a/b:c", "dmc/walker:x"])
def test_what_is_no_module_and_name_is_none(text):
    assert split_name(text) is None
