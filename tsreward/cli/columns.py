"""What columns are, for the commands whose --reward is already how a score becomes a reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from tsreward.data.columns import DataColumns


@dataclass(frozen=True)
class ColumnsBesideReward(DataColumns):
    """`DataColumns` whose column of rewards is named with --reward-column."""

    reward: Annotated[str | None, tyro.conf.arg(name="reward-column")] = None
    """What the environment paid for the transition of the row."""
