"""`TextTable`: a table in a file of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tsreward.data.delimited import DelimitedText, record_end
from tsreward.data.table import Table
from tsreward.errors import DataError

if TYPE_CHECKING:
    import pyarrow

COLUMN_LIMIT = 200_000
"""Columns that a file of text may have."""
_SEPARATOR = re.compile(r'"?sep=(.?)"?', re.IGNORECASE)
_LOOKED_AT = 30
"""Records in which a header is looked for."""


class TextTable(Table):
    """A file of `DelimitedText`; `rename` changes the names in its header.

    Blank lines below a header are passed over. Without a `header`, columns are named 1, 2, ... and each line is a row.
    """

    def __init__(
        self, path: Path, header: bool = True, above: int = 0, rename: Callable[[str], str] = str.strip
    ) -> None:
        self._header, self._above, self._rename = header, above, rename
        super().__init__(path)

    def _open(self) -> list[str]:
        self._text = DelimitedText(self._file, self._header, self._above)
        cells = self._text.first_record()
        if len(cells) > COLUMN_LIMIT:
            raise DataError(
                f"{self.path} has {len(cells):,} columns, but at most {COLUMN_LIMIT:,} can be read: split the file."
            )
        if not self._header:
            return [str(number) for number in range(1, max(1, len(cells)) + 1)]
        if mark := _SEPARATOR.fullmatch(cells[0].strip()):
            only = "" if mark[1] == "," or len(cells) > 1 else "; tsreward reads commas, so write the file with them"
            raise DataError(
                f"{self.path} begins with 'sep={mark[1] or ','}', a line for spreadsheets: pass over it with "
                f"--skip-rows {self._above + 1}{only}."
            )
        self._second = self._check_shape(len(cells))
        if len(cells) == 1 and (found := next((mark for mark in ";\t|" if mark in cells[0]), None)):
            raise DataError(
                f"{self.path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers."
            )
        return [self._rename(cell) for cell in cells]

    def _check_shape(self, width: int) -> list[str]:
        """Return the cells of the first row; refuse lines above the header, and commas that the header lacks."""
        records = self._text.first_records(_LOOKED_AT)
        widths = [len(record) for record in records]
        if len(records) < 2:
            return []
        if widths[1] == width + 1 and not records[1][-1].strip():
            raise DataError(
                f"{self.path}: its rows end with a comma, and its header does not: take the commas away, or add one to "
                f"the header and leave out the column that it makes with --ignore 'Unnamed: {width}'."
            )
        same = next((place for place in range(1, len(widths) - 1) if len(set(widths[place:])) == 1), None)
        names = [] if same is None else records[same]
        if same is not None and max(widths[:same]) < widths[same] and any(map(_is_word, names)):
            mark = next((mark for mark in ";\t|" if mark in records[0][0]), None)
            if width == 1 and mark and records[0][0].count(mark) == ",".join(records[1]).count(mark):
                raise DataError(
                    f"{self.path} seems to be separated by {mark!r}, with decimal commas: tsreward reads commas, and "
                    f"points in numbers."
                )
            lines = self._above + self._text.lines_before(same)
            raise DataError(
                f"{self.path}: its first line has {width} cell{'s' * (width > 1)} and the rows below have "
                f"{widths[same]}: if text stands above the header, pass over it with --skip-rows {lines}."
            )
        return records[1]

    def _nameless(self, position: int) -> str:
        where = f"{self.path}: column {position + 1} has no name"
        out = f"--ignore 'Unnamed: {position}'"
        if position and not "".join(self._second[position:]).strip() and position >= len(self.names) - 1:
            return f"{where} and no values, because its lines end with a comma: take it away, or leave it out: {out}."
        if position == 0:
            return (
                f"{where} in the header, as the index that pandas writes unless it is told index=False: leave it out "
                f"with {out}, or name it with --time 'Unnamed: 0' if it holds time stamps."
            )
        return super()._nameless(position)

    def _columns(self, names: list[str]) -> Iterator[dict[str, pyarrow.Array]]:
        first, header = 1, self._header
        for block, line in self._text.blocks():
            records = block[record_end(block) :] if header else block
            header = False
            if records:
                cells = self._split(records, names, first, line)
                yield cells
                first += len(cells[names[0]])

    def _split(self, records: bytes, names: list[str], first: int, line: int) -> dict[str, pyarrow.Array]:
        import pyarrow
        from pyarrow import csv

        blank, wrong = 0, None

        def handle(row: csv.InvalidRow) -> str:
            nonlocal blank, wrong
            if self._header and not row.text.strip():
                blank += 1
                return "skip"
            wrong = wrong or (row.number - blank, row.actual_columns)
            return "error"

        try:
            table = csv.read_csv(
                pyarrow.BufferReader(records),
                csv.ReadOptions(use_threads=False, block_size=len(records) + 1, column_names=self.names),
                csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=self._header, invalid_row_handler=handle),
                csv.ConvertOptions(
                    check_utf8=False,  # it was checked, with the line
                    strings_can_be_null=False,
                    include_columns=names,
                    column_types=dict.fromkeys(names, pyarrow.string()),
                ),
            )
        except pyarrow.ArrowException as error:
            if wrong is None:
                raise DataError(f"{self.path} cannot be read as CSV at line {line} or below ({error}).") from error
            raise DataError(
                f"{self.path}: row {first - 1 + wrong[0]} has {wrong[1]} in place of {len(self.names)} cells: give "
                f"every row one cell per column, put cells that hold commas in quotes, and write numbers with a "
                f"decimal point."
            ) from None
        return {name: table[name].combine_chunks() for name in names}


def _is_word(cell: str) -> bool:
    """Tell whether a cell is no number, as those of a header."""
    try:
        float(cell)
    except ValueError:
        return bool(cell.strip())
    return False
