"""`DataColumns`: what the columns of a table or the arrays of a file are: sensors, labels, time, roles of rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import OptionError
from tsreward.options import Options, flag, option

ANY_DATA = {"skip_bad_episodes", "frame_layout"}
"""Options that mean something for whole episodes too, such as those of Minari."""


@dataclass(frozen=True)
class DataColumns(Options):
    """What the columns of data are; those that are not named here are sensors."""

    obs: tuple[str, ...] = ()
    """Columns, keys or prefixes of what is observed, in this order; without any, all that have no other role."""
    ignore: tuple[str, ...] = ()
    """Left out, whatever they hold."""
    episode: str | None = None
    """Tells the episodes apart; the rows of each stand together, in order."""
    step: str | None = None
    """Number of the row within its episode; each is one more than the one before."""
    reward: str | None = None
    """What the environment paid for the transition of the row."""
    cost: str | None = None
    """Cost of the transition of the row."""
    done: tuple[str, ...] = ()
    """1 on the last row of an episode, e.g. terminals timeouts; what is named like a time limit is one."""
    layout: Literal["arrival", "transition"] | None = None
    """Which observation a row holds: the one that its transition arrives at, or the one that it starts from."""
    skip_bad_episodes: bool = False
    """Leave out episodes that cannot be used, count and name them, in place of an error."""
    frame_layout: str | None = None
    """How frames stand in observations, where wrappers stacked, transposed or scaled them: H, W, C (channels) and S (a
    stack) in the order of the axes, e.g. SHW, CHW,stack=4 or HW,scaled. The reward reads the newest frame."""
    label: str | None = None
    """1 or True where a row is anomalous, else 0 or False."""
    label_intervals: Path | None = None
    """Table with columns start and end, written as the time column is: what is anomalous, in place of --label."""
    time: str | None = None
    """Time stamps, each after the one before: numbers of one unit, or ISO 8601 text in one zone."""
    time_step: float | None = option(None, above=0)
    """Seconds from stamp to stamp, in the unit of the column where it holds numbers; None takes any steps."""

    @classmethod
    def title(cls, name: str) -> str:
        return flag(name)

    @property
    def frames(self) -> FrameLayout | None:
        """How frames stand in observations, if that is told."""
        return None if self.frame_layout is None else FrameLayout.parse(self.frame_layout)

    def check(self) -> None:
        _ = self.frames
        for name in ("time_step", "label_intervals"):
            if getattr(self, name) is not None and self.time is None:
                raise OptionError(f"{flag(name)} is about time stamps: name their column with --time.")
        if self.label_intervals is not None and self.label is not None:
            raise OptionError("Labels come from one place: take either --label or --label-intervals.")

    @property
    def named(self) -> bool:
        """Whether anything is said of columns or arrays, which a file of whole episodes has none of."""
        return bool(self.changed().keys() - ANY_DATA)

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that are named and are no sensors."""
        single = (self.episode, self.step, self.reward, self.cost, self.label, self.time)
        return (*self.ignore, *self.done, *(name for name in single if name is not None))
