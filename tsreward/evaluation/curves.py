"""Learning curves of return and cost as one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tsreward.episodes import Episode
from tsreward.errors import missing_extra
from tsreward.files import write_atomic

_COLORS = ("tab:gray", "tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple")


def check_plotting() -> None:
    """Find out before a long run whether curves can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_agg as matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def plot_curves(runs: Mapping[str, Sequence[Episode]], path: Path, title: str) -> None:
    """Write a PNG with true return per episode over training steps, and cost where there is one; a colour per run.

    Lines are means over a twentieth of training; dots are episodes.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the file cannot be written.
    """
    check_plotting()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    costs = all(episode.costs is not None for episodes in runs.values() for episode in episodes)
    panels = {"return": "rewards", "cost": "costs"} if costs else {"return": "rewards"}
    figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        for color, (run, episodes) in zip(_COLORS, runs.items(), strict=False):
            steps = np.cumsum([len(episode) for episode in episodes])
            totals = np.array([float(np.sum(getattr(episode, values))) for episode in episodes])
            axis.plot(steps, totals, ".", color=color, alpha=0.25, markersize=3)
            axis.plot(*binned(steps, totals), color=color, label=run)
        axis.set(xlabel="environment steps", ylabel=f"true {name} per episode")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomic(path, buffer.getvalue())


def binned(steps: np.ndarray, totals: np.ndarray, bins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return (middle of every bin that is not empty, mean of the totals in it) over the steps at which episodes end.

    >>> binned(np.array([5, 10, 90]), np.array([1.0, 3.0, 8.0]), bins=2)
    (array([22.75, 68.25]), array([2., 8.]))
    """
    edges = np.linspace(0, steps[-1] + 1, bins + 1)
    which = np.digitize(steps, edges) - 1
    filled = np.unique(which)
    return (edges[:-1] + edges[1:])[filled] / 2, np.array([totals[which == index].mean() for index in filled])
