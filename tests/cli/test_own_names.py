"""`my_module:Name` and `--import my_module`, from the current folder, in every command that takes names."""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
import pytest

from tsreward.cli.main import main
from tsreward.errors import OptionError
from tsreward.io import load
from tsreward.pipeline import own_names
from tsreward.pipeline.own_names import import_own, named_modules, registered_name
from tsreward.registry import _distributions
from tsreward.rewards.base import MODES
from tsreward.scorers.base import SCORERS

MODULE = '''
import gymnasium, torch
from tests.tiny import TinyEnv
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.registry import _distributions
from tsreward.rewards.base import MODES
from tsreward.rewards.likeness import Likeness

gymnasium.register("MyEnv-v0", TinyEnv, max_episode_steps=12, disable_env_checker=True)

class Own(Scorer[ScorerOptions]):
    """Distance from zero."""
    Options = ScorerOptions
    uses_negative = uses_held_out = False
    def build(self): pass
    def learn(self, normal, negative, options, report): pass
    def measure(self, windows): return windows.abs().mean((1, 2))

@SCORERS.register("own_named")
class Named(Own): pass

@MODES.register("own_likeness")
class OwnLikeness(Likeness): pass

def nothing(): pass
'''


def forget() -> None:
    """Forget what the module has registered, as a new process does."""
    for registry in (SCORERS, MODES):
        for name, thing in list(registry._things.items()):
            if thing.__module__.startswith("my_"):
                del registry._things[name]
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]
    for id in [id for id in gymnasium.registry if id == "MyEnv-v0"]:
        del gymnasium.registry[id]
    own_names._named.clear()
    _distributions.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with modules of the user's own and a log."""
    (tmp_path / "my_own.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import no_such_package\n")
    np.save(tmp_path / "log.npy", np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()


FIT = ["fit", "--data", "log.npy", "--reward", "likeness", "--out", "m.safetensors", "--json"]


@pytest.mark.parametrize(
    ("given", "name"),
    [("my_own:Own", "Own"), ("my_own:Named", "own_named"), ("my_own:own_named", "own_named")],
)
def test_a_scorer_of_the_current_folder_is_fitted_and_found_again_by_import(folder, given, name, complaint):
    path = list(sys.path)
    assert main([*FIT, "--scorer", given]) == 0
    assert sys.path == path
    assert SCORERS.name_of(type(load("m.safetensors").scorer)) == name
    forget()
    assert "import the module that registers it first" in complaint("score", "log.npy", "--model", "m.safetensors")
    assert main(["score", "log.npy", "--model", "m.safetensors", "--out", "s.csv", f"--import={given}"]) == 0
    forget()
    if name == "own_named":
        assert main(["score", "log.npy", "--model", "m.safetensors", "--out", "s.csv", "--import", "my_own"]) == 0


def test_a_model_file_never_imports(folder, complaint):
    assert main([*FIT, "--scorer", "my_own:Named"]) == 0
    forget()
    complaint("score", "log.npy", "--model", "m.safetensors")
    assert "my_own" not in sys.modules


def test_a_reward_mode_of_ones_own(folder):
    assert (
        main(["fit", "--data", "log.npy", "--reward=my_own:OwnLikeness", "--scorer", "knn", "--out", "m.safetensors"])
        == 0
    )
    assert MODES.name_of(type(load("m.safetensors").mode)) == "own_likeness"


def test_an_environment_of_ones_own_in_a_command(folder):
    for out in ("one.npz", "two.npz"):
        arguments = ["collect", "--env", "my_own:MyEnv-v0", "--agent", "random", "--steps", "240", "--out", out]
        assert main(arguments) == 0
    assert main(["fit", "--data", "one.npz", "--env", "my_own:MyEnv-v0", "--out", "m.safetensors"]) == 0


COMMANDS = {
    "collect": ["collect", "--agent", "random", "--steps", "24", "--out", "x.npz"],
    "graded": ["collect", "--agent", "graded", "--steps", "24", "--out", "x.npz"],
    "demo": ["demo", "--steps", "100"],
    "target": ["demo", "--steps", "100", "--env", "my_own:MyEnv-v0", "--target-env"],
    "likeness": ["train", "--reward", "likeness"],
    "train": ["train", "--model", "m.safetensors"],
    "fit": ["fit", "--data", "data.npz", "--out", "n.safetensors"],
    "check": ["check", "m.safetensors"],
    "tune": ["tune", "--study", "s.db"],
}
JUNK = {
    "my_broken:X-v0": "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'",
    "nosuchmod:X-v0": "There is no module nosuchmod",
    ":::": "is no id of an environment",
    "dmc/": "names no environment of the family dmc",
    "atari/": "names no environment of the family atari",
    "": "is empty",
}


@pytest.fixture
def fitted(folder):
    arguments = ["collect", "--env", "my_own:MyEnv-v0", "--agent", "random", "--steps", "240", "--out", "data.npz"]
    assert main(arguments) == 0
    assert main(["fit", "--data", "data.npz", "--scorer", "knn", "--out", "m.safetensors"]) == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_in_one_line_what_is_wrong_with_an_id(fitted, command, complaint):
    for id, told in JUNK.items():
        words = COMMANDS[command]
        option = [] if words[-1] == "--target-env" else ["--env"]
        assert told in complaint(*words, *option, id)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scorer", "my_own:nothing"], "'my_own:nothing' is no scorer"),
        (["--scorer", "my_own:OwnLikeness"], "'my_own:OwnLikeness' is no scorer"),
        (["--scorer", "my_own:Nmaed"], "did you mean 'Named'?"),
        (["--scorer", "my_broken:Named"], "cannot be imported: ModuleNotFoundError"),
        (["--scorer", "nosuchmod:Named"], "There is no module nosuchmod"),
        (["--import", "my_broken"], "The module my_broken, which 'my_broken' names, cannot be imported"),
        (["--import", "../x"], "--import takes the name of a module"),
        (["--import"], "--import names a module"),
        (["--import", "my_own:nothing"], "is no scorer or encoder or reward mode"),
    ],
)
def test_what_is_no_scorer_is_refused(folder, arguments, told, complaint):
    assert told in complaint(*FIT, *arguments)


def test_other_processes_are_told_what_was_named(folder):
    assert registered_name("scorer", "my_own:Own") == "Own"
    import_own(["my_own"])
    told = named_modules()
    forget()
    with pytest.raises(OptionError, match="Unknown scorer 'Own'"):
        SCORERS["Own"]
    import_own(told)
    assert {"Own", "own_named"} <= set(SCORERS.names())


def test_names_with_other_colons_stay(folder):
    assert registered_name("scorer", "knn") == "knn"
    from tsreward.cli.own_names import with_own_names

    words = [
        "--detectors",
        "pyod:HBOS",
        "knn",
        "my_own:Own",
        "--env",
        "dmc/walker-walk:frames=64",
        "--fix",
        "scorer=knn,my_own:Own",
    ]
    assert with_own_names(words) == [
        "--detectors",
        "pyod:HBOS",
        "knn",
        "Own",
        "--env",
        "dmc/walker-walk:frames=64",
        "--fix",
        "scorer=knn,Own",
    ]
