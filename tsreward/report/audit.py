"""The page of an audit."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsreward.audit.auditing import EPISODES, Audit
from tsreward.audit.examples import Curve, Moment
from tsreward.audit.verdict import Findings
from tsreward.errors import missing_extra
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    RED,
    REWARD,
    SCORE,
    TEAL,
    envelope,
    new_figure,
    shade,
    svg_of,
)
from tsreward.report.page import render

_SIDE, _FRAMES, _GAP = 64, 8, 2


def is_film(obs: np.ndarray) -> bool:
    """Tell whether observations [S, *obs] are pictures: bytes in two or three axes."""
    return obs.dtype == np.uint8 and obs.ndim in (3, 4)


def strip(moment: Moment, window: int, frame_skip: int) -> str:
    """Return the frames of a window side by side, oldest first, as the text of a PNG in base64.

    Of windows of more than eight steps eight are shown, the first and the last among them; frames are thinned to
    at most 64 pixels.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.image import imsave
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error
    end = moment.step + 1 - moment.first
    rows = end - frame_skip * np.arange(window - 1, -1, -1)
    rows = rows[np.unique(np.linspace(0, window - 1, min(window, _FRAMES)).round().astype(int))].clip(min=0)
    frames = [_pixels(frame) for frame in moment.obs[rows]]
    gap = np.full((frames[0].shape[0], _GAP, 3), 128, np.uint8)
    joined = np.concatenate([part for frame in frames for part in (frame, gap)][:-1], axis=1)
    buffer = io.BytesIO()
    imsave(buffer, joined, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _pixels(frame: np.ndarray) -> np.ndarray:
    """Return [H, W, 3] of a frame [H, W], [H, W, C] or [C, H, W]; of stacked frames the last."""
    if frame.ndim == 2:
        frame = frame[..., None]
    if frame.shape[0] < min(frame.shape[1:]):
        frame = np.moveaxis(frame, 0, -1)
    stride = -(-max(frame.shape[:2]) // _SIDE)
    last = frame[::stride, ::stride, -3:] if frame.shape[2] % 3 == 0 else frame[::stride, ::stride, -1:]
    return np.ascontiguousarray(np.broadcast_to(last, (*last.shape[:2], 3)))


COLORS = (GREEN, RED, ORANGE, BLUE, PURPLE, OLIVE, PINK, TEAL)
"""One for every behaviour, in their order; they begin again after the last."""
TRACES = (BLUE, ORANGE, GREEN)


def color(place: int) -> str:
    """Return the colour of the behaviour at this place."""
    return COLORS[place % len(COLORS)]


def separations(findings: Findings) -> str:
    """Draw the histograms of scores, and the ROC of every comparison."""
    figure = new_figure(9.0, 2.6)
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1])
    edges = np.array(findings.distribution.edges)
    for place, density in enumerate(findings.distribution.densities.values()):
        left.stairs(density, edges, color=color(place), linewidth=1.1, fill=False)
    left.set(xlabel="score (higher is stranger)", ylabel="fraction of steps", xlim=(edges[0], edges[-1]))
    for place, row in enumerate(findings.separations):
        right.plot(*np.array(row.curve).T, color=color(place + 1), linewidth=1.2)
    cost = findings.agreement and findings.agreement.cost
    if cost:
        right.plot(*np.array(cost.curve).T, color=SCORE, linewidth=1.2, linestyle="--")
    right.set(xlabel="false-positive rate", ylabel="true-positive rate", xlim=(0, 1), ylim=(0, 1.02))
    figure.subplots_adjust(left=0.07, right=0.98, top=0.96, bottom=0.17, wspace=0.2)
    return svg_of(figure)


def returns(rows: Sequence[tuple[str, float, float]], colors: Mapping[str, str]) -> str:
    """Draw learned against true returns, a dot for each episode in the colour of its behaviour."""
    figure = new_figure(5.0, 2.8)
    axis = figure.subplots()
    for name in dict.fromkeys(row[0] for row in rows):
        dots = np.array([row[1:] for row in rows if row[0] == name])
        axis.plot(dots[:, 0], dots[:, 1], ".", color=colors[name], markersize=4, alpha=0.8)
    axis.set(xlabel="true return", ylabel="learned return")
    figure.subplots_adjust(left=0.16, right=0.98, top=0.96, bottom=0.17)
    return svg_of(figure)


def curve(shown: Curve, limits: tuple[float, float]) -> str:
    """Draw score and learned reward of an episode, the reward between its limits; steps with a cost are shaded."""
    figure = new_figure(9.0, 2.2)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for axis, values, line, name in (
        (top, shown.score, SCORE, "score"),
        (bottom, shown.learned, REWARD, "reward"),
    ):
        axis.plot(*envelope(values), color=line, linewidth=0.8)
        axis.set_ylabel(name)
        axis.set_xlim(0, max(1, len(values) - 1))
        if shown.costs is not None:
            shade(axis, shown.costs > 0)
    bottom.set_xlabel("step")
    margin = 0.05 * (limits[1] - limits[0]) or 1.0
    bottom.set_ylim(limits[0] - margin, limits[1] + margin)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.97, bottom=0.19, hspace=0.15)
    return svg_of(figure)


def traces(moment: Moment, channels: Sequence[int], window: int, frame_skip: int) -> str:
    """Draw channels of the observations around a window, which is shaded."""
    figure = new_figure(4.4, 1.5)
    axis: Any = figure.subplots()
    steps = np.arange(moment.first, moment.first + len(moment.obs))
    flat = moment.obs.reshape(len(moment.obs), -1)
    for line, channel in zip(TRACES, channels, strict=False):
        axis.plot(steps, flat[:, channel], color=line, linewidth=0.9)
    end = moment.step + 1
    axis.axvspan(max(0, end - (window - 1) * frame_skip) - 0.5, end + 0.5, color=PURPLE, alpha=0.18, linewidth=0)
    axis.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
    figure.subplots_adjust(left=0.12, right=0.98, top=0.96, bottom=0.18)
    return svg_of(figure)


_FEATURES, _CURVES = 12, 8


def render_audit(audit: Audit, title: str = "Reward audit") -> str:
    """Return the page; it holds no script and refers to nothing outside itself. One audit gives one page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    found = audit.findings
    names = [*(kind.name for kind in found.kinds), EPISODES]
    colors = {name: color(place) for place, name in enumerate(names)}
    returned = found.agreement.returns if found.agreement else ()
    effects = sorted(enumerate(found.features), key=lambda pair: -pair[1])[:_FEATURES]
    return render(
        "tsreward.report",
        "audit.html",
        title=title,
        audit=audit,
        found=found,
        legend=[(color, name) for name, color in colors.items() if name != EPISODES],
        separations=separations(found),
        returns=returns(returned, colors) if returned else "",
        compared=[(colors[name], name) for name in dict.fromkeys(row[0] for row in returned)],
        curves=[
            (shown, curve(shown, (found.distribution.low, found.distribution.high)))
            for shown in audit.examples.curves[:_CURVES]
        ],
        moments=[
            (word, [_moment(audit, moment) for moment in moments])
            for word, moments in (
                ("Strangest", audit.examples.strangest),
                ("Most familiar", audit.examples.most_familiar),
            )
        ],
        bars=_bars(audit),
        features=effects,
        most=max((effect for _, effect in effects), default=0.0) or 1.0,
    )


def _bars(audit: Audit) -> list[dict[str, Any]]:
    """Return rows of what behaviours and probes earn, and where their bar begins and ends in percent."""
    found = audit.findings
    rows: list[dict[str, Any]] = [
        {"name": kind.name, "kind": "behaviour", "n": kind.n, "flag_rate": kind.flag_rate, "level": kind.level}
        for kind in found.kinds
        if kind.name in ("good", "half_trained", "bad")
    ]
    for probe in sorted(found.probes, key=lambda probe: (probe.kind != "blind", probe.kind != "probe")):
        rows.append(vars(probe).copy())
    rows.append({"name": "held states, median", "kind": "probe", "n": found.held.median, "flag_rate": None})
    rows[-1]["level"] = found.held.quantiles[2]
    values = [row["n"] for row in rows if row["n"] is not None]
    low, high = min([0.0, *values]), max([1.0, *values])
    low, high = max(low, -1.0), min(high, 2.0)
    for row in rows:
        value = None if row["n"] is None else float(np.clip(row["n"], low, high))
        row["zero"] = 100 * (0 - low) / (high - low)
        row["left"] = row["zero"] if value is None else 100 * (min(value, 0.0) - low) / (high - low)
        row["width"] = 0.0 if value is None else 100 * abs(value) / (high - low)
    return rows


def _moment(audit: Audit, moment: Moment) -> dict[str, Any]:
    window, frame_skip = audit.window, audit.frame_skip
    if is_film(moment.obs):
        return {"moment": moment, "strip": strip(moment, window, frame_skip)}
    channels = _channels(audit, moment.obs)
    return {
        "moment": moment,
        "traces": traces(moment, channels, window, frame_skip),
        "channels": list(zip(TRACES, channels, strict=False)),
    }


def _channels(audit: Audit, obs: np.ndarray) -> Sequence[int]:
    """Return the channels that move the score most; where features are no channels, those that move most here."""
    flat = obs.reshape(len(obs), -1)
    effects = np.array(audit.findings.features)
    telling = effects if len(effects) == flat.shape[1] else flat.std(axis=0)
    return sorted(np.argsort(-telling, kind="stable")[:3].tolist())
