"""Drawing without a display: which GL library MuJoCo uses, chosen before it is imported."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib import import_module
from typing import Any

from tsreward.errors import MissingExtraError

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
