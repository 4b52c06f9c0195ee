"""`tsreward completion`: names and options that a shell completes."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from tsreward.cli import main as commands
from tsreward.cli.parsing import Arguments, parse
from tsreward.files import make_folder, write_atomic

_HERE = "completion"


@dataclass(frozen=True)
class Options(Arguments):
    """Print what makes a shell complete commands and options, or put it where the shell finds it."""

    shell: tyro.conf.Positional[Literal["bash", "zsh", "fish"]]
    """Which shell."""
    install: bool = False
    """Write it into the shell's own folder of the user: bash and fish read it there by themselves."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, _HERE, arguments))


def run(options: Options) -> int:
    """Print or write the script."""
    script = _SCRIPTS[options.shell]({name: options_of(name) for name in commands.COMMANDS if name != _HERE})
    if not options.install:
        print(script, end="")
        return 0
    path = place(options.shell)
    make_folder(path.parent)
    write_atomic(path, script.encode())
    more = f"; add this line to ~/.zshrc: source {path}" if options.shell == "zsh" else ": open a new shell"
    print(f"Written to {path}{more}")
    return 0


def place(shell: str) -> Path:
    """Return where a shell looks for what a user has installed."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "tsreward",
        "fish": config / "fish" / "completions" / "tsreward.fish",
        "zsh": data / "tsreward" / "completion.zsh",
    }[shell]


def options_of(command: str) -> list[str]:
    """Return the options that the help of a command names, in their order."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        commands.main([command, "--help"])
    found = re.findall(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]", text.getvalue())
    return list(dict.fromkeys([*found, "--help"]))


def _bash(options: Mapping[str, Sequence[str]]) -> str:
    cases = "\n".join(f"    {name}) words='{' '.join(known)}' ;;" for name, known in options.items())
    return f"""# Completion of tsreward for bash.
_tsreward() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{" ".join(options)}' -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$current" in -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;; esac
}}
complete -o default -F _tsreward tsreward
"""


def _zsh(options: Mapping[str, Sequence[str]]) -> str:
    return f"autoload -U +X compinit bashcompinit && compinit && bashcompinit\n{_bash(options)}"


def _fish(options: Mapping[str, Sequence[str]]) -> str:
    lines = ["# Completion of tsreward for fish."]
    for name in options:
        text = commands.COMMANDS[name][0].replace("'", "")
        lines.append(f"complete -c tsreward -n __fish_use_subcommand -f -a {name} -d '{text}'")
    for name, known in options.items():
        lines += [f"complete -c tsreward -n '__fish_seen_subcommand_from {name}' -l {one[2:]}" for one in known]
    return "\n".join(lines) + "\n"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
