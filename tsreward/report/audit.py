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
    LIMIT,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    RED,
    REWARD,
    SCORE,
    TEAL,
    Chart,
    Dots,
    Level,
    Line,
    Panel,
    Part,
    Shade,
    envelope,
    is_skewed,
    shade,
    stairs,
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


def spoken(name: str) -> str:
    """Return the name of a behaviour as words.

    >>> spoken("half_trained")
    'half trained'
    """
    return name.replace("_", " ")


def separations(findings: Findings) -> Chart:
    """Draw the histograms of scores, and the ROC of every comparison, in the colour of what is compared with good."""
    edges = np.array(findings.distribution.edges)
    densities = list(findings.distribution.densities.items())
    scores: list[Part] = [
        stairs(edges, np.array(values), color(place), spoken(name)) for place, (name, values) in enumerate(densities)
    ]
    roc: list[Part] = [
        Line.through(row.curve, color(place + 1), spoken(row.name)) for place, row in enumerate(findings.separations)
    ]
    if findings.agreement and findings.agreement.cost:
        roc.append(Line.through(findings.agreement.cost.curve, SCORE, findings.agreement.cost.name, True))
    unit = (0.0, 1.0)
    return Chart(
        [
            Panel(scores, "score (higher is stranger)", "fraction of steps", x_range=(edges[0], edges[-1])),
            Panel(roc, "false-positive rate", "true-positive rate", x_range=unit, y_range=(0.0, 1.02)),
        ],
        columns=2,
        height=2.8,
    )


def returns(rows: Sequence[tuple[str, float, float]], colors: Mapping[str, str]) -> Chart:
    """Draw learned against true returns, a dot for each episode in the colour of its behaviour."""
    parts = []
    for name in dict.fromkeys(row[0] for row in rows):
        dots = np.array([row[1:] for row in rows if row[0] == name])
        parts.append(Dots(dots[:, 0], dots[:, 1], colors[name], spoken(name)))
    return Chart([Panel(parts, x="true return", y="learned return")], height=2.8, columns=2)


def curve(shown: Curve, limits: tuple[float, float], threshold: float | None = None) -> Chart:
    """Draw score and learned reward of an episode, the reward between its limits; steps with a cost are shaded."""
    costs = shown.costs
    costly = [] if costs is None or not costs.any() else [shade(costs > 0, name="steps with a cost")]
    level = [] if threshold is None or not np.isfinite(threshold) else [Level(float(threshold), LIMIT, "threshold")]
    margin = 0.05 * (limits[1] - limits[0]) or 1.0
    across = (0.0, float(max(1, len(shown.score) - 1)))
    return Chart(
        [
            Panel(
                [*costly, Line(*envelope(shown.score), SCORE, "score"), *level],
                y="score",
                x_range=across,
                log=is_skewed(shown.score),
            ),
            Panel(
                [*costly, Line(*envelope(shown.learned), REWARD, "learned reward")],
                x="step of the episode",
                y="reward",
                x_range=across,
                y_range=(limits[0] - margin, limits[1] + margin),
            ),
        ],
        height=1.5,
        linked=True,
    )


def traces(moment: Moment, channels: Mapping[int, str], window: int, frame_skip: int) -> Chart:
    """Draw channels of the observations around a window, which is shaded."""
    steps = np.arange(moment.first, moment.first + len(moment.obs))
    flat = moment.obs.reshape(len(moment.obs), -1)
    lines = [
        Line(steps, flat[:, channel], line, name)
        for line, (channel, name) in zip(TRACES, channels.items(), strict=False)
    ]
    end = moment.step + 1
    span = Shade([(max(0, end - (window - 1) * frame_skip) - 0.5, end + 0.5)], PURPLE)
    return Chart([Panel([span, *lines], x_range=(steps[0] - 0.5, steps[-1] + 0.5))], 2, height=1.5, live=False)


_FEATURES, _CURVES = 12, 8


def render_audit(audit: Audit, title: str = "Reward audit", exploit: bytes | None = None) -> str:
    """Return the page; it refers to nothing outside itself. One audit gives one page.

    Args:
        audit: what is shown.
        title: of the page.
        exploit: an MP4 of the strongest exploit, which the page plays.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    found = audit.findings
    names = [*(kind.name for kind in found.kinds), EPISODES]
    colors = {name: color(place) for place, name in enumerate(names)}
    returned = found.agreement.returns if found.agreement else ()
    effects = sorted(enumerate(found.features), key=lambda pair: -pair[1])[:_FEATURES]
    effects = [(column_name(feature, audit.columns), effect) for feature, effect in effects]
    return render(
        "tsreward.report",
        "audit.html",
        title=title,
        audit=audit,
        found=found,
        facts=_facts(found),
        exploit=None if exploit is None else base64.b64encode(exploit).decode(),
        separations=separations(found),
        returns=returns(returned, colors) if returned else None,
        curves=[
            (shown, curve(shown, (found.distribution.low, found.distribution.high), audit.threshold))
            for shown in audit.examples.curves[:_CURVES]
        ],
        moments=[
            (
                word,
                [
                    moment_picture(moment, audit.window, audit.frame_skip, found.features, audit.columns)
                    for moment in moments
                ],
            )
            for word, moments in (
                ("Strangest", audit.examples.strangest),
                ("Most familiar", audit.examples.most_familiar),
            )
        ],
        bars=_bars(audit),
        features=effects,
        most=max((effect for _, effect in effects), default=0.0) or 1.0,
    )


def _facts(found: Findings) -> list[tuple[str, float | None]]:
    """Return the figures that stand at the top."""
    facts: list[tuple[str, float | None]] = [(f"ROC AUC, {row.name}", row.roc.value) for row in found.separations[:1]]
    if found.agreement and found.agreement.cost:
        facts.append((f"ROC AUC, {found.agreement.cost.name}", found.agreement.cost.roc.value))
    if found.agreement and found.agreement.spearman:
        facts.append(("Spearman correlation of learned and true returns", found.agreement.spearman.value))
    return [*facts, ("n of the median held state (0 is bad, 1 good behaviour)", found.held.median)]


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


def moment_picture(
    moment: Moment, window: int, frame_skip: int, effects: Sequence[float] = (), names: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what a template shows of a moment: `strip`, the frames of its window, or `traces` of channels around it.

    Args:
        moment: a window and what is around it.
        window: steps in a window.
        frame_skip: rows from one of them to the next.
        effects: how much each feature [D] moves the score.
        names: of the channels, where they have any.
    """
    if is_film(moment.obs):
        return {"moment": moment, "strip": strip(moment, window, frame_skip)}
    channels = {channel: column_name(channel, names) for channel in _channels(effects, moment.obs)}
    return {"moment": moment, "traces": traces(moment, channels, window, frame_skip)}


def column_name(place: int, names: Sequence[str]) -> str:
    """Return what a channel is called.

    >>> column_name(1, ["speed", "torque"]), column_name(4, [])
    ('torque', 'channel 4')
    """
    return names[place] if place < len(names) else f"channel {place}"


def _channels(effects: Sequence[float], obs: np.ndarray) -> Sequence[int]:
    """Return the channels that move the score most; where features are no channels, those that move most here."""
    flat = obs.reshape(len(obs), -1)
    telling = np.array(effects) if len(effects) == flat.shape[1] else flat.std(axis=0)
    return sorted(np.argsort(-telling, kind="stable")[:3].tolist())
