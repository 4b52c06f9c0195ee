"""The tables that `tsreward detect` reads, by asset, and in the order of their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tsreward.data.columns import TableColumns
from tsreward.data.rearranged import in_time_order, split_by
from tsreward.errors import DataError, OptionError
from tsreward.sequences.stamp_reader import StampReader

ONE = "log"
"""Name of the only asset, where no column names them."""


class Files(NamedTuple):
    """The tables of one asset."""

    normal: list[Path]
    others: list[Path]


class Assets:
    """The tables of every asset: those that were given, or what was written of them in a folder.

    Args:
        data: tables or patterns; the first holds normal rows where neither `normal_rows` nor `fitted` says otherwise.
        normal_rows: tables of normal rows, or patterns.
        fitted: whether normal rows come from elsewhere.
        columns: of the tables.
        folder: where tables are written whose rows are taken apart or put in order.

    Raises:
        OptionError: no normal rows.
        DataError: a file is missing.
    """

    def __init__(
        self, data: Sequence[Path], normal_rows: Sequence[Path], fitted: bool, columns: TableColumns, folder: Path
    ) -> None:
        given, normal = _expanded(data), _expanded(normal_rows)
        if not normal and not fitted:
            if len(given) < 2:
                raise OptionError(
                    f"tsreward detect needs normal rows and others, got {given[0] if given else 'no file'}: name two "
                    f"files, say with --train-until up to when the rows are normal, or give a --detector-file."
                )
            normal, given = given[:1], given[1:]
        self.columns = columns
        """Of the tables, for whoever reads them."""
        self.by_name = {ONE: Files(normal, given)}
        """Name of an asset -> its tables."""
        self.warnings: list[str] = []
        """What was left out."""
        self._fitted, self._folder = fitted, folder
        self._words: dict[str, str] = {}

    def group(self, column: str) -> None:
        """Take the tables apart by the asset that a column names.

        Raises:
            DataError: a file cannot be read, or no asset has both kinds of rows.
        """
        found: dict[str, Files] = {}
        for side, paths in enumerate(self.by_name.pop(ONE)):
            for place, path in enumerate(paths):
                (inside := self._folder / f"{side}-{place}").mkdir()
                for name, part in split_by(path, column, inside, self.columns.skip_rows).items():
                    found.setdefault(name, Files([], []))[side].append(part)
                    self._words[str(part)] = f"{path}, {column} {name}"
        for name, files in found.items():
            if files.others and (files.normal or self._fitted):
                self.by_name[name] = files
            else:
                kind = "normal" if files.others else "other"
                self.warnings.append(f"warning: {column} {name} has no {kind} rows and is left out.")
        if not self.by_name:
            raise DataError(f"No value of '{column}' has both normal and other rows.")
        self.columns = replace(self.columns, skip_rows=0)

    def order(self, late: float, wait: bool) -> None:
        """Put the rows of every asset in the order of their times, each kind of them into one table.

        Args:
            late: seconds that a row may come behind rows of later times; those that come later are left out.
            wait: leave out the newest rows, too, which others may still come before; an asset may have none then.

        Raises:
            DataError: a file cannot be read, or a cell is no time.
        """
        assert self.columns.time is not None  # the options have been checked
        for number, (name, files) in enumerate(self.by_name.items()):
            ordered = Files([], [])
            for side, paths in enumerate(files):
                if not paths:
                    continue
                path = self._folder / f"{number}-{side}.parquet"
                reader = StampReader(self.columns.time_format, self.columns.time_zone)
                with self.named():
                    found = in_time_order(
                        paths, self.columns.time, late, path, reader, self.columns.skip_rows, wait and side == 1
                    )
                words = ", ".join(self._words.get(str(one), str(one)) for one in paths)
                self._words[str(path)] = f"{words}, in the order of {self.columns.time}"
                if found.path is not None:
                    ordered[side].append(found.path)
                if found.too_late:
                    rows = f"{found.too_late} row{'s' * (found.too_late > 1)}"
                    self.warnings.append(f"warning: {words}: {rows} came more than {late:g} late: left out.")
            self.by_name[name] = ordered
        self.columns = replace(self.columns, skip_rows=0)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let errors in the block name the tables that were given, not those that were written.

        Raises:
            DataError: what the block raised.
        """
        try:
            yield
        except DataError as error:
            text = str(error)
            for path, words in self._words.items():
                text = text.replace(path, words)
            raise DataError(text) from error


def _expanded(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if any(sign in path.name for sign in "*?[") and not path.exists():
            matched = sorted(path.parent.glob(path.name))
            if not matched:
                raise DataError(f"No file matches {path}.")
            found += matched
        else:
            found.append(path)
    return found


def file_name(name: str) -> str:
    """Return a name of an asset as a part of a name of a file; different names stay different."""
    return "".join(sign if sign.isalnum() or sign in "-_." else f"%{ord(sign):02x}" for sign in name)
