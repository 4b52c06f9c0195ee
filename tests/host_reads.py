"""Counts what brings numbers from a device to the host, which makes a GPU wait; on the CPU it costs nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

READS = {"item", "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique_consecutive"}
"""Operations whose result, or its shape, the host has to know: `item`, `bool`, `float`, boolean indexing."""


class HostReads(TorchDispatchMode):
    """Counts reads by their operation while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.operations += 1
        indexed = name == "index" and any(
            part is not None and part.dtype in (torch.bool, torch.uint8) for part in args[1]
        )
        if name in READS or indexed:
            self.reads[name] += 1
        return func(*args, **(kwargs or {}))
