"""Figures in the text format of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping

HELP = {
    "streams": ("gauge", "Streams that have state.", ()),
    "rows_total": ("counter", "Rows that were scored.", ("stream",)),
    "incidents_total": ("counter", "Incidents that ended since the start.", ("stream", "kind")),
    "score": ("gauge", "Score of the last row; higher is more anomalous.", ("stream",)),
    "threshold": ("gauge", "Threshold of the last row.", ("stream",)),
    "is_anomaly": ("gauge", "1 where the last row passed its threshold.", ("stream",)),
    "responses_total": ("counter", "Responses by status.", ("code",)),
}
"""Name -> kind, help and names of its labels."""


def exposition(figures: Mapping[str, Mapping[tuple[str, ...], float]]) -> str:
    """Return figures as text, version 0.0.4.

    >>> print(exposition({"score": {("pump 7",): math.inf}}))
    # HELP tsreward_score Score of the last row; higher is more anomalous.
    # TYPE tsreward_score gauge
    tsreward_score{stream="pump 7"} +Inf
    <BLANKLINE>
    """
    lines = []
    for name, values in figures.items():
        kind, text, labels = HELP[name]
        lines += [f"# HELP tsreward_{name} {text}", f"# TYPE tsreward_{name} {kind}"]
        for key, value in sorted(values.items()):
            pairs = ",".join(f'{label}="{_escaped(part)}"' for label, part in zip(labels, key, strict=True))
            lines.append(f"tsreward_{name}{f'{{{pairs}}}' if pairs else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
