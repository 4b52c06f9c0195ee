"""The import adapter takes back everything that it lends, and steps aside where it is not needed."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tsreward.envs import _compat as _compat

if importlib.util.find_spec("safety_gymnasium") is None:
    pytest.skip("safety-gymnasium is not installed", allow_module_level=True)

RESTORED = """
import dataclasses, logging, os, random, sys, threading, warnings
import gymnasium, gymnasium.vector, mujoco, numpy as np
from tsreward.envs import _compat

_compat._import_requirements()
watched = [m for n, m in sys.modules.items() if n.split(".")[0] in ("gymnasium", "dataclasses", "mujoco", "numpy")]
before = [dict(vars(module)) for module in watched]

def surroundings():
    state = np.random.mtrand._rand.get_state()
    return (state[1].tolist(), state[2:], random.getstate(), os.getcwd(), dict(os.environ), logging.root.level,
            list(logging.root.handlers), list(warnings.filters), list(sys.path), list(sys.meta_path))

around, lent = surroundings(), _compat._moved_names()
assert "gymnasium.wrappers.time_limit" in lent, lent
got = []
threads = [threading.Thread(target=lambda: got.append(_compat.import_safety_gymnasium())) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(got) == 4 and all(package is sys.modules["safety_gymnasium"] for package in got)
assert surroundings() == around
assert not [name for name in lent if name in sys.modules]
assert not [name for name in sys.modules if name.startswith("gymnasium_robotics")]
for module, old in zip(watched, before):
    for name, value in vars(module).items():
        if name in old:
            assert value is old[name] or name == "__warningregistry__", (module, name)
        else:
            assert value is sys.modules.get(f"{module.__name__}.{name}"), (module, name)
    assert set(old) <= set(vars(module)), module
"""

UNAIDED = """
import sys
from tsreward.envs import _compat
_compat._moved_names = None
package = _compat.import_safety_gymnasium()
assert package.__version__ == "9.0" and package is sys.modules["safety_gymnasium"]
assert package is _compat.import_safety_gymnasium()
"""


def run(code: str, path: str = "") -> None:
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_the_import_leaves_everything_else_as_it_was():
    run(RESTORED)


def test_a_release_that_imports_unaided_is_left_alone(tmp_path):
    (tmp_path / "safety_gymnasium").mkdir()
    (tmp_path / "safety_gymnasium" / "__init__.py").write_text('__version__ = "9.0"\n')
    run(UNAIDED, str(tmp_path))


def test_lent_modules_are_taken_back_after_an_error():
    names = set(_compat._moved_names())
    before = dict(sys.modules)
    with pytest.raises(ZeroDivisionError), _compat._lent_modules():
        assert names <= set(sys.modules)
        raise ZeroDivisionError
    assert sys.modules == before


def test_a_joint_number_in_an_array_is_cast():
    def strict(joint):
        if not isinstance(joint, int | str):
            raise TypeError(joint)
        return joint

    engine = SimpleNamespace(model=SimpleNamespace(jnt=strict, nq=5))
    agent = SimpleNamespace(engine=engine)
    seen = []

    def init(agent):
        seen.extend([agent.engine.model.jnt(np.array([3])), agent.engine.model.jnt("hip"), agent.engine.model.nq])

    _compat._with_integer_joints(init)(agent)
    assert seen == [3, "hip", 5]
    assert agent.engine is engine


def test_the_viewer_gets_the_size_of_the_picture():
    model = SimpleNamespace(vis=SimpleNamespace(global_=SimpleNamespace(offwidth=64, offheight=48)))
    viewer = _compat._sized_viewer(lambda *args: args)
    assert viewer(model, "data") == (model, "data", 64, 48)


def test_a_function_runs_with_other_names_and_its_module_stays():
    doubled = _compat.rebound(_compat._only_number, float=lambda value: 2 * value)
    assert doubled(np.array([3.0])) == 6.0
    assert _compat._only_number(np.array([3.0])) == 3.0
