"""CSV and Parquet files as tables, read strictly."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsreward.data.logs.frames import Frame
from tsreward.data.logs.lines import header_of, ragged_line
from tsreward.errors import DataError, missing_extra


def read_csv(path: Path, above: int = 0, gaps: bool = False) -> Frame:
    """Read a comma-separated file in UTF-8 whose header stands below `above` lines; blanks around names are dropped.

    Raises:
        DataError: the file is missing, empty or damaged, has no row, two columns of one name or one without a name, or
            a line with another number of columns than the header.
        MissingExtraError: pandas is not installed.
    """
    pandas = _pandas()
    names = header_of(path, above)
    check_names(path, names)
    try:
        # An open file, so that a path is never taken for an address, nor unpacked because of its ending.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # rows that are longer than the header
            data = pandas.read_csv(
                file, encoding="utf-8-sig", skiprows=above, header=0, names=names, index_col=False, low_memory=False
            )
    except (OSError, ValueError, pandas.errors.ParserWarning) as error:
        raise ragged_line(path, above) or DataError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error
    if not len(data):
        raise DataError(f"{path} has a header but no row below it.")
    # Lines that are too short are filled up without a word; their last cell is missing then.
    if not gaps and data.iloc[:, -1].isna().any() and (error := ragged_line(path, above)):
        raise error
    return Frame(path, data, above, gaps)


def read_parquet(path: Path) -> Frame:
    """Read a Parquet file.

    Raises:
        DataError: the file is missing or damaged, has no row, or two columns of one name or one without a name.
        MissingExtraError: pandas or pyarrow is not installed.
    """
    pandas = _pandas()
    try:
        import pyarrow  # noqa: F401 - pandas says less when it is missing
    except ImportError as error:
        raise missing_extra("pyarrow", "logs") from error
    try:
        with path.open("rb") as file:
            data = pandas.read_parquet(file, engine="pyarrow")
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
        raise DataError(f"{path} cannot be read as Parquet ({error}).") from error
    data.columns = [str(name).strip() for name in data.columns]
    check_names(path, list(data.columns))
    if not len(data):
        raise DataError(f"{path} has no row.")
    return Frame(path, data, None)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a table with a column without a name, two of one name, or another separator than the comma."""
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}: column {position + 1} has no name in the header: name it, or take it out.")
        if name in names[:position]:
            raise DataError(f"{path} has two columns '{name}': rename one of them.")
    if len(names) == 1 and (found := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers.")


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("pandas", "logs") from error
    return pandas
