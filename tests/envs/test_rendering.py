"""The GL backend: chosen without a display, left alone when somebody chose it, and a command where there is none."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from tsreward.envs import rendering as headless
from tsreward.envs.make import make
from tsreward.envs.rendering import LIBRARIES, choose_backend, open_context
from tsreward.errors import MissingExtraError, OptionError

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
        "import sys, tsreward.envs.re_render, tsreward.envs.atari;"
        "print([name for name in ('mujoco', 'dm_control', 'ale_py', 'PIL') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


pytestmark = pytest.mark.usefixtures("frames")
WALKER = "dmc/walker-walk"


def first(id: str = WALKER, seed: int = 0, **options) -> np.ndarray:
    env = make(id, **{"pixels": 48, **options})
    try:
        return env.reset(seed=seed)[0]
    finally:
        env.close()


def test_a_frame_shows_the_body_before_the_ground_and_the_sky():
    frame = first().astype(int)
    orange = frame[..., 0] > frame[..., 2] + 30
    assert 0.01 < orange.mean() < 0.3
    assert frame[~orange].std() > 5


def test_the_fast_look_leaves_out_shadows_and_smooth_edges():
    fast, full = first().astype(int), first(rendering="full").astype(int)
    difference = np.abs(fast - full).max(-1)
    assert 0.02 < (difference > 8).mean() < 0.6
    assert np.array_equal(first(rendering="fast"), fast)


@pytest.mark.parametrize("camera", ["back", 1, -1])
def test_another_camera_sees_something_else(camera):
    assert not np.array_equal(first(camera=camera), first())
    assert np.array_equal(first(camera="back"), first(camera=1))


@pytest.mark.parametrize("size", [1, 17, 200])
def test_frames_have_the_size_that_was_asked_for(size):
    assert first(pixels=size).shape == (size, size, 3)


def test_renderers_do_not_disturb_one_another():
    alone = [first(id, seed) for id, seed in ((WALKER, 1), ("dmc/cartpole-swingup", 2))]
    one, two = make(WALKER, pixels=48), make("dmc/cartpole-swingup", pixels=48)
    three = make(WALKER, pixels=32)
    for _ in range(2):
        assert np.array_equal(one.reset(seed=1)[0], alone[0])
        assert np.array_equal(two.reset(seed=2)[0], alone[1])
    three.reset(seed=0)
    del three  # its renderer frees what is its own, not what has the same number in another
    gc.collect()
    one.close()
    one.close()
    assert np.array_equal(two.reset(seed=2)[0], alone[1])


def test_new_terrain_is_drawn():
    env = make("dmc/quadruped-escape", pixels=48)
    before, _ = env.reset(seed=1)
    after, _ = env.reset(seed=2)
    assert np.array_equal(after, first("dmc/quadruped-escape", seed=2))
    assert not np.array_equal(before, after)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"camera": "sid"}, "Unknown camera 'sid': did you mean 'side'"),
        ({"camera": 2}, r"no camera 2: use -1 \(free\) to 1 \(side, back\)"),
        ({"rendering": "ful"}, "Unknown rendering 'ful': did you mean 'full'"),
        ({"pixels": 0}, "size of 1 pixel or more, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(options, message):
    with pytest.raises(OptionError, match=message):
        make(WALKER, **{"pixels": 48, **options})
