"""Import safety_gymnasium 1.0.0 on a newer Python, Gymnasium and MuJoCo than it was written for.

The package is imported as it is where that works, so a release that imports unaided gets nothing from here. Otherwise
the names that Gymnasium has moved are lent to it in `sys.modules` while it imports, and taken back afterwards. What
stays changed afterwards lies inside safety_gymnasium alone.
"""

import importlib
import importlib.util
import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tsreward.errors import MissingExtraError, pip_install

PACKAGE = "safety_gymnasium"
ADAPTED_VERSION = "1.0.0"
_LOCK = threading.RLock()


def _install() -> str:
    return f"{pip_install('safety')} and then: pip install --no-deps safety-gymnasium=={ADAPTED_VERSION}"


def import_safety_gymnasium() -> ModuleType:
    """Return the module `safety_gymnasium`, imported once, whatever the versions around it.

    Raises MissingExtraError, with the commands to type, where the package or something that it needs is not installed.
    """
    with _LOCK:
        if PACKAGE in sys.modules:
            return _adapt(sys.modules[PACKAGE])
        if importlib.util.find_spec(PACKAGE) is None:
            raise MissingExtraError(f"{PACKAGE} is not installed. Install it with: {_install()}")
        _import_requirements()
        try:
            return _adapt(importlib.import_module(PACKAGE))
        except (ImportError, AttributeError, ValueError, TypeError):
            _forget_package()
        try:
            with _lent_modules():
                _preload_colours()
                package = importlib.import_module(PACKAGE)
        except BaseException:
            _forget_package()
            raise
        return _adapt(package)


def _import_requirements() -> None:
    """Import what safety_gymnasium needs, so that nothing but the package itself is loaded beside lent modules."""
    for name in ("mujoco", "glfw", "xmltodict", "yaml", "gymnasium.envs.mujoco.mujoco_rendering"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingExtraError(f"{PACKAGE} needs {name} ({error}). Install it with: {_install()}") from error


def _forget_package() -> None:
    """Drop the half-imported package, so that the next import starts anew."""
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]


_ROBOTICS = "gymnasium_robotics.envs.multiagent_mujoco.mujoco_multi"


def _moved_names() -> dict[str, dict[str, Any]]:
    """Return module -> names, for every module that safety_gymnasium imports and today's packages do not have."""
    from gymnasium import wrappers
    from gymnasium.wrappers.utils import RunningMeanStd

    unused = type("Unused", (), {"__doc__": "A base class or name that only has to exist."})
    moved = {
        "gymnasium.wrappers.compatibility": {"EnvCompatibility": unused},
        "gymnasium.wrappers.autoreset": {"AutoResetWrapper": wrappers.Autoreset},
        "gymnasium.wrappers.env_checker": {"PassiveEnvChecker": wrappers.PassiveEnvChecker},
        "gymnasium.wrappers.normalize": {
            "NormalizeObservation": wrappers.NormalizeObservation,
            "NormalizeReward": wrappers.NormalizeReward,
            "RunningMeanStd": RunningMeanStd,
        },
        "gymnasium.wrappers.time_limit": {"TimeLimit": wrappers.TimeLimit},
        _ROBOTICS: {"MultiAgentMujocoEnv": unused},
    }
    return {name: names for name, names in moved.items() if not _exists(name)}


def _exists(module: str) -> bool:
    if module in sys.modules or module == _ROBOTICS:  # to look for it would import the whole package
        return module in sys.modules
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # its parent package is missing or broken
        return False


@contextmanager
def _lent_modules() -> Iterator[None]:
    """Put the moved names into `sys.modules`; take exactly those out again at the end."""
    lent = {}
    for name, names in _moved_names().items():
        lent[name] = ModuleType(name, "Lent to safety_gymnasium while it is imported.")
        vars(lent[name]).update(names)
    sys.modules.update(lent)
    try:
        yield
    finally:
        for name, module in lent.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class _Colour(np.ndarray):
    """An array that a dataclass takes as a default: Python 3.11 refuses whatever has no hash."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def _preload_colours() -> None:
    """Load the package's colour table with hashable arrays; its object dataclasses have them as defaults."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        return
    name = f"{PACKAGE}.assets.color"
    path = Path(next(iter(package.submodule_search_locations))) / "assets" / "color.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.COLOR.update({key: colour.view(_Colour) for key, colour in module.COLOR.items()})
    sys.modules[name] = module


def _adapt(package: ModuleType) -> ModuleType:
    """Mend, inside safety_gymnasium 1.0.0 alone, four calls that today's packages refuse or warn about."""
    if getattr(package, "__version__", None) != ADAPTED_VERSION:
        return package
    underlying: Any = importlib.import_module(f"{PACKAGE}.bases.underlying")
    agent = importlib.import_module(f"{PACKAGE}.bases.base_agent").BaseAgent
    width = inspect.signature(underlying.OffScreenViewer).parameters.get("width")
    if width is not None and width.default is inspect.Parameter.empty:
        underlying.OffScreenViewer = _sized_viewer(underlying.OffScreenViewer)
    if not hasattr(agent._init_jnt_sensors, "__wrapped__"):
        agent._init_jnt_sensors = _with_integer_joints(agent._init_jnt_sensors)
        agent.obs_sensor = rebound(agent.obs_sensor, float=_only_number)
        agent._build_action_space = np.errstate(over="ignore")(agent._build_action_space)  # float64 from float32 bounds
    return package


def rebound(function: Any, **names: Any) -> Any:
    """Return the same function with other global names, for one caller; its module stays as it is."""
    copy = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    return update_wrapper(copy, function)


def _only_number(value: Any) -> float:
    """Return the float in an array of one: `float(array([x]))` is on its way out of NumPy."""
    return float(np.asarray(value).item())


def _sized_viewer(viewer: Any) -> Any:
    def sized(model: Any, data: Any) -> Any:
        return viewer(model, data, model.vis.global_.offwidth, model.vis.global_.offheight)

    return sized


def _with_integer_joints(init_sensors: Any) -> Any:
    """Wrap the method that asks for `model.jnt(array([3]))`, which newer MuJoCo refuses, so that it asks for 3."""

    def wrapped(agent: Any) -> None:
        engine = agent.engine
        agent.engine = _Engine(engine)
        try:
            init_sensors(agent)
        finally:
            agent.engine = engine

    wrapped.__wrapped__ = init_sensors  # type: ignore[attr-defined]
    return wrapped


class _Engine:
    """An engine whose model takes a joint number in an array of one."""

    def __init__(self, engine: Any) -> None:
        self.model = _Model(engine.model)


class _Model:
    def __init__(self, model: Any) -> None:
        self._model = model

    def jnt(self, joint: Any) -> Any:
        return self._model.jnt(joint if isinstance(joint, str) else int(np.asarray(joint).item()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
