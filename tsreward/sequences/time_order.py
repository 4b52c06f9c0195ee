"""`TimeOrder`: whether time stamps follow each other, and where there are gaps between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np

from tsreward.errors import DataError
from tsreward.sequences.stamp_reader import StampReader
from tsreward.sequences.time import StampError, Stamps

_TOLERANCE = 0.01
_EPOCH = 10**8
_UNIT_JUMP = 100


@dataclass(frozen=True)
class Irregularity:
    """How the steps of a log depart from the usual one, which is the median in its first chunk."""

    usual: float
    gaps: int = 0
    """Steps of more than 1.5 times the usual one."""
    others: int = 0
    """Other steps that are more than 1 % off."""
    first: int = 0
    """Row at the end of the first gap or irregular step; 0 where there is none."""


class TimeOrder:
    """The check of one time column, chunk by chunk.

    Stamps are numbers of any unit, or ISO 8601 text: YYYY-MM-DD, then hours, minutes, seconds and a zone where there
    are any; none of them wraps around, up to year 9999. `reader` knows other notations. With a `step` (seconds of text,
    else the unit of the column) every stamp must follow the one before by it, within 1 %; without, gaps and irregular
    steps are counted in `irregularity`. Steps of more than `gap` are none of either: windows begin anew behind them.

    Args:
        path: the file, or what else has the stamps, for messages.
        column: the name of the column, for messages.
        step: from stamp to stamp; None takes any steps.
        gap: longest step that windows go across; None is any.
        repeats: whether a stamp may be that of the row before.
        reader: of the cells.
    """

    def __init__(
        self,
        path: Path | str,
        column: str,
        step: float | None = None,
        gap: float | None = None,
        repeats: bool = False,
        reader: StampReader | None = None,
    ) -> None:
        self.path, self.column, self.step, self.gap, self.repeats = path, column, step, gap, repeats
        self.irregularity: Irregularity | None = None
        self.breaks = np.zeros(0, dtype=bool)
        """[N] bool, which of the rows that were checked last come behind a gap."""
        self.gaps = 0
        """Gaps so far, where `gap` says what is one."""
        self.repeated = 0
        """Rows so far that repeat the stamp before."""
        self._reader = reader or StampReader()
        self._last: Stamps | None = None
        self._held: Stamps | None = None

    def check(self, cells: Sequence[str], first: int) -> Stamps:
        """Return the stamps of the next rows, the first of which is row `first`.

        Raises:
            DataError: a cell is no stamp, or of another unit or zone; a stamp is not after the one before; or the step
                is another than what was asked for.
        """
        stamps = self.read(cells, first)
        self.check_stamps(stamps, first)
        return stamps

    def check_some(
        self, read: Callable[[slice], Stamps], lacks: np.ndarray, first: int, new: np.ndarray | None = None
    ) -> Stamps:
        """Return the stamps of the next rows, some of which lack one and have that of a row beside them; set `breaks`.

        Args:
            read: gives the stamps of some of these rows, none of which lacks one.
            lacks: [N] bool, the rows without a stamp, which are left out elsewhere; all of a log is an error of `read`.
            first: number of the first of these rows.
            new: [N] bool, the rows that begin another episode, whose stamps may be before the last one.

        Raises:
            DataError: as `check`.
        """
        if lacks.all() and self._held is None:
            lacks = np.zeros_like(lacks)
        new = np.zeros_like(lacks) if new is None else new
        anew = new | lacks | np.append(False, lacks[:-1])
        borders = [0, *(int(row) for row in np.flatnonzero(anew) if row), len(lacks)]
        parts = [] if self._held is None else [self._held]
        breaks = np.zeros(len(lacks), dtype=bool)
        for start, stop in pairwise(borders):
            if new[start]:
                self._last = None
            if not lacks[start]:
                parts.append(read(slice(start, stop)))
                self.check_stamps(parts[-1], first + start)
                breaks[start:stop] = self.breaks
        place = np.maximum(np.cumsum(~lacks) - (self._held is None), 0)
        stamps = reduce(Stamps.join, parts).take(place)
        self._held, self.breaks = stamps.take(slice(-1, None)), breaks
        return stamps

    def read(self, cells: Sequence[str], first: int) -> Stamps:
        """Return the stamps of the next rows, not checked against those before.

        Raises:
            DataError: a cell is no stamp, or of another unit or zone.
        """
        try:
            return self._reader.read(cells)
        except StampError as error:
            cell = cells[error.position]
            row = first + error.position
            if not cell.strip():
                raise self._error(
                    row, f"must be {error}, found nothing: fill it, or leave the row out with --missing drop"
                ) from None
            raise self._error(row, f"must be {error}, found {cell[:40]!r}: fill, convert or drop the row") from None

    def check_stamps(self, stamps: Stamps, first: int) -> None:
        """Check the next rows, the first of which is row `first`, and set `breaks`.

        Raises:
            DataError: as `check`.
        """
        joined = stamps if self._last is None else self._last.join(stamps)
        # The first of `joined` is the last stamp before, if there is one: its row is `start`.
        start = first + len(stamps) - len(joined)
        steps = joined.steps()
        self._check_units(joined, start)
        if (back := np.flatnonzero(steps < 0 if self.repeats else steps <= 0)).size:
            raise self._disorder(float(steps[back[0]]), stamps.zone, start + int(back[0]) + 1)
        self.repeated += int((steps == 0).sum())
        cut = np.zeros(len(steps), dtype=bool) if self.gap is None else steps > self.gap
        self.gaps += int(cut.sum())
        self.breaks = cut if self._last is not None else np.append(False, cut)
        self._check_regular(steps, cut, start + 1)
        self._last = joined.take(slice(-1, None))

    def _check_units(self, stamps: Stamps, start: int) -> None:
        """Refuse an epoch that goes from seconds to milliseconds, which is in order and a thousandfold."""
        if stamps.zone is not None:
            return
        size = np.abs(stamps.whole.astype(np.float64))
        before, after = size[:-1], size[1:]
        jumps = np.minimum(before, after) * _UNIT_JUMP < np.maximum(before, after)
        jumps &= np.minimum(before, after) >= _EPOCH
        if jumps.any():
            row = int(np.argmax(jumps))
            raise self._error(
                start + row + 1,
                f"is {stamps.whole[row + 1]} after {stamps.whole[row]}, so its unit changes: write all stamps in one "
                f"unit",
            )

    def _disorder(self, step: float, zone: str | None, row: int) -> DataError:
        if step == 0:
            return self._error(
                row, "repeats the stamp of the row before: keep one row per stamp, or take --time-repeats"
            )
        unit = "" if zone is None else " s"
        text = f"is {-step:g}{unit} before the row above: sort the rows (detect: --late {-step:g})"
        if zone == "" and step >= -3600:
            text += ", or, if the clock was set back from summer time, name its --time-zone, e.g. Europe/Berlin"
        return self._error(row, text)

    def _check_regular(self, steps: np.ndarray, cut: np.ndarray, first: int) -> None:
        """Check steps [N] but for those that are `cut` [N]; the row at the end of the first one is row `first`."""
        if cut.all():
            return
        if self.step is not None:
            off = (np.abs(steps - self.step) > _TOLERANCE * self.step) & ~cut
            if off.any():
                row = int(np.argmax(off))
                raise self._error(
                    first + row,
                    f"comes {steps[row]:g} after the row above, but --time-step asks for {self.step:g}: fill the gap, "
                    f"leave --time-step out, or let windows begin anew behind it with --gap {1.5 * self.step:g}",
                )
            return
        known = self.irregularity or Irregularity(float(np.median(steps[~cut])))
        off = (np.abs(steps - known.usual) > _TOLERANCE * known.usual) & ~cut
        gaps = (steps > 1.5 * known.usual) & ~cut
        self.irregularity = Irregularity(
            known.usual,
            known.gaps + int(gaps.sum()),
            known.others + int((off & ~gaps).sum()),
            known.first or (first + int(np.argmax(off)) if off.any() else 0),
        )

    def warning(self) -> str | None:
        """Return what is to be said about gaps and irregular steps that windows span; None where there are none."""
        found = self.irregularity
        if found is None or not found.first:
            return None
        return (
            f"{self.path}: '{self.column}' usually steps by {found.usual:g}, with gaps: {found.gaps}, other irregular "
            f"steps: {found.others}, the first at row {found.first}: windows count rows, so they span them. --gap "
            f"{1.5 * found.usual:g} lets windows begin anew behind them, --time-step {found.usual:g} refuses them."
        )

    def notes(self) -> list[str]:
        """Return what was done, in words."""
        notes = []
        if self.gaps:
            count = f"{self.gaps} gap{'s' * (self.gaps > 1)} of more than {self.gap:g}"
            notes.append(f"{count} in '{self.column}': windows begin anew behind {'them' if self.gaps > 1 else 'it'}")
        if self.repeated:
            notes.append(f"{self.repeated} row{'s' * (self.repeated > 1)} with the stamp of the row before")
        return notes

    def _error(self, row: int, text: str) -> DataError:
        return DataError(f"{self.path}: row {row} of time column '{self.column}' {text}.")
