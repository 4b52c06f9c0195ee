"""Findings as one JSON document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tsreward.audit.verdict import Findings, Verdict, Warned


def as_document(verdict: Verdict, warnings: Sequence[Warned], findings: Findings) -> dict[str, Any]:
    """Return dictionaries, lists, texts, finite numbers and None."""
    return {
        "verdict": verdict.word,
        "reasons": list(verdict.reasons),
        "warnings": [
            {"code": one.code, "meaning": one.meaning, "evidence": one.evidence, "remedy": one.remedy}
            for one in warnings
        ],
        "findings": _plain(asdict(findings)),
    }


def _plain(value: Any) -> Any:
    """Return the value without tuples, NaN and infinities.

    >>> _plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
