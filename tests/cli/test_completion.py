"""What a shell completes: commands in the first place, a command's own options behind it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tsreward.cli import completion
from tsreward.cli.main import COMMANDS, main


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the slow helps out."""
    monkeypatch.setattr(
        "tsreward.cli.main.COMMANDS", {name: COMMANDS[name] for name in ("score", "info", "completion")}
    )


def completed(script: Path, *words: str) -> list[str]:
    """Return what bash completes the last of the words to."""
    bash = shutil.which("bash")
    assert bash is not None
    line = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; _tsreward; echo ${{COMPREPLY[@]}}"
    run = subprocess.run([bash, "-c", f"source {script}; {line}"], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_bash_completes_commands_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert completed(script, "tsreward", "in") == ["info"]
    assert completed(script, "tsreward", "info", "--js") == ["--json"]
    assert "--model" in completed(script, "tsreward", "score", "--")
    assert completed(script, "tsreward", "score", "file") == []


def test_it_is_installed_where_the_shell_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(completion, "options_of", lambda command: ["--json", "--help"])
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell, "--install"]) == 0
        assert completion.place(shell).is_file()
        assert str(completion.place(shell)) in capsys.readouterr().out
    fish = (tmp_path / "config" / "fish" / "completions" / "tsreward.fish").read_text()
    assert "complete -c tsreward -n '__fish_seen_subcommand_from info' -l json" in fish
    assert f"-a info -d '{COMMANDS['info'][0]}'" in fish
