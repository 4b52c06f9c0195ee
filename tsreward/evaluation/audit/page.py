"""The page of an audit: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.evaluation.audit import film, pictures
from tsreward.evaluation.audit.auditing import EPISODES, Audit
from tsreward.evaluation.audit.examples import Moment
from tsreward.evaluation.report.frame import render
from tsreward.files import write_atomic

_FEATURES, _CURVES = 12, 8


def write_page(audit: Audit, path: str | Path, title: str = "Reward audit") -> None:
    """Write the page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        DataError: the file cannot be written.
    """
    write_atomic(Path(path), render_page(audit, title).encode(errors="xmlcharrefreplace"))


def render_page(audit: Audit, title: str = "Reward audit") -> str:
    """Return the page; it holds no script and refers to nothing outside itself, and one audit gives one page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    found = audit.findings
    names = [*(kind.name for kind in found.kinds), EPISODES]
    colors = {name: pictures.color(place) for place, name in enumerate(names)}
    returned = found.agreement.returns if found.agreement else ()
    shares = sorted(enumerate(found.features), key=lambda pair: -pair[1])[:_FEATURES]
    return render(
        "tsreward.evaluation.audit",
        "audit.html",
        title=title,
        audit=audit,
        found=found,
        legend=[(color, name) for name, color in colors.items() if name != EPISODES],
        separations=pictures.separations(found),
        returns=pictures.returns(returned, colors) if returned else "",
        compared=[(colors[name], name) for name in dict.fromkeys(row[0] for row in returned)],
        curves=[
            (curve, pictures.curve(curve, (found.shape.low, found.shape.high)))
            for curve in audit.examples.curves[:_CURVES]
        ],
        moments=[
            (word, [_moment(audit, moment) for moment in moments])
            for word, moments in (
                ("Strangest", audit.examples.strangest),
                ("Most familiar", audit.examples.most_familiar),
            )
        ],
        bars=_bars(audit),
        features=shares,
        most=max((share for _, share in shares), default=0.0) or 1.0,
    )


def _bars(audit: Audit) -> list[dict[str, Any]]:
    """Return rows of what behaviours and probes earn, and where their bar begins and ends in percent."""
    found = audit.findings
    rows: list[dict[str, Any]] = [
        {"name": kind.name, "kind": "behaviour", "n": kind.n, "flagged": kind.flagged, "level": kind.level}
        for kind in found.kinds
        if kind.name in ("good", "half_trained", "bad")
    ]
    for probe in sorted(found.probes, key=lambda probe: (probe.kind != "trivial", probe.kind != "probe")):
        rows.append(vars(probe).copy())
    rows.append({"name": "held states, median", "kind": "probe", "n": found.held.median, "flagged": None})
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
    window, skip = audit.window, audit.skip
    if film.is_film(moment.obs):
        return {"moment": moment, "strip": film.strip(moment, window, skip)}
    channels = _channels(audit, moment.obs)
    return {
        "moment": moment,
        "traces": pictures.traces(moment, channels, window, skip),
        "channels": list(zip(pictures.TRACES, channels, strict=False)),
    }


def _channels(audit: Audit, obs: np.ndarray) -> Sequence[int]:
    """Return the channels that move the score most; where features are no channels, those that move most here."""
    flat = obs.reshape(len(obs), -1)
    shares = np.array(audit.findings.features)
    telling = shares if len(shares) == flat.shape[1] else flat.std(axis=0)
    return sorted(np.argsort(-telling, kind="stable")[:3].tolist())
