"""Drawing without a screen: rendering backends, fast looks, and stored states."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from weakref import WeakSet

import numpy as np

from tsreward.errors import MissingExtraError, OptionError, unknown_name

LIBRARIES = {
    "egl": [("libEGL.so.1", "libEGL.so"), ("libOpenGL.so.0", "libGL.so.1", "libGL.so")],
    "osmesa": [("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")],
}
"""What every backend needs: one file of each group."""
OFF = ("disable", "disabled", "off", "false", "0")
INSTALL = "apt install libegl1 libgl1 libgles2 libosmesa6"


def choose_backend() -> None:
    """Set MUJOCO_GL where nobody has and no display is there: to egl or osmesa, the first whose libraries load.

    Where neither does, it becomes "disable", so that simulators still import and only frames cannot be had. Call this
    before dm_control is imported, which reads the variable once. Mesa's software renderer is told to start no threads
    (LP_NUM_THREADS, unless it is set): a process that is forked after a frame was drawn would wait for them for ever,
    and small frames are drawn faster without.
    """
    if "MUJOCO_GL" in os.environ or not sys.platform.startswith("linux"):
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    usable = (name for name, groups in LIBRARIES.items() if all(any(map(_loads, files)) for files in groups))
    os.environ["MUJOCO_GL"] = next(usable, "disable")
    os.environ.setdefault("LP_NUM_THREADS", "0")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def open_context(width: int, height: int) -> Any:
    """Return a new MuJoCo GL context of the backend that MUJOCO_GL names, made current.

    The backend's own module is asked, because `mujoco.GLContext` is the one that was right when mujoco was imported.

    Raises MissingExtraError, with the command to type, where frames cannot be drawn.
    """
    choose_backend()
    backend = os.environ.get("MUJOCO_GL", "").lower().strip()
    if backend in OFF:
        raise MissingExtraError(
            f"Frames cannot be drawn: MUJOCO_GL is '{backend}', which is also what it becomes where neither EGL nor "
            f"OSMesa loads. Install them with: {INSTALL}"
        )
    try:
        context = import_module(f"mujoco.{backend if backend in LIBRARIES else 'gl_context'}").GLContext(width, height)
        if not getattr(context, "_context", True):
            raise RuntimeError("no window could be opened")  # GLFW only warns
        context.make_current()
    except Exception as error:  # of any class: PyOpenGL fails in its own ways
        raise no_frames(error) from error
    return context


def no_frames(error: Exception) -> MissingExtraError:
    """Return the error for a GL backend that fails as `error` tells."""
    return MissingExtraError(
        f"MUJOCO_GL is '{os.environ.get('MUJOCO_GL', '')}' and GL fails: {error}. Install its libraries with: "
        f"{INSTALL} (or set MUJOCO_GL to egl, osmesa or, without frames, disable)"
    )


LOOKS = ("fast", "full")
_OPEN: WeakSet[FrameRenderer] = WeakSet()


def find_camera(model: Any, camera: int | str) -> int:
    """Return the number of the camera with this name or number; -1 is the free camera, which shows the whole scene.

    Raises OptionError for a camera that the model has not.
    """
    names = [model.camera(index).name for index in range(model.ncam)]
    if isinstance(camera, str):
        if camera not in names:
            raise unknown_name("camera", camera, names)
        return names.index(camera)
    if not -1 <= camera < len(names):
        raise OptionError(f"There is no camera {camera}: use -1 (free) to {len(names) - 1} ({', '.join(names)}).")
    return camera


class FrameRenderer:
    """Draws frames `[size, size, 3]` (uint8) of a MuJoCo model seen by one camera.

    The look "fast" has no shadows, no reflections and no smoothed edges: it sets `vis.quality.offsamples` and
    `vis.quality.shadowsize` of the model to 0. The look "full" leaves the picture as the model's author made it and is
    ten to twenty times slower in software. The same state gives a bit-identical frame on the same machine, whatever
    other renderers of this class draw in between. With `upright`, the picture of a fixed camera that hangs upside down
    is turned by half a turn. `view` sets the free camera: `distance`, `azimuth`, `elevation` (degrees), `lookat` [3].

    Raises MissingExtraError where no GL library is there.
    """

    def __init__(
        self,
        model: Any,
        size: int,
        camera: int,
        look: str = "fast",
        upright: bool = False,
        view: Mapping[str, Any] | None = None,
    ) -> None:
        mujoco: Any = import_module("mujoco")
        if look == "fast":
            model.vis.quality.offsamples = model.vis.quality.shadowsize = 0
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        self._mujoco, self._model = mujoco, model
        self._gl = open_context(size, size)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._rectangle = mujoco.MjrRect(0, 0, size, size)
        self._scene, self._shown = mujoco.MjvScene(model, maxgeom=10_000), mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        if camera < 0:
            mujoco.mjv_defaultFreeCamera(model, self._camera)
            for name, value in (view or {}).items():
                setattr(self._camera, name, value)
        else:
            self._camera.type, self._camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, camera
        if look == "fast":
            for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                self._scene.flags[flag] = False
        # A camera that moves with a body has no one way up; of the others, the upward axis must not point down.
        self._turned = upright and camera >= 0 and model.cam_bodyid[camera] == 0 and model.cam_mat0[camera, 7] < -1e-6
        close_at_exit()
        _OPEN.add(self)

    def render(self, data: Any) -> np.ndarray:
        """Return the frame [size, size, 3] of this state of the model, a fresh array."""
        self._gl.make_current()
        everything = self._mujoco.mjtCatBit.mjCAT_ALL.value
        self._mujoco.mjv_updateScene(self._model, data, self._shown, None, self._camera, everything, self._scene)
        self._mujoco.mjr_render(self._rectangle, self._scene, self._context)
        frame = np.empty((self._rectangle.height, self._rectangle.width, 3), np.uint8)
        self._mujoco.mjr_readPixels(frame, None, self._rectangle, self._context)
        return (frame[:, ::-1] if self._turned else frame[::-1]).copy()  # GL counts rows from the bottom

    def upload_terrain(self) -> None:
        """Draw the model's height fields as they are now: GL keeps its own copy."""
        self._gl.make_current()
        for field in range(self._model.nhfield):
            self._mujoco.mjr_uploadHField(self._model, self._context, field)

    def close(self) -> None:
        """Free what GL holds; a second call does nothing."""
        if self in _OPEN:
            _OPEN.remove(self)
            self._gl.make_current()  # GL frees by number in whichever context is current
            self._context.free()
            self._gl.free()

    __del__ = close


def close_at_exit() -> None:
    """Free all renderers at exit, before all that was registered until now: after a GL library is loaded, whose own end
    it must come before."""
    atexit.unregister(_close_all)
    atexit.register(_close_all)


def _close_all() -> None:
    for renderer in list(_OPEN):
        renderer.close()
