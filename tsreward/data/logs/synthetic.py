"""Synthetic sets, and their files in the layouts of the real ones: to try everything without a download."""

from tsreward.data.logs.smd_like import smd_like
from tsreward.data.logs.writing import write_smd, write_yahoo
from tsreward.data.logs.yahoo_like import yahoo_like

__all__ = ["smd_like", "write_smd", "write_yahoo", "yahoo_like"]
