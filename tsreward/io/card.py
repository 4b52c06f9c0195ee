"""Model cards: what is known of a model file, as the README.md of a repository of models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tsreward.errors import shown

TAGS = ("tsreward", "reinforcement-learning", "reward-model", "anomaly-detection")
_LIMITS = (
    "The reward is as good as the data that it was fitted on, and an agent may find what it pays for by mistake: audit "
    "it on your environment before you train, and look at what the trained agent does.",
    "The model reads observations with the columns, units and order that are listed here, and no others.",
    "Digests show damage and are no signature: take models from people you trust.",
)


def model_card(
    description: Mapping[str, Any],
    license: str | None = None,
    audit: Mapping[str, Any] | None = None,
    exploits: Sequence[str] = (),
) -> str:
    """Return the text of a card.

    What is not known is said to be unknown: nothing is filled in.

    Args:
        description: of a model file, as `tsreward.io.describe` gives it.
        license: an identifier such as "mit"; None is unknown.
        audit: an audit of the model, as `Audit.to_json` gives it, or the same out of the note of the file.
        exploits: behaviour that the reward pays for by mistake, in sentences.

    >>> from tsreward.io.card import model_card
    >>> card = model_card({"scorer": {"name": "knn", "window": 4, "dim": 3, "options": {}}, "sha256": "0" * 64})
    >>> "Audit: not audited" in card
    True
    """
    scorer, mode = description.get("scorer", {}), description.get("mode", {})
    note = description.get("note") or {}
    audit = audit or (note.get("audit") if isinstance(note.get("audit"), Mapping) else None)
    columns = [name for name, _ in description.get("columns") or []]
    rate = mode.get("options", {}).get("false_alarm_rate")
    rows = [
        ("scorer", scorer.get("name")),
        ("reward", mode.get("name")),
        ("window K", scorer.get("window")),
        ("features D", scorer.get("dim")),
        ("steps between two rows of a window", description.get("frame_skip")),
        ("false-alarm rate", rate),
        ("columns", ", ".join(map(_plain, columns)) or None),
        ("data", note.get("data") or note.get("data_sha256") or note.get("fingerprint")),
        ("environment", note.get("env")),
        ("seed", note.get("seed")),
        ("versions", description.get("versions")),
        ("SHA-256 of the contents", description.get("sha256")),
    ]
    return "\n".join(
        [
            "---",
            "library_name: tsreward",
            *([f"license: {_plain(license)}"] if license else []),
            f"tags: [{', '.join(TAGS)}]",
            "---",
            "",
            f"# A reward of the kind {_plain(mode.get('name', 'unknown'))} on scores of "
            f"{_plain(scorer.get('name', 'unknown'))}",
            "",
            "```python",
            "import tsreward",
            "",
            'model = tsreward.from_pretrained("OWNER/NAME")  # the name of this repository',
            "env = tsreward.LearnedReward(env, model)",
            "```",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {'unknown' if value is None else _plain(value)} |" for name, value in rows),
            f"| license | {_plain(license) if license else 'unknown'} |",
            "",
            "## Audit",
            "",
            *_audit_lines(audit, exploits),
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in _LIMITS),
            "",
        ]
    )


def _audit_lines(audit: Mapping[str, Any] | None, exploits: Sequence[str]) -> list[str]:
    if audit is None:
        lines = ["Audit: not audited, or not known to be. `tsreward audit` examines it."]
    else:
        lines = [f"Audit: **{_plain(audit.get('verdict', 'unknown'))}**."]
        lines += [f"- {_plain(reason)}" for reason in audit.get("reasons") or ()]
    found = [_plain(exploit) for exploit in exploits]
    return [*lines, "", "Known exploits: " + ("; ".join(found) if found else "none are known.")]


def _plain(value: Any) -> str:
    """Return a value of a file so that it can stand in a cell: one line without markup."""
    text = value if isinstance(value, str) else json.dumps(value)
    line = " ".join(text.split())
    if not line.isprintable():
        line = shown(line)
    return line.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
