"""`RowOptions`: what is to be done about the rows of a log: columns left out, missing values, time and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict
from zoneinfo import ZoneInfo

from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.options import Options, option
from tsreward.sequences.stamp_reader import UNITS, StampReader
from tsreward.sequences.time_order import TimeOrder

Missing = Literal["error", "drop", "ffill", "interpolate", "mask"]


@dataclass(frozen=True)
class RowOptions(Options):
    """What is done about the rows of a log before they are scored or learned from."""

    ignore: tuple[str, ...] = ()
    """Left out, whatever they hold."""
    time: str | None = None
    """Time stamps, each after the one before: numbers of one unit, or ISO 8601 text in one zone."""
    time_step: float | None = option(None, above=0)
    """Seconds from stamp to stamp, in the unit of the column where it holds numbers; None takes any steps."""
    time_format: str | None = None
    """How time stamps are written, e.g. %d/%m/%Y %H:%M as datetime.strptime has it; or s, ms, us, ns since 1970."""
    time_zone: str | None = None
    """Zone of time stamps without one, e.g. Europe/Berlin; stamps with zones may then have several."""
    time_repeats: bool = False
    """Let a row have the time stamp of the row before."""
    gap: float | None = option(None, above=0)
    """Seconds between two rows, in the unit of the time column where it holds numbers, beyond which there is a gap:
    windows and averages begin anew behind it."""
    missing: Missing = "error"
    """What is done about missing values: error refuses them, drop leaves their rows out, ffill repeats the value
    before, interpolate draws a line to the next value, which looks ahead, and mask puts in what the other values of the
    row let expect. With the last three, the scores have a column missing, 1 where a value was filled in."""

    def check(self) -> None:
        if self.time_zone is not None:
            try:
                ZoneInfo(self.time_zone)
            except (OSError, ValueError, KeyError) as error:
                raise OptionError(
                    f"{self.title('time_zone')} must be a time zone of the IANA such as Europe/Berlin or UTC, got "
                    f"{self.time_zone!r}."
                ) from error
        if self.time_format is not None and self.time_format not in UNITS and "%" not in self.time_format:
            raise OptionError(
                f"{self.title('time_format')} must be like %d/%m/%Y %H:%M, or one of {', '.join(UNITS)}, got "
                f"{self.time_format!r}."
            )

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> RowOptions:
        """Return the options of keyword arguments.

        Raises:
            OptionError: an unknown name, with the nearest known one, or a value that cannot be.

        >>> RowOptions.of({"missing": "drop"}).missing
        'drop'
        """
        known = [field.name for field in fields(RowOptions)]
        for name in keywords:
            if name not in known:
                raise unknown_name("option of rows", name, known)
        values = dict(keywords)
        if isinstance(values.get("ignore"), str):
            values["ignore"] = (values["ignore"],)
        return RowOptions(**values)

    def order(self, where: object, column: str) -> TimeOrder:
        """Return the check of the stamps of a log."""
        reader = StampReader(self.time_format, self.time_zone)
        return TimeOrder(str(where), column, self.time_step, self.gap, self.time_repeats, reader)

    def require_time(self, where: str) -> None:
        """Refuse options about time for a log that has none.

        Raises:
            DataError: one of them is set.
        """
        for name in ("gap", "time_step", "time_repeats"):
            if getattr(self, name):
                raise DataError(
                    f"{where} has no time, which {name} is about: name its column with time=, or give a DataFrame with "
                    f"a time index."
                )


class RowKeywords(TypedDict, total=False):
    """The fields of `RowOptions` as keyword arguments."""

    ignore: Any
    time: str | None
    time_step: float | None
    time_format: str | None
    time_zone: str | None
    time_repeats: bool
    gap: float | None
    missing: Missing
