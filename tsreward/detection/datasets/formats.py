"""The registry of loaders: functions that read the series of a data set, by the name of its layout."""

from collections.abc import Callable
from pathlib import Path

from tsreward.registry import Registry
from tsreward.sequences.series import DetectionTask

LOADERS: Registry[Callable[[Path], list[DetectionTask]]] = Registry(
    "format", "tsreward.detection.datasets", group="tsreward.datasets"
)
"""`LOADERS[name](path)` returns the tasks in a folder or a file."""
