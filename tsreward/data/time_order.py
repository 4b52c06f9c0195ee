"""What the stamps of a log must be: strictly increasing, in one unit and one zone; and how regular they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.data.time_stamps import StampError, Stamps, parse_stamps
from tsreward.errors import DataError

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
    are any; none of them wraps around, up to year 9999. With a `step` (seconds for text, else the unit of the column)
    every stamp must follow the one before by it, within 1 %; without, gaps and irregular steps are counted in
    `irregularity`.
    """

    def __init__(self, path: Path, column: str, step: float | None = None) -> None:
        self.path, self.column, self.step = path, column, step
        self.irregularity: Irregularity | None = None
        self._last: Stamps | None = None

    def check(self, cells: Sequence[str], first: int) -> Stamps:
        """Return the stamps of the next rows, the first of which is row `first`.

        Raises:
            DataError: a cell is no stamp, or of another unit or zone; a stamp is not after the one before; or the step
                is another than what was asked for.
        """
        try:
            known = self._last is not None
            stamps = parse_stamps(cells, self._last.zone if self._last else None, known)
        except StampError as error:
            cell = cells[error.position]
            found = repr(cell[:40]) if cell.strip() else "nothing"
            raise self._error(
                first + error.position, f"must be {error}, found {found}: fill, convert or drop the row"
            ) from None
        joined = stamps if self._last is None else self._last.join(stamps)
        # The first of `joined` is the last stamp before, if there is one: its row is `start`.
        start = first + len(stamps) - len(joined)
        steps = joined.steps()
        self._check_units(joined, start)
        if (back := np.flatnonzero(steps <= 0)).size:
            raise self._disorder(float(steps[back[0]]), stamps.zone, start + int(back[0]) + 1)
        self._check_regular(steps, start + 1)
        self._last = joined.take(slice(-1, None))
        return stamps

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
            return self._error(row, "repeats the stamp of the row before: keep one row per stamp")
        unit = "" if zone is None else " s"
        text = f"is {-step:g}{unit} before the row above: sort the rows"
        if zone == "" and step >= -3600:
            text += ", or, if the clock was set back from summer time, write the stamps in UTC"
        return self._error(row, text)

    def _check_regular(self, steps: np.ndarray, first: int) -> None:
        if not len(steps):
            return
        if self.step is not None:
            off = np.abs(steps - self.step) > _TOLERANCE * self.step
            if off.any():
                row = int(np.argmax(off))
                raise self._error(
                    first + row,
                    f"comes {steps[row]:g} after the row above, but --step asks for {self.step:g}: fill the gap, or "
                    f"leave --step out",
                )
            return
        known = self.irregularity or Irregularity(float(np.median(steps)))
        off = np.abs(steps - known.usual) > _TOLERANCE * known.usual
        gaps = steps > 1.5 * known.usual
        self.irregularity = Irregularity(
            known.usual,
            known.gaps + int(gaps.sum()),
            known.others + int((off & ~gaps).sum()),
            known.first or (first + int(np.argmax(off)) if off.any() else 0),
        )

    def _error(self, row: int, text: str) -> DataError:
        return DataError(f"{self.path}: row {row} of time column '{self.column}' {text}.")
