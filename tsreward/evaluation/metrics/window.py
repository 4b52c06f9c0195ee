"""The buffer width that VUS is computed with: one period of the series."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsreward.series import as_series

ROWS, LAGS, SHORTEST, LONGEST, DEFAULT = 20_000, 400, 6, 303, 125


def vus_window(series: Any) -> int:
    """Return the lag in rows of the highest peak of channel 0's autocorrelation, as TSB-AD does for VUS.

    The autocorrelation Σ (x_t − x̄)(x_{t+k} − x̄) of the first 20,000 rows is searched at lags 3 to 400 for local
    maxima. Where there is none, or the highest lies outside lags 6 to 303, the result is 125. (Liu and Paparrizos,
    NeurIPS 2024, `find_length_rank` with rank 1.)

    Args:
        series: a Series, an array [T] or [T, D], or a DataFrame.

    Raises:
        ShapeError: no numbers [T] or [T, D].
        DataError: NaN or inf.

    >>> vus_window(np.sin(np.arange(1000) * 2 * np.pi / 50))
    50
    """
    channel = as_series(series).values[:ROWS, 0]
    centred = channel - channel.mean()
    size = 1 << (2 * len(centred)).bit_length()  # zero padding: no lag wraps around
    spectrum = np.fft.rfft(centred, size)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[3 : min(len(centred), LAGS + 1)]
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner > correlation[2:])) + 1
    if len(peaks) == 0:
        return DEFAULT
    lag = int(peaks[np.argmax(correlation[peaks])]) + 3
    return lag if SHORTEST <= lag <= LONGEST else DEFAULT
