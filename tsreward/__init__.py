"""Turn a sequence anomaly detector into a reward for reinforcement learning.

The public names stand in `__init__.pyi`. They are loaded when they are first used, so that `import tsreward` imports
neither torch nor gymnasium.
"""

from typing import Any

import lazy_loader

_load, _dir, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tsreward")
    if name not in __all__:
        raise AttributeError(f"module 'tsreward' has no attribute '{name}'")
    return _load(name)


def __dir__() -> list[str]:
    return sorted([*_dir(), "__version__"])
