"""`DataColumns`: what the columns of a table or the arrays of a file are: sensors, labels, time, roles of rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import DataError, OptionError, ProtocolError
from tsreward.options import flag, option
from tsreward.sequences.costs import CostRules
from tsreward.sequences.row_options import RowOptions

NORMAL = ("safe", "is_safe", "normal", "is_normal")
"""Names of labels that are 1 where a row is normal."""
RULES = {entry.name for entry in fields(CostRules)}
"""Options about the values of costs, wherever they come from."""
ANY_DATA = {"skip_bad_episodes", "frame_layout"} | RULES
"""Options that mean something for whole episodes too, such as those of Minari."""


@dataclass(frozen=True)
class TableColumns(RowOptions):
    """What the columns of the table of a log are; those that are not named here are sensors."""

    label: str | None = None
    """1 or True where a row is anomalous, else 0 or False; of a column that is called safe, is_safe, normal or
    is_normal the other way round."""
    label_means: Literal["anomalous", "normal"] | None = None
    """What 1 means in --label; None goes by its name."""
    label_intervals: Path | None = None
    """Table with columns start and end, written as the time column is: what is anomalous, in place of --label. Also
    begin, from, onset; stop, finish, to, until; or a duration, in seconds or the unit of a time column of numbers."""
    interval_columns: tuple[str, ...] = ()
    """Its columns of starts and of ends where they are called otherwise: BEGUN OVER, or BEGUN +LASTED for durations."""
    label_map: tuple[str, ...] = ()
    """What the words of --label mean, e.g. Normal=0,Attack=1; any other word is refused."""
    skip_rows: int = option(0, low=0)
    """Lines of text above the header, or of a file without one, that are passed over."""

    @classmethod
    def title(cls, name: str) -> str:
        return flag(name)

    def check(self) -> None:
        super().check()
        for name in ("time_step", "time_format", "time_zone", "time_repeats", "gap", "label_intervals"):
            if getattr(self, name) not in (None, False) and self.time is None:
                raise OptionError(f"{flag(name)} is about time stamps: name their column with --time.")
        if self.label_intervals is not None and self.label is not None:
            raise OptionError("Labels come from one place: take either --label or --label-intervals.")
        if self.interval_columns and (self.label_intervals is None or len(self.interval_columns) != 2):
            raise OptionError(
                f"--interval-columns takes the column of starts and that of ends, or +DURATION, of --label-intervals, "
                f"got {', '.join(self.interval_columns)}."
            )
        if self.label_map and self.label is None:
            raise OptionError("--label-map is about words of labels: name their column with --label.")
        if self.label_means is not None and (self.label is None or self.label_map):
            raise OptionError("--label-means is about 0 and 1 in --label: name that column, without --label-map.")
        self.label_words()

    def label_words(self) -> dict[str, int]:
        """Return word -> 0 or 1 of `label_map`.

        Raises:
            OptionError: something else than words with 0 or 1.
        """
        words: dict[str, int] = {}
        for pair in (part for one in self.label_map for part in one.split(",") if part.strip()):
            word, equal, value = pair.rpartition("=")
            if not equal or value.strip() not in ("0", "1") or words.get(word.strip(), int(value)) != int(value):
                raise OptionError(f"--label-map takes words with 0 or 1, such as Normal=0,Attack=1, got {pair!r}.")
            words[word.strip()] = int(value)
        return words

    def means_normal(self, label: str | None) -> bool:
        """Tell whether 1 means normal in a column of labels.

        >>> TableColumns().means_normal("is_safe"), TableColumns(label="ok", label_means="normal").means_normal("ok")
        (True, True)
        """
        if label is None or self.label_map:
            return False
        return label.lower() in NORMAL if self.label_means is None else self.label_means == "normal"


@dataclass(frozen=True)
class DataColumns(TableColumns, CostRules):
    """What the columns of data are; those that are not named here are sensors."""

    obs: tuple[str, ...] = ()
    """Columns, keys or prefixes of what is observed, in this order; without any, all that have no other role."""
    episode: str | None = None
    """Tells the episodes apart; the rows of each stand together, in order."""
    step: str | None = None
    """Number of the row within its episode; each is one more than the one before."""
    reward: str | None = None
    """What the environment paid for the transition of the row."""
    cost: str | None = None
    """Cost of the transition of the row; the key of infos in Minari. Without it, a name that is common is found (cost,
    costs, constraint_cost, crashed, ...) and told. What is above 0 is unsafe (--cost-above)."""
    done: tuple[str, ...] = ()
    """1 on the last row of an episode, e.g. terminals timeouts; what is named like a time limit is one."""
    layout: Literal["arrival", "transition"] | None = None
    """Which observation a row holds: the one that its transition arrives at, or the one that it starts from."""
    stacked: Literal["episodes", "steps"] | None = None
    """Arrays are [episodes, steps, ...], or [steps, environments, ...]; None finds out the former."""
    skip_bad_episodes: bool = False
    """Leave out episodes that cannot be used, count and name them, in place of an error."""
    frame_layout: str | None = None
    """How frames stand in observations, where wrappers stacked, transposed or scaled them: H, W, C (channels) and S (a
    stack) in the order of the axes, e.g. SHW, CHW,stack=4 or HW,scaled. The reward reads the newest frame, and a model
    keeps the layout that its fit was told."""

    @property
    def frames(self) -> FrameLayout | None:
        """How frames stand in observations, if that is told."""
        return None if self.frame_layout is None else FrameLayout.parse(self.frame_layout)

    def check(self) -> None:
        super().check()
        _ = self.frames

    def recorded_costs(self, values: np.ndarray, where: object) -> np.ndarray:
        """Return the costs [T] of what a file holds, [T] or [T, ...]; as they are where nothing is said of them.

        Raises:
            DataError: several numbers for each step and nothing that says what becomes of them.
        """
        if values.ndim == 1 and not self.changed().keys() & RULES:
            return values
        try:
            return self.costs_of(values, str(where))
        except ProtocolError as error:
            raise DataError(str(error)) from error

    @property
    def named(self) -> bool:
        """Whether anything is said of columns or arrays, which a file of whole episodes has none of."""
        return bool(self.changed().keys() - ANY_DATA)

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that are named and are no sensors."""
        single = (self.episode, self.step, self.reward, self.cost, self.label, self.time)
        return (*self.ignore, *self.done, *(name for name in single if name is not None))
