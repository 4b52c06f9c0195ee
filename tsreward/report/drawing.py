"""What a chart is: panels of lines, dots, bands and marks. `static` and `interactive` draw the same charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

BLUE, ORANGE, GREEN, PURPLE = "#4c8bf5", "#e8833a", "#3aa675", "#a05cd6"
RED, OLIVE, PINK, TEAL, GREY = "#e05252", "#8a8f2a", "#c2588f", "#2a9d9d", "#888888"
INK = "#010203"
"""Becomes the colour of the page's text."""
SCORE, REWARD, TRUTH, LIMIT = PURPLE, GREEN, RED, ORANGE
"""Colours of scores, learned rewards, steps with a cost or an anomaly, and of thresholds and limits."""


@dataclass(frozen=True)
class Line:
    """A line through the points x [N], y [N]. Lines of one name are shown and hidden together."""

    x: np.ndarray
    y: np.ndarray
    color: str
    name: str = ""
    dashed: bool = False

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]], color: str, name: str = "", dashed: bool = False) -> Line:
        """Return the line through points (x, y)."""
        x, y = np.array(points, float).reshape(-1, 2).T
        return cls(x, y, color, name, dashed)


@dataclass(frozen=True)
class Dots:
    """A dot at every point x [N], y [N]."""

    x: np.ndarray
    y: np.ndarray
    color: str
    name: str = ""
    size: float = 4.0
    """Diameter in points."""
    texts: Sequence[str] = ()
    """What is said of each dot that is pointed at; none says its numbers."""


@dataclass(frozen=True)
class Band:
    """The area between low [N] and high [N] over x [N]."""

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    color: str
    name: str = ""


@dataclass(frozen=True)
class Shade:
    """Spans (start, stop) of x, shaded from bottom to top."""

    spans: Sequence[tuple[float, float]]
    color: str = TRUTH
    name: str = ""


@dataclass(frozen=True)
class Level:
    """A dashed line through the whole panel at a value of y, or of x where it is vertical."""

    at: float
    color: str = INK
    name: str = ""
    vertical: bool = False


Part = Line | Dots | Band | Shade | Level


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    parts: Sequence[Part]
    x: str = ""
    """Text of the axis, with its unit."""
    y: str = ""
    title: str = ""
    x_range: tuple[float, float] | None = None
    """None goes from the least to the largest value, with a margin."""
    y_range: tuple[float, float] | None = None
    log: bool = False
    """Whether y is logarithmic."""
    log_x: bool = False
    dated: bool = False
    """Whether x is a time, in milliseconds since 1970."""
    ticks: Sequence[str] = ()
    """Names of the places 0, 1, ... on the axis x, in place of numbers."""
    marked: float | None = None
    """The only number on the axis x, and none on the other: for small panels."""

    @property
    def turned(self) -> bool:
        """Whether names on the axis x would not fit beside each other."""
        return sum(map(len, self.ticks)) > 30

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ranges of x and y."""
        across, up = [], []
        for part in self.parts:
            if isinstance(part, Level):
                (across if part.vertical else up).append(np.array([part.at]))
            elif isinstance(part, Shade):
                across.append(np.array(part.spans, float).ravel())
            else:
                across.append(part.x)
                up += [part.low, part.high] if isinstance(part, Band) else [part.y]
        x_range = self.x_range or ((-0.5, len(self.ticks) - 0.5) if self.ticks else _range(across, self.log_x, 0.02))
        return x_range, self.y_range or _range(up, self.log, 0.05)


def _range(values: Sequence[np.ndarray], log: bool, margin: float) -> tuple[float, float]:
    """Return the least and the largest finite value, and a bit more."""
    known = np.concatenate([np.asarray(one, np.float64).ravel() for one in values]) if values else np.zeros(0)
    known = known[np.isfinite(known) & (known > 0)] if log else known[np.isfinite(known)]
    if not len(known):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = (float(np.log10(end)) if log else float(end) for end in (known.min(), known.max()))
    wider = margin * (high - low) or (0.05 if log else 0.05 * abs(high) or 0.5)
    return (10 ** (low - wider), 10 ** (high + wider)) if log else (low - wider, high + wider)


@dataclass(frozen=True)
class Chart:
    """Panels beside and below each other."""

    panels: Sequence[Panel]
    columns: int = 1
    """Panels in a row, where there is room."""
    height: float = 2.4
    """Of a panel, in inches; a page is nine inches wide."""
    linked: bool = False
    """Whether all panels show the same range of x."""
    live: bool = True
    """Whether it can be pointed at and zoomed; many small pictures are not."""
    legend: dict[str, Part] = field(init=False)
    """Name -> the first part of this name."""

    def __post_init__(self) -> None:
        named: dict[str, Part] = {}
        for panel in self.panels:
            for part in panel.parts:
                if part.name:
                    named.setdefault(part.name, part)
        object.__setattr__(self, "legend", named)

    def place(self, part: Part) -> int | None:
        """Return the number of a part in the legend; None without a name."""
        return list(self.legend).index(part.name) if part.name else None


def envelope(values: np.ndarray, start: int = 0, bins: int = 450) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values of a line [T] from row `start` on: the least and the largest value of each bin.

    No peak is lost, whatever the length. Lines of up to two points per bin are returned as they are.

    >>> envelope(np.array([0.0, 5.0, 1.0, 2.0, -3.0, 2.0]), bins=2)
    (array([0. , 1.5, 3. , 4.5]), array([ 0.,  5., -3.,  2.]))
    """
    if len(values) <= 2 * bins:
        return np.arange(start, start + len(values)), values
    edges = np.linspace(0, len(values), bins, endpoint=False).astype(int)
    pairs = np.stack([np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)], axis=1)
    halves = np.diff(np.append(edges, len(values))) / 2
    return start + np.stack([edges, edges + halves], axis=1).ravel(), pairs.ravel()


def is_skewed(values: np.ndarray) -> bool:
    """Tell whether a linear axis would show the peaks of values and nothing else.

    >>> is_skewed(np.array([0.1, 0.2, 0.1, 90.0])), is_skewed(np.array([0.0, 0.2, 0.1, 90.0]))
    (True, False)
    """
    return bool(len(values) and values.min() > 0 and values.max() > 50 * np.median(values))


def runs(mask: np.ndarray, join: int = 0) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of true values [T]; runs with at most `join` rows between them are one.

    >>> runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool), join=1)
    [(0, 4), (6, 7)]
    """
    changes = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    starts, stops = changes[::2], changes[1::2]
    apart = starts[1:] - stops[:-1] > join
    starts, stops = starts[np.append(True, apart)[: len(starts)]], stops[np.append(apart, True)[: len(stops)]]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def shade(labels: np.ndarray, first: int = 0, name: str = "", color: str = TRUTH) -> Shade:
    """Return the rows that are labelled [T] as spans; the first row is number `first`."""
    thinnest = len(labels) / 500  # an anomaly of one row is seen, too
    return Shade([(first + start, first + max(stop, start + thinnest)) for start, stop in runs(labels)], color, name)


def stairs(edges: np.ndarray, values: np.ndarray, color: str, name: str = "") -> Line:
    """Return a histogram with values [N] between edges [N + 1].

    >>> stairs(np.array([0.0, 1.0, 2.0]), np.array([5.0, 7.0]), BLUE).y
    array([5., 5., 7., 7.])
    """
    return Line(np.repeat(edges, 2)[1:-1], np.repeat(values, 2), color, name)
