"""The objectives of `tsreward tune` that train agents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.columns import ColumnsBesideReward
from tsreward.tuning.anoseqs import AnoSeqsObjective, AnoSeqsTuning
from tsreward.tuning.likeness import LikenessObjective, LikenessTuning
from tsreward.tuning.objective import Objective
from tsreward.tuning.search_spaces import search_space


@dataclass(frozen=True)
class DemosTuning(LikenessTuning):
    """What agents are trained, and the demonstrations that they are to be like."""

    columns: tyro.conf.OmitArgPrefixes[ColumnsBesideReward] = field(default_factory=ColumnsBesideReward)


def _anoseqs(options: Any, folder: Path) -> Objective:
    return AnoSeqsObjective(folder / "sources", options.tuning, search_space("anoseqs", options.fix))


def _likeness(options: Any, folder: Path) -> Objective:
    return LikenessObjective(options.tuning, search_space("likeness", options.fix))


OBJECTIVES: dict[str, tuple[type[Any], Callable[[Any, Path], Objective]]] = {
    "anoseqs": (AnoSeqsTuning, _anoseqs),
    "likeness": (DemosTuning, _likeness),
}
"""Name -> (its options, function of all options and the folder of the results)."""
