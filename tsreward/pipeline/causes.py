"""Why data is not what a model was fitted on: drift, other columns, normalised, other units, wider behaviour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsreward.pipeline.profile import LEVELS

_INNER = [LEVELS.index(level) for level in (0.05, 0.25, 0.5, 0.75, 0.95)]
_FIT = 0.3
"""Mean distance of quantiles, in widths of the middle 90 %, up to which an explanation fits."""
_MOST = 0.8
"""Fraction of the columns that an explanation of all of them has to fit."""
_EXTREME = 20.0
"""Factor beyond which no behaviour and no drift is taken for another unit."""
UNITS: tuple[tuple[float, float, str], ...] = (
    *((10.0**power, 0.0, f"{10**power:,} times as large") for power in range(6, 0, -1)),
    *((10.0**-power, 0.0, f"1/{10**power:,} as large") for power in range(6, 0, -1)),
    (0.3048, 0.0, "0.3048 times as large, as metres are of feet"),
    (1 / 0.3048, 0.0, "3.28 times as large, as feet are of metres"),
    (2.54, 0.0, "2.54 times as large, as centimetres are of inches"),
    (1 / 2.54, 0.0, "1/2.54 as large, as inches are of centimetres"),
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
_POWERS = 12
"""How many of the units, the first ones, are powers of ten."""
_FACTOR, _OFFSET = (np.array([unit[part] for unit in UNITS])[:, None] for part in (0, 1))
_GRID = np.exp(np.linspace(np.log(1e-6), np.log(1e6), 961))[:, None]
"""Factors [F, 1] that are tried for all columns at once, 2.9 % apart."""
_FACTORS, _OFFSETS = np.concatenate([_FACTOR, _GRID]), np.concatenate([_OFFSET, np.zeros_like(_GRID)])


class Seen(NamedTuple):
    """Columns [N, C] of new data beside those that a model was fitted on."""

    values: np.ndarray
    quantiles: np.ndarray
    """[LEVELS, C] of the data that the model was fitted on."""
    mean: np.ndarray
    std: np.ndarray

    def outside(self) -> np.ndarray:
        """Return the fraction [C] of rows that lie outside the range by more than 5 % of it."""
        return 1 - self.inside(self.values, np.arange(self.values.shape[1]))

    def inside(self, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the fraction [M] of rows of values [N, M] that lie in the range of these columns."""
        low, high = self.bounds(columns)
        return ((values >= low) & (values <= high)).mean(0)

    def bounds(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the range [M] of columns, and 5 % of it on either side."""
        low, high = self.quantiles[0, columns], self.quantiles[-1, columns]
        margin = 0.05 * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
        return low - margin, high + margin


class Cause(NamedTuple):
    """One likely cause."""

    name: str
    text: str
    certain: bool
    """Whether it is worth a warning where no column lies outside."""

    @property
    def is_behaviour(self) -> bool:
        """Whether an agent that behaves otherwise gives the same."""
        return self.name in ("drift", "wider")


class _Columns:
    """What the explanations ask of the columns: their quantiles [5, C] then and now, and which of them vary."""

    def __init__(self, seen: Seen, outside: np.ndarray) -> None:
        self.seen, self.outside = seen, outside
        self.fitted = seen.quantiles[_INNER]
        self.now = np.quantile(seen.values, np.array(LEVELS)[_INNER], axis=0)
        self.ends = np.quantile(seen.values, [0.025, 0.975], axis=0)
        self.width, self.width_now = self.fitted[-1] - self.fitted[0], self.now[-1] - self.now[0]
        self.varied = np.flatnonzero(self.width > 1e-9 * np.abs(self.fitted).max(0))
        self.distance = np.full(len(self.width), np.inf)
        self.distance[self.varied] = _distance(self.now[:, self.varied], self.fitted[:, self.varied])
        self.moved = np.array([c for c in self.varied if outside[c] or self.distance[c] > 0.25], int)
        low, high = seen.bounds(np.arange(len(self.width)))
        self.placed = low * high > 0
        """[C] whose range leaves out 0: where they lie tells a factor, and not only how far they spread."""

    def undone(self, factor: np.ndarray, offset: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undo factors and offsets [U, 1]; return distances [U, M], and whether [U, M] what is left looks fitted."""
        fitted, width = self.fitted[:, columns], self.width[columns]
        back = np.sort((self.now[:, None, columns] - offset) / factor, axis=0)  # [5, U, M]
        ends = np.sort((self.ends[:, None, columns] - offset) / factor, axis=0)
        low, high = self.seen.bounds(columns)
        inside = (ends[0] >= low) & (ends[1] <= high)
        near = (np.abs(back - fitted[:, None]).mean(0) < 1.5 * width) & _is_extreme(factor)
        left = (back[-1] - back[0]) / width
        distance = _distance(back, np.broadcast_to(fitted[:, None], back.shape))
        return distance, (inside | near) & (left > 0.1) & (left < 10)

    def scaled_alike(self, factor: float) -> bool:
        """Tell whether three columns or more spread by one factor: behaviour widens each by another one."""
        times = self.width_now[self.varied] / self.width[self.varied]
        near = np.abs(np.log(np.maximum(times, 1e-300) / abs(factor))) < 0.1
        return len(times) >= 3 and bool(near.mean() >= _MOST)


def likely_cause(seen: Seen, outside: np.ndarray, names: list[str]) -> Cause | None:
    """Return why the data differs, or None where no explanation fits.

    Args:
        seen: the data.
        outside: [C] columns that lie outside the range.
        names: of the columns.
    """
    columns = _Columns(seen, outside)
    drift = _drift(columns, names)
    if drift is not None or not len(columns.moved):
        return drift
    return (
        _other_columns(columns, names)
        or _normalised(columns)
        or _one_unit(columns, names)
        or _units(columns, names)
        or _not_normalised(columns)
        or _rescaled(columns)
        or _wider(columns)
        or _normalised(columns, part=True)
    )


def _distance(now: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the mean distance [...] of quantiles [5, ...], in widths of the narrower ones."""
    return np.abs(now - wanted).mean(0) / np.maximum(np.minimum(wanted[-1] - wanted[0], now[-1] - now[0]), 1e-300)


def _drift(columns: _Columns, names: list[str]) -> Cause | None:
    """Most columns that lie outside begin in or near the range and move away from it, row by row."""
    where = np.flatnonzero(columns.outside)
    values = columns.seen.values[:, where]
    tenth = max(1, len(values) // 10)
    if not len(where) or len(values) < 20:
        return None
    low, high = columns.seen.bounds(where)
    beyond = np.maximum(np.maximum(low - values, values - high), 0)
    first, last = beyond[:tenth].mean(0), beyond[-tenth:].mean(0)
    rows = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean(0)
    size = np.sqrt((rows**2).sum() * (centred**2).sum(0))
    slope = rows @ centred
    steady = np.abs(slope) > 0.8 * np.maximum(size, 1e-300)
    start = values.mean(0) + slope / (rows**2).sum() * rows[0]  # of the line through the rows
    first = np.minimum(first, np.maximum(np.maximum(low - start, start - high), 0))
    away = steady & (first < np.minimum(0.5 * last, 0.25 * (high - low))) & (beyond[-tenth:] > 0).all(0)
    if away.mean() <= 0.5:
        return None
    column = int(np.flatnonzero(away)[(last / np.maximum(high - low, 1e-300))[away].argmax()])
    start, end = values[:tenth, column].mean(), values[-tenth:, column].mean()
    text = f"drift: {names[where[column]]} moves from {start:.4g} to {end:.4g} over the rows"
    return Cause("drift", text, False)


def _other_columns(columns: _Columns, names: list[str]) -> Cause | None:
    """Most columns that moved look like others of the fitted data, each like another one."""
    moved = np.flatnonzero(columns.outside | (columns.distance > 0.25) & (columns.width_now + columns.width > 0))
    if not 2 <= len(moved) <= 400:
        return None
    now, fitted = columns.now[:, moved], columns.fitted[:, moved]
    between = np.abs(now[:, :, None] - fitted[:, None]).mean(0)  # [new, fitted]
    size = np.maximum(columns.width[moved], columns.width_now[moved][:, None])
    most = np.maximum(np.abs(fitted).max(0), np.abs(now).max(0)[:, None])
    between /= np.maximum(size, np.maximum(1e-9 * most, 1e-300))
    own, looks = between.diagonal().copy(), np.full(len(moved), -1)
    best = np.full(len(moved), np.inf)
    for place in between.argsort(axis=None)[: 20 * len(moved)]:
        new, old = divmod(int(place), len(moved))
        if looks[new] < 0 and old not in looks:
            looks[new], best[new] = old, between[new, old]
    given = looks >= 0
    low, high = columns.seen.bounds(moved[looks])
    ends = columns.ends[:, moved]
    fits = given & (best < np.minimum(_FIT, own / 2)) & (ends[0] >= low) & (ends[1] <= high)
    new, old = columns.width_now[moved], columns.width[moved[looks]]
    fits &= (new <= 3 * old) & (old <= 3 * new)
    other = looks != np.arange(len(moved))
    fits &= other
    if fits.sum() < 2 or fits.sum() < (1 if other.sum() <= 3 else 0.7) * other.sum():
        return None
    pairs = [f"{names[moved[i]]} looks like {names[moved[looks[i]]]}" for i in np.flatnonzero(fits)[:3]]
    text = f"the columns stand in another order ({', '.join(pairs)} of the fitted data)"
    return Cause("other columns", text, bool(((best < 0.15) & (columns.distance[moved] > 1)).all()))


def _normalised(columns: _Columns, part: bool = False) -> Cause | None:
    """Most columns fit once what a normaliser would have done is undone."""
    seen = columns.seen
    varied = columns.varied[columns.width_now[columns.varied] > 0]
    if not len(varied):
        return None
    mean, std = seen.mean[varied], np.maximum(seen.std[varied], 1e-300)
    own = seen.values[:, varied]
    fit = _distance(columns.now[:, varied], (columns.fitted[:, varied] - mean) / std)
    low, high = seen.bounds(varied)
    ends = columns.ends[:, varied]
    inside = (ends[0] * std + mean >= low) & (ends[1] * std + mean <= high)
    typical = (np.abs(own.mean(0)) < 0.3) & (np.abs(np.log(own.std(0) + 1e-300)) < 0.25)
    if part:
        # Of part of a cycle, quantiles tell little: columns that lay far from 0 all come back into their range.
        placed = columns.placed[varied] & ((ends[0] < low) | (ends[1] > high))
        size = np.maximum(np.abs(own.mean(0)), own.std(0))
        if len(varied) < 3 or placed.mean() < 0.5 or not inside.all() or (size > 2.5).any() or (size < 0.1).any():
            return None
    else:
        # Where columns had a scale near 1 all along, other behaviour soon looks like that.
        plain = (np.abs(mean) < 3) & (std > 0.2) & (std < 5)
        fits = inside & ((fit < np.where(plain, _FIT / 2, _FIT)) | typical)
        if fits.mean() < _MOST or float(np.median(fit)) > float(np.median(columns.distance[varied])) / 3:
            return None
    text = "the data was normalised before: columns have means near 0 and standard deviations near 1"
    return Cause("normalised", text, bool(typical.all()))


def _one_unit(columns: _Columns, names: list[str]) -> Cause | None:
    """One factor, or one unit of the table, fits most columns."""
    varied = columns.varied
    distance, looks = columns.undone(_FACTORS, _OFFSETS, varied)
    most = np.where(_is_extreme(_FACTORS[:, 0]), 0.6, _MOST)
    typical = np.where(looks.mean(1) >= most, np.median(distance, axis=1), np.inf)
    unit, grid = int(typical[: len(UNITS)].argmin()), len(UNITS) + int(typical[len(UNITS) :].argmin())
    best = unit if typical[unit] <= 1.25 * typical[grid] + 0.01 else grid
    if best >= len(UNITS) and _is_extreme(_FACTORS[best, 0]):
        power = int(np.abs(np.log(_FACTOR[:_POWERS, 0] / _FACTORS[best, 0])).argmin())
        best = (
            power if 0.7 < _FACTOR[power, 0] / _FACTORS[best, 0] < 1.4 and looks[power].mean() >= most[power] else best
        )
    fit = 1.0 if best < len(UNITS) and _is_extreme(_FACTORS[best, 0]) else _FIT
    if typical[best] > min(fit, float(np.median(columns.distance[varied])) / 3):
        # Of part of a cycle, quantiles tell little: one unit alone has to bring all columns into their range.
        possible = np.flatnonzero(looks[: len(UNITS)].all(1))
        if len(possible) != 1 or not _is_extreme(_FACTORS[possible[0], 0]):
            return None
        best = int(possible[0])
    factor = float(_FACTORS[best, 0])
    behaviour = not _is_extreme(factor) and not _OFFSETS[best, 0]
    if behaviour and not (columns.placed[varied] & looks[best]).any() and not columns.scaled_alike(factor):
        return None
    if len(varied) == 1 and (best >= len(UNITS) or (behaviour and typical[best] > 0.15)):
        return None
    if best < len(UNITS):
        text = f"{_listed(varied[looks[best]].tolist(), names)} {UNITS[best][2]}"
    else:
        text = f"the columns are {_times(factor, 2 if columns.placed[varied].any() else 1)}"
    return Cause("other units", f"other units: {text}", bool(_is_extreme(factor)))


def _units(columns: _Columns, names: list[str]) -> Cause | None:
    """Units of the table fit single columns, at least half of those that lie outside."""
    moved = columns.moved
    distance, looks = columns.undone(_FACTOR, _OFFSET, moved)
    sure = _is_extreme(_FACTOR) | (_OFFSET != 0) | columns.placed[moved]
    near = np.where(_is_extreme(_FACTOR), 1.0, 0.2)
    fits = np.where(looks & sure & (distance < np.minimum(near, columns.distance[moved] / 3)), distance, np.inf)
    best = fits.argmin(0)
    explained = np.isfinite(fits.min(0))
    found: dict[int, list[int]] = {}
    for place in np.flatnonzero(explained):
        found.setdefault(int(best[place]), []).append(int(moved[place]))
    outside = columns.outside[moved]
    factors = _FACTOR[list(found), 0]
    exchanged = len(factors) > 1 and factors.min() < 1 < factors.max()
    if not found or len(found) > 2 or exchanged or (explained & outside).sum() <= 0.5 * columns.outside.sum():
        return None
    texts = [f"{_listed(where, names)} {UNITS[unit][2]}" for unit, where in found.items()]
    certain = len(columns.varied) == 1 and bool(_is_extreme(factors).all())
    return Cause("other units", f"other units: {'; '.join(texts)}", certain)


def _not_normalised(columns: _Columns) -> Cause | None:
    seen, varied = columns.seen, columns.varied
    mean, std, own = seen.mean[varied], seen.std[varied], seen.values[:, varied]
    plain = (np.abs(mean) < 0.2).mean() > _MOST and ((std > 0.7) & (std < 1.4)).mean() > _MOST
    if len(varied) >= 2 and plain and (np.abs(own.mean(0)) > 3).mean() + (own.std(0) > 5).mean() > 0.5:
        return Cause("not normalised", "the model was fitted on normalised columns, and these are not", False)
    return None


def _rescaled(columns: _Columns) -> Cause | None:
    """All columns lie in [0, 1] or [-1, 1] now, most fill it, and most did not lie there."""
    seen, varied = columns.seen, columns.varied
    values = seen.values[:, varied]
    low, high = values.min(), values.max()
    wide = (np.abs(seen.quantiles[[0, -1]][:, varied]).max(0) > 2).mean() >= 0.5
    start, end = (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    fills = np.mean(np.ptp(values, axis=0) > 0.3 * (end - start)) >= 0.5
    if len(varied) >= 2 and wide and fills and low >= start and high <= end:
        return Cause("rescaled", f"the data was rescaled to [{start:g}, {end:g}]", False)
    return None


def _wider(columns: _Columns) -> Cause | None:
    """Most columns that lie outside spread further around the same middle."""
    where = np.flatnonzero(columns.outside & (columns.width > 0))
    times = columns.width_now / np.maximum(columns.width, 1e-300)
    same = np.abs(columns.now[2] - columns.fitted[2]) <= 0.25 * np.maximum(columns.width, columns.width_now)
    wider = where[same[where] & (times[where] > 1.3)]
    if not len(where) or len(wider) < 0.7 * columns.outside.sum() or same[columns.moved].mean() < _MOST:
        return None
    text = (
        f"the columns spread {np.median(times[wider]):.2g} times as wide around the same middle, as of behaviour that "
        f"goes further, or of another scale"
    )
    return Cause("wider", text, False)


def _is_extreme(factor: np.ndarray | float) -> np.ndarray:
    """Tell whether a factor is too large or too small for behaviour and drift."""
    return np.maximum(np.abs(factor), 1 / np.abs(factor)) >= _EXTREME


def _times(factor: float, digits: int) -> str:
    """Say how large something is, to so many digits.

    >>> _times(7.29, 2), _times(2140, 1), _times(1 / 2140, 1)
    ('7.3 times as large', 'about 2,000 times as large', 'about 1/2,000 as large')
    """
    about = "about " if digits == 1 else ""
    size = float(f"{max(factor, 1 / factor):.{digits}g}")
    return f"{about}{size:,g} times as large" if factor > 1 else f"{about}1/{size:,g} as large"


def _listed(columns: list[int], names: list[str]) -> str:
    shown = ", ".join(names[column] for column in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"{shown}{more} {'is' if len(columns) == 1 else 'are'}"
