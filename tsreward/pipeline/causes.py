"""Why data is not what a model was fitted on: other columns, normalised, other units, drift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsreward.pipeline.profile import LEVELS

_INNER = [LEVELS.index(level) for level in (0.05, 0.25, 0.5, 0.75, 0.95)]
_FIT = 0.3
"""Mean distance of quantiles, in widths of the middle 90 %, up to which an explanation fits."""
_INSIDE = 0.95
"""Fraction of the rows that lie in the range of the fitted data where an explanation fits."""
UNITS: tuple[tuple[float, float, str], ...] = (
    *((10.0**power, 0.0, f"{10**power:,} times as large") for power in (6, 3, 2, 1)),
    *((10.0**-power, 0.0, f"1/{10**power:,} as large") for power in (6, 3, 2, 1)),
    (0.3048, 0.0, "0.3048 times as large, as metres are of feet"),
    (1 / 0.3048, 0.0, "3.28 times as large, as feet are of metres"),
    (180 / np.pi, 0.0, "57.3 times as large, as degrees are of radians"),
    (np.pi / 180, 0.0, "1/57.3 as large, as radians are of degrees"),
    (3.6, 0.0, "3.6 times as large, as km/h are of m/s"),
    (1 / 3.6, 0.0, "1/3.6 as large, as m/s are of km/h"),
    (255.0, 0.0, "255 times as large, as pictures of 0 to 255 are of pictures of 0 to 1"),
    (1 / 255, 0.0, "1/255 as large, as pictures scaled to [0, 1] are"),
    (1.0, 273.15, "higher by 273.15, as kelvins are than degrees Celsius"),
    (1.0, -273.15, "lower by 273.15, as degrees Celsius are than kelvins"),
    (1.8, 32.0, "1.8 times as large and 32 more, as degrees Fahrenheit are of Celsius"),
    (1 / 1.8, -32 / 1.8, "as degrees Celsius are of Fahrenheit"),
    (-1.0, 0.0, "of the other sign"),
)
"""Factor, offset, and what a column then is, beside what it was."""


class Seen(NamedTuple):
    """Columns [N, C] of new data beside those that a model was fitted on."""

    values: np.ndarray
    quantiles: np.ndarray
    """[LEVELS, C] of the data that the model was fitted on."""
    mean: np.ndarray
    std: np.ndarray

    @property
    def fitted(self) -> np.ndarray:
        """[5, C] quantiles of the middle 90 %."""
        return self.quantiles[_INNER]

    @property
    def now(self) -> np.ndarray:
        """[5, C] the same of the new data."""
        return np.quantile(self.values, np.array(LEVELS)[_INNER], axis=0)

    def outside(self) -> np.ndarray:
        """Return the fraction [C] of rows that lie outside the range by more than 5 % of it."""
        return 1 - self.inside(self.values, np.arange(self.values.shape[1]))

    def inside(self, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the fraction [M] of rows of values [N, M] that lie in the range of these columns."""
        low, high = self.quantiles[0, columns], self.quantiles[-1, columns]
        margin = 0.05 * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
        return ((values >= low - margin) & (values <= high + margin)).mean(0)


class Cause(NamedTuple):
    """One likely cause."""

    name: str
    text: str
    certain: bool
    """Whether it is worth a warning where no column lies outside."""


def likely_cause(seen: Seen, outside: np.ndarray, names: list[str]) -> Cause | None:
    """Return why the data differs, or None where no explanation fits.

    Args:
        seen: the data.
        outside: [C] columns that lie outside the range.
        names: of the columns.
    """
    fitted, now = seen.fitted, seen.now
    width = fitted[-1] - fitted[0]
    varied = np.flatnonzero(width > 1e-9 * np.abs(fitted).max(0))
    if not len(varied):
        return _drift(seen, outside, names)
    distance = np.full(len(width), np.inf)
    distance[varied] = _distance(now[:, varied], fitted[:, varied])
    moved = np.array([c for c in varied if outside[c] or distance[c] > 0.25])
    if not len(moved):
        return _drift(seen, outside, names)
    return (
        _other_columns(seen, moved, distance, names)
        or _normalised(seen, now, varied, distance)
        or _units(seen, varied, moved, distance, names)
        or _rescaled(seen, now, varied)
        or _drift(seen, outside, names)
    )


def _distance(now: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the mean distance [C] of quantiles [5, C], in widths of the narrower ones."""
    return np.abs(now - wanted).mean(0) / np.maximum(np.minimum(wanted[-1] - wanted[0], now[-1] - now[0]), 1e-300)


def _other_columns(seen: Seen, moved: np.ndarray, distance: np.ndarray, names: list[str]) -> Cause | None:
    if not 2 <= len(moved) <= 400:
        return None
    now, fitted = seen.now[:, moved], seen.fitted[:, moved]
    between = np.abs(now[:, :, None] - fitted[:, None]).mean(0)  # [new, fitted]
    between /= np.maximum(fitted[-1] - fitted[0], (now[-1] - now[0])[:, None])
    nearest = between.argmin(1)
    best = between[np.arange(len(moved)), nearest]
    fits = len(set(nearest)) == len(moved) and bool((best < np.minimum(_FIT, distance[moved] / 3)).all())
    if not fits or not (nearest != np.arange(len(moved))).all():
        return None
    if (seen.inside(seen.values[:, moved], moved[nearest]) < _INSIDE).any():
        return None
    pairs = [f"{names[moved[i]]} looks like {names[moved[j]]}" for i, j in enumerate(nearest[:3])]
    text = f"the columns stand in another order ({', '.join(pairs)} of the fitted data)"
    return Cause("other columns", text, bool(((best < 0.15) & (distance[moved] > 1)).all()))


def _normalised(seen: Seen, now: np.ndarray, varied: np.ndarray, distance: np.ndarray) -> Cause | None:
    mean, std = seen.mean[varied], np.maximum(seen.std[varied], 1e-300)
    fit = _distance(now[:, varied], (seen.fitted[:, varied] - mean) / std)
    own = seen.values[:, varied]
    fits = (fit < _FIT) & (seen.inside(own * std + mean, varied) >= _INSIDE)
    if fits.mean() >= 0.8 and float(np.median(fit)) < float(np.median(distance[varied])) / 3:
        certain = (np.abs(own.mean(0)) < 0.3).all() and (np.abs(np.log(own.std(0) + 1e-300)) < 0.25).all()
        text = "the data was normalised before: columns have means near 0 and standard deviations near 1"
        return Cause("normalised", text, bool(certain))
    plain = (np.abs(mean) < 0.2).mean() > 0.8 and ((std > 0.7) & (std < 1.4)).mean() > 0.8
    if len(varied) >= 2 and plain and (np.abs(own.mean(0)) > 3).mean() + (own.std(0) > 5).mean() > 0.5:
        return Cause("not normalised", "the model was fitted on normalised columns, and these are not", False)
    return None


def _units(seen: Seen, varied: np.ndarray, moved: np.ndarray, distance: np.ndarray, names: list[str]) -> Cause | None:
    now, fitted = seen.now, seen.fitted
    fits = np.full((len(UNITS), len(moved)), np.inf)
    for unit, (factor, offset, _) in enumerate(UNITS):
        far = _distance(now[:, moved], np.sort(factor * fitted[:, moved] + offset, axis=0))
        inside = seen.inside((seen.values[:, moved] - offset) / factor, moved)
        fits[unit] = np.where(inside >= _INSIDE, far, np.inf)
    fits = np.where(fits < np.minimum(_FIT, distance[moved] / 3), fits, np.inf)
    numbers = np.isfinite(fits).sum(1)
    # One unit for as many columns as it fits, the nearest where there are several, and others for the rest.
    common = int(np.where(numbers == numbers.max(), np.where(np.isfinite(fits), fits, 0).sum(1), np.inf).argmin())
    best = np.where(np.isfinite(fits[common]), common, fits.argmin(0))
    found: dict[int, list[int]] = {}
    for place, unit in enumerate(best):
        if np.isfinite(fits[unit, place]):
            found.setdefault(int(unit), []).append(int(moved[place]))
    if found:
        texts = [f"{_listed(columns, names)} {UNITS[unit][2]}" for unit, columns in found.items()]
        far = np.abs(fitted[2]) > fitted[-1] - fitted[0]
        certain = max(map(len, found.values())) >= max(2, 0.8 * len(varied)) or any(
            UNITS[unit][1] or not 0.005 < UNITS[unit][0] < 200 or far[columns].any() for unit, columns in found.items()
        )
        return Cause("other units", f"other units: {'; '.join(texts[:3])}", bool(certain))
    own, spread = seen.values[:, varied], (fitted[-1] - fitted[0])[varied]
    steady = np.abs(fitted[2, varied]) / spread  # a column far from 0 tells a factor by its middle
    best = varied[steady.argmax()]
    factor = now[2, best] / fitted[2, best] if steady.max() > 1 else np.median((now[-1] - now[0])[varied] / spread)
    if len(varied) >= 2 and factor > 0 and not 0.4 < factor < 2.5:  # less is behaviour
        far = float(np.median(_distance(now[:, varied], factor * fitted[:, varied])))
        if far < _FIT and (seen.inside(own / factor, varied) >= 0.9).all():
            text = f"other units: the columns are {factor:.2g} times as large"
            return Cause("other units", text, True)
    return None


def _rescaled(seen: Seen, now: np.ndarray, varied: np.ndarray) -> Cause | None:
    low, high = seen.values[:, varied].min(), seen.values[:, varied].max()
    wide = (np.abs(seen.quantiles[-1, varied]).max() > 2.0) or (np.abs(seen.quantiles[0, varied]).max() > 2.0)
    if len(varied) >= 2 and wide and low >= -1.0 and high <= 1.0:
        to = "[0, 1]" if low >= 0 else "[-1, 1]"
        return Cause("rescaled", f"the data was rescaled to {to}", False)
    return None


def _drift(seen: Seen, outside: np.ndarray, names: list[str]) -> Cause | None:
    rows = np.arange(len(seen.values), dtype=float)
    for column in np.flatnonzero(outside):
        values = seen.values[:, column]
        if values.std() > 0 and abs(np.corrcoef(rows, values)[0, 1]) > 0.8:
            first, last = values[0], values[-1]
            return Cause("drift", f"drift: {names[column]} moves from {first:.4g} to {last:.4g} over the rows", False)
    return None


def _listed(columns: list[int], names: list[str]) -> str:
    shown = ", ".join(names[column] for column in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"{shown}{more} {'is' if len(columns) == 1 else 'are'}"
