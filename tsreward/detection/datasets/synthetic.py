"""Synthetic sets, and their files in the layouts of the real ones: to try everything without a download."""

from tsreward.detection.datasets.smd import smd_like
from tsreward.detection.datasets.writing import write_smd, write_yahoo
from tsreward.detection.datasets.yahoo import yahoo_like

__all__ = ["smd_like", "write_smd", "write_yahoo", "yahoo_like"]
