"""How far the process's memory rose while something ran."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from pathlib import Path


class PeakMemory:
    """Watches from now on.

    Under Linux the kernel's mark of the largest resident memory is set back first, so that `grown` is what was needed
    at most on top of the memory held now. Elsewhere, or where /proc is not there, it is how far the peak of the whole
    life of the process rose: 0 where something before needed more.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._exact = _status("VmHWM") is not None
        self._before = _status("VmRSS") or _peak()

    def grown(self) -> float:
        """Return MB (2^20 bytes)."""
        peak = _status("VmHWM") if self._exact else None
        return max(0.0, ((peak or _peak()) - self._before) / 2**10)


def _status(field: str) -> int | None:
    """Return a number of kB in Linux's account of the process."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**10 if sys.platform == "darwin" else peak
