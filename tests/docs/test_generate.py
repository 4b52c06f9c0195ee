"""The reference is read off the code: every public name, command and code stands there."""

from pathlib import Path

import tsreward
from docs.generate import write
from tsreward.audit.codes import CODES
from tsreward.cli.main import COMMANDS
from tsreward.data.alarms import ALARMS


def test_the_reference_of_a_fresh_clone_is_complete(tmp_path: Path) -> None:
    write(tmp_path / "reference")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "reference").glob("*.md")}
    assert set(pages) == {"api", "commands", "audit-codes"}
    assert {f"tsreward.{name}" for name in tsreward.__all__} <= set(pages["api"].split())
    assert all(f"\n## {name}\n" in pages["commands"] for name in COMMANDS)
    assert all(f"({code.lower()})=\n## {code}" in pages["audit-codes"] for code in [*CODES, *ALARMS])


def test_pages_of_names_that_are_gone_are_dropped(tmp_path: Path) -> None:
    generated = tmp_path / "generated"
    generated.mkdir()
    for name in ("tsreward.save", "tsreward.gone"):
        (generated / f"{name}.rst").write_text("")
    write(tmp_path)
    assert [path.stem for path in generated.iterdir()] == ["tsreward.save"]
