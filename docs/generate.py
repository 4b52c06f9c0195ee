"""Pages of the reference that are read off the code: the API, the command line, the codes of the audit."""

from __future__ import annotations

import contextlib
import io
import os
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import tsreward
from tsreward.audit.codes import CODES, DECISIVE
from tsreward.cli.main import COMMANDS, main
from tsreward.data.alarms import ALARMS, DEFAULT

ALSO = ("tsreward.sb3", "tsreward.testing", "tsreward.detection.metrics", "tsreward.sklearn")
"""Packages whose public names are documented beside those of `tsreward` itself."""
ORDER = ("pipeline", "scorers", "rewards", "encoders", "sequences", "io", "data", "envs", "wrappers", "sb3")
"""The order of the tables: what is needed first stands first, and the rest is alphabetical."""
VARIANTS = {
    "train": ("--reward likeness", "--algorithm dreamer_v3"),
    "tune": ("--objective likeness", "--objective detect"),
}
"""Command -> arguments with which it has other options."""


def write(folder: Path) -> None:
    """Write `api.md`, `commands.md` and `audit-codes.md` where their text has changed, and drop pages of old names."""
    folder.mkdir(exist_ok=True)  # a clone has none: all that lies there is written here
    for name, text in {"api": api(), "commands": commands(), "audit-codes": audit_codes()}.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    listed = set((folder / "api.md").read_text(encoding="utf-8").split())
    for path in folder.glob("generated/*.rst"):  # what autosummary wrote of names that are gone
        if path.stem not in listed:
            path.unlink()


def api() -> str:
    """Return a page with one table of names for every package that has public ones."""
    homes = defaultdict(list)
    for name in sorted(set(dir(tsreward)) - {"__version__"}):
        homes[".".join(getattr(tsreward, name).__module__.split(".")[:2])].append(name)
    parts = ["# Python API", "", "The names of the first tables are imported from `tsreward` itself.", ""]
    for home in sorted(homes, key=_place):
        parts += _section(home.removeprefix("tsreward."), home, [f"tsreward.{name}" for name in homes[home]])
    public = [getattr(tsreward, name) for names in homes.values() for name in names]
    for module in map(import_module, ALSO):
        names = [name for name in module.__all__ if getattr(module, name) not in public]
        parts += _section(module.__name__, module.__name__, [f"{module.__name__}.{name}" for name in names])
    return "\n".join(parts)


def commands() -> str:
    """Return a page with what every command answers to `--help`."""
    parts = ["# Command line", "", "```text", _help(()), "```", ""]
    for name, (text, _) in COMMANDS.items():
        parts += [f"## {name}", "", f"{text[0].upper()}{text[1:]}.", "", "```text", _help((name,)), "```", ""]
        for variant in VARIANTS.get(name, ()):
            parts += [f"### {name} {variant}", "", "```text", _help((name, *variant.split())), "```", ""]
    return "\n".join(parts)


def audit_codes() -> str:
    """Return a page with a section for every code: its meaning, what it rejects, and the remedy."""
    parts = ["# Audit codes", "", _INTRODUCTION, ""]
    for code, about in CODES.items():
        kinds = [kind for kind, replaces in (("likeness", True), ("penalty", False)) if code in DECISIVE[replaces]]
        effect = f"Rejects a {' and a '.join(kinds)} reward." if kinds else "A warning; it rejects nothing."
        parts += [
            f"({code.lower()})=",
            f"## {code}: {about.title}",
            "",
            _sentence(about.explanation),
            "",
            f"**Effect.** {effect}",
            "",
        ]
        parts += [f"**Remedy.** {about.remedy}", ""]
    parts += [_ALARMS, ""]
    for code, alarm in ALARMS.items():
        default = "" if code in DEFAULT else " It rings only where it is asked for."
        parts += [f"({code.lower()})=", f"## {code}: {alarm.title}", "", _sentence(alarm.explanation) + default, ""]
        parts += [f"**Remedy.** {alarm.remedy}", ""]
    return "\n".join(parts)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


_INTRODUCTION = """\
`tsreward audit` examines a reward before an agent is trained on it, and names every problem by a code. The verdict is
*rejected* where a code was found that rejects this kind of reward, otherwise *accepted*; `--strict` ends with exit code
1 on any warning. [How to audit a reward](../howto/audit.md) explains the quantities. Codes from TSR101 on are
alarms of a training."""
_ALARMS = """\
The next codes are alarms that ring while an agent is trained. [How a training is watched](../howto/reward_watch.md)
explains the figures. They look at finished episodes: after 8, and whenever their number has grown by a tenth. The
*latest* episodes are the last quarter, 8 at least; *lately* means over the last half, 12 at least. A figure *rises* or
*falls* where the trend test of Mann and Kendall has |z| > 3.09."""


def _place(module: str) -> tuple[int, str]:
    home = module.removeprefix("tsreward.")
    return ORDER.index(home) if home in ORDER else len(ORDER), home


def _section(title: str, module: str, names: Sequence[str]) -> list[str]:
    first = (import_module(module).__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
    table = [".. autosummary::", "   :toctree: generated", "   :nosignatures:", "", *(f"   {name}" for name in names)]
    return [f"## {title}", "", first, "", "```{eval-rst}", *table, "```", ""]


def _help(arguments: Sequence[str]) -> str:
    shown = io.StringIO()
    with _plain(), contextlib.redirect_stdout(shown):
        code = main([*arguments, "--help"])
    if code:
        raise ValueError(f"tsreward {' '.join(arguments)} --help ended with {code}: see VARIANTS.")
    lines = shown.getvalue().strip().splitlines()
    return "\n".join(part for line in lines for part in textwrap.wrap(line, 90, replace_whitespace=False) or [""])


@contextlib.contextmanager
def _plain() -> Iterator[None]:
    """Let help texts come out the same everywhere: 90 columns, no colours."""
    before = dict(os.environ)
    os.environ |= {"COLUMNS": "90", "NO_COLOR": "1", "TERM": "dumb"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
