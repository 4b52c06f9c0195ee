"""Time stamps of WaDi: a column Date and a column Time, in another notation in every release."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from tsreward.data.logs.frames import Frame

DATES = ("%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d")
TIMES = ("%I:%M:%S.%f %p", "%I:%M:%S %p", "%H:%M:%S.%f", "%H:%M:%S")


def stamps_of(frame: Frame, rows: int) -> Any:
    """Return the time stamps of the first rows: a DatetimeIndex, or their text [rows] where the notation is unknown.

    The notation is that of the first row. Copies of A2 that went through a spreadsheet have times as in 00:01.0,
    minutes and seconds without the hour: these stay text.

    Raises:
        DataError: a column is missing, or a row is written otherwise than the first.
    """
    import pandas

    frame.require(["Date", "Time"])
    date, time = (frame.data[name].iloc[:rows].astype("string").str.strip() for name in ("Date", "Time"))
    forms = _form(date.iloc[0], DATES), _form(time.iloc[0], TIMES)
    if None in forms:
        return (date + " " + time).to_numpy(dtype=object, na_value="")
    parsed = []
    for name, texts, form in zip(("Date", "Time"), (date, time), forms, strict=True):
        stamps = pandas.to_datetime(texts, format=form, errors="coerce")
        missing = stamps.isna().to_numpy(dtype=bool)
        if missing.any():
            raise frame.fault(int(np.argmax(missing)), name, f"the notation of the first row, {texts.iloc[0]!r}")
        parsed.append(stamps)
    day, clock = parsed
    return pandas.DatetimeIndex(day + (clock - pandas.Timestamp(1900, 1, 1)))


def _form(text: Any, forms: tuple[str, ...]) -> str | None:
    for form in forms:
        try:
            datetime.strptime(text, form)
        except (ValueError, TypeError):
            continue
        return form
    return None
