"""The GL backend: chosen without a display, left alone when somebody chose it, and a command where there is none."""

import os
import subprocess
import sys

import pytest

from tsreward.envs import headless
from tsreward.envs.headless import LIBRARIES, choose_backend, open_context
from tsreward.errors import MissingExtraError

EGL, GL, OSMESA = "libEGL.so.1", "libGL.so.1", "libOSMesa.so.8"


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY", "LP_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # so that it is restored afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(headless.sys, "platform", "linux")


def there(monkeypatch, *libraries):
    monkeypatch.setattr(headless, "_loads", lambda library: library in libraries)


@pytest.mark.parametrize(
    ("libraries", "backend"),
    [
        ((EGL, GL, OSMESA), "egl"),
        ((EGL, "libOpenGL.so.0"), "egl"),
        ((EGL, OSMESA), "osmesa"),
        (("libOSMesa.so",), "osmesa"),
        ((EGL,), "disable"),
        ((), "disable"),
    ],
)
def test_without_a_display_the_first_whose_libraries_load_is_taken(monkeypatch, libraries, backend):
    there(monkeypatch, *libraries)
    choose_backend()
    assert os.environ["MUJOCO_GL"] == backend


@pytest.mark.parametrize("chosen", ["glfw", "osmesa", "disable", ""])
def test_what_somebody_chose_stays(monkeypatch, chosen):
    there(monkeypatch, EGL, GL)
    monkeypatch.setenv("MUJOCO_GL", chosen)
    monkeypatch.setenv("LP_NUM_THREADS", "2")
    choose_backend()
    assert (os.environ["MUJOCO_GL"], os.environ["LP_NUM_THREADS"]) == (chosen, "2")


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_with_a_display_nothing_is_set(monkeypatch, display):
    there(monkeypatch, EGL, GL)
    monkeypatch.setenv(display, ":0")
    choose_backend()
    assert "MUJOCO_GL" not in os.environ


def test_elsewhere_than_on_linux_nothing_is_set(monkeypatch):
    monkeypatch.setattr(headless.sys, "platform", "darwin")
    choose_backend()
    assert "MUJOCO_GL" not in os.environ


def test_a_file_that_is_no_library_does_not_load():
    assert not headless._loads("libNoSuchThing.so.1")


def test_without_a_library_the_error_holds_the_command(monkeypatch):
    there(monkeypatch)
    with pytest.raises(MissingExtraError, match=r"'disable'.*apt install libegl1 libgl1 libgles2 libosmesa6"):
        open_context(8, 8)


def test_a_backend_that_fails_is_an_error_with_the_command(monkeypatch):
    def fail(name):
        raise AttributeError("'NoneType' object has no attribute 'glGetError'")

    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr(headless, "import_module", fail)
    with pytest.raises(MissingExtraError, match=r"is 'osmesa' and GL fails: .*glGetError.*apt install libegl1"):
        open_context(8, 8)


def test_a_fresh_process_draws_without_any_setting(frames):
    code = (
        "import os; import mujoco; from tsreward.envs.make import make;"  # mujoco has settled on a window by then
        "env = make('dmc/cartpole-balance', pixels=32); obs, _ = env.reset(seed=0);"
        "print(os.environ['MUJOCO_GL'], obs.std() > 10)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert run.stdout.split() in [[backend, "True"] for backend in LIBRARIES]
    assert "Error" not in run.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_draws_after_its_parent_did(frames):
    code = (
        "import gymnasium; from tsreward.envs.make import make\n"
        "def env(): return make('dmc/cartpole-balance', pixels=16)\n"
        "first, _ = env().reset(seed=0)\n"
        "kept = env(); kept.reset(seed=0)\n"
        "envs = gymnasium.vector.AsyncVectorEnv([env], context='fork')\n"
        "print((envs.reset(seed=0)[0] == first).all()); envs.close()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "True"


def test_the_adapters_import_no_simulator_by_themselves():
    code = (
        "import sys, tsreward.envs.redrawing, tsreward.envs.atari;"
        "print([name for name in ('mujoco', 'dm_control', 'ale_py', 'PIL') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
