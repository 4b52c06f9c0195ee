"""One safe file per fitted model: `save`, `load` and `describe`."""

from tsreward.io.store import describe, load, save

__all__ = ["describe", "load", "save"]
