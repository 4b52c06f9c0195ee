"""Versions of what is installed, which results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "tsreward",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyod",
    "gymnasium",
    "mujoco",
    "stable-baselines3",
    "safety-gymnasium",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
