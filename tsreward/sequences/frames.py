"""Tables of any library as rows of numbers with the names of their columns: pandas, Arrow, polars, numpy records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from tsreward.errors import DataError, missing_extra
from tsreward.sequences.columns import Columns


@dataclass(frozen=True)
class Frame:
    """A table in memory."""

    values: np.ndarray
    """[T, D] of numbers: float64, or float32 where all columns are; NaN where a value is missing."""
    columns: Columns
    index: Any = None
    """[T] index of a pandas DataFrame."""


def is_frame(data: Any) -> bool:
    """Tell whether data is a table with named columns.

    >>> is_frame(np.zeros((3, 2))), is_frame(np.zeros(3, [("load", float), ("temp", float)]))
    (False, True)
    """
    return _reader(data) is not None


def read_frame(data: Any, without: Sequence[str] = ()) -> Frame:
    """Return a table with its columns as numbers, but for some columns, which may hold anything.

    Columns of bool, whole numbers, floats, Decimal, nullable and Arrow types are numbers, and so are categories of
    numbers; text, time and other objects are not.

    Raises:
        DataError: a column is no numbers, is named twice, or is to be left out and not there; the message names it.
        MissingExtraError: pyarrow is not installed, and the table is no pandas DataFrame.

    >>> import pandas
    >>> read_frame(pandas.DataFrame({"on": [True, False], "load": [1, 2]})).values
    array([[1., 1.],
           [0., 2.]])
    """
    reader = _reader(data)
    assert reader is not None  # callers ask is_frame first
    if without:
        frame_columns(data).without(without, "The frame")
    return reader(data, without)


def frame_columns(data: Any) -> Columns:
    """Return the names of all columns of a table, numbers or not."""
    if isinstance(data, np.ndarray):
        return Columns(tuple(data.dtype.names or ()))
    if hasattr(data, "iloc"):
        return Columns(tuple(map(_name, data.columns)))
    return Columns(tuple(map(str, _arrow_table(data).column_names)))


def frame_column(data: Any, name: str) -> Any:
    """Return one column [T] of a table, whatever it holds: a pandas Index or an array.

    Raises:
        DataError: there is none.
    """
    columns = frame_columns(data)
    if name not in columns.names:
        raise DataError(f"The frame has no column '{name}': it has {', '.join(columns.names[:12])}.")
    if isinstance(data, np.ndarray):
        return data[name]
    if hasattr(data, "iloc"):
        import pandas  # the frame is one of pandas, so it is there

        return pandas.Index(data.iloc[:, columns.names.index(name)])
    return _arrow_table(data)[name].to_numpy()


def _reader(data: Any) -> Callable[[Any, Sequence[str]], Frame] | None:
    if isinstance(data, np.ndarray):
        return _of_records if data.dtype.names and data.ndim == 1 else None
    if hasattr(data, "iloc"):
        return _of_pandas if hasattr(data, "columns") else None
    # `__dataframe__` is also what older polars and others give; a RecordBatch has only the Arrow protocol.
    if (hasattr(data, "__arrow_c_stream__") and hasattr(data, "columns")) or hasattr(data, "__dataframe__"):
        return _of_arrow
    return _of_arrow if hasattr(data, "__arrow_c_array__") and hasattr(data, "schema") else None


def _of_records(data: np.ndarray, without: Sequence[str]) -> Frame:
    names = [name for name in data.dtype.names or () if name not in without]
    for name in names:
        if data.dtype[name].kind not in "biuf" or data.dtype[name].shape:
            raise _no_numbers(name, str(data.dtype[name]))
    return _frame([np.asarray(data[name]) for name in names], names, [str(data.dtype[name]) for name in names], None)


def _of_pandas(data: Any, without: Sequence[str]) -> Frame:
    names = [_name(name) for name in data.columns]
    Columns(tuple(names))  # refuses names that stand there twice
    kept = [place for place, name in enumerate(names) if name not in without]
    kinds = [str(data.dtypes.iloc[place]) for place in kept]
    if len(kept) == len(names) and all(kind in ("float64", "float32") for kind in kinds) and len(set(kinds)) == 1:
        values = data.to_numpy()
        return Frame(values, Columns(tuple(names), tuple(kinds)), data.index)
    parts = [_pandas_numbers(data.iloc[:, place], names[place]) for place in kept]
    return _frame(parts, [names[place] for place in kept], kinds, data.index)


def _pandas_numbers(column: Any, name: str) -> np.ndarray:
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        return column.to_numpy()
    categories = getattr(kind, "categories", None)
    if categories is not None:
        column = column.astype(object)
    elif (isinstance(kind, np.dtype) and kind.kind != "O") or str(kind) in ("str", "string", "interval"):
        raise _no_numbers(name, str(kind))
    try:
        if isinstance(kind, np.dtype) or categories is not None:
            return _of_objects(column.to_numpy(), name)
        if getattr(kind, "kind", "O") not in "biuf" and "decimal" not in str(kind) and "Sparse" not in str(kind):
            raise _no_numbers(name, str(kind))
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise _no_numbers(name, str(kind)) if not isinstance(error, DataError) else error from None


def _of_objects(cells: np.ndarray, name: str) -> np.ndarray:
    """Return cells [T] of Python objects as float64: bool, numbers, Decimal, and nothing."""
    values = np.full(len(cells), np.nan)
    kinds = {type(cell) for cell in cells}
    for kind in kinds:
        # pandas.NA and NaT are no numbers, and equal to nothing.
        if not issubclass(kind, (Real, Decimal, np.bool_)) and kind.__name__ not in ("NoneType", "NAType"):
            raise _no_numbers(name, f"objects of type {kind.__name__}")
    there = np.array([issubclass(type(cell), (Real, Decimal, np.bool_)) for cell in cells], dtype=bool)
    values[there] = cells[there].astype(np.float64)
    return values


def _of_arrow(data: Any, without: Sequence[str]) -> Frame:
    import pyarrow

    table, is_kind = _arrow_table(data), pyarrow.types
    Columns(tuple(map(str, table.column_names)))
    names, parts, kinds = [], [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in without:
            continue
        kind = column.type
        inner = kind.value_type if is_kind.is_dictionary(kind) else kind
        numbers = (is_kind.is_integer, is_kind.is_floating, is_kind.is_decimal, is_kind.is_boolean, is_kind.is_null)
        if not any(fits(inner) for fits in numbers):
            raise _no_numbers(name, str(kind))
        plain = column.cast(inner) if inner is not kind else column
        if is_kind.is_boolean(inner):
            plain = plain.cast(pyarrow.int8())
        values = plain.cast(kind if is_kind.is_float32(kind) else pyarrow.float64(), safe=False)
        names.append(str(name))
        kinds.append(str(kind))
        parts.append(values.to_numpy())  # what is missing becomes NaN
    return _frame(parts, names, kinds, None)


def _arrow_table(data: Any) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise missing_extra("pyarrow", "logs") from error
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return pyarrow.table(data)
    from pyarrow import interchange

    return pyarrow.table(interchange.from_dataframe(data))


def _frame(parts: list[np.ndarray], names: list[str], kinds: list[str], index: Any) -> Frame:
    if not names:
        raise DataError("A frame has no column of numbers left: keep at least one.")
    dtype = np.float32 if {part.dtype for part in parts} == {np.dtype(np.float32)} else np.float64
    values = np.stack([part.astype(dtype, copy=False) for part in parts], axis=1)
    return Frame(values, Columns(tuple(names), tuple(kinds)), index)


def _name(name: Any) -> str:
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _no_numbers(name: str, kind: str) -> DataError:
    return DataError(
        f"Column '{name}' holds {kind}, not numbers: convert it, leave it out with ignore=['{name}'] (--ignore), or, "
        f"if it holds time stamps, name it with time='{name}' (--time)."
    )
