"""One safe file per fitted model: `save`, `load` and `describe`."""

from tsreward.io.models import load, save
from tsreward.io.store import describe

__all__ = ["describe", "load", "save"]
