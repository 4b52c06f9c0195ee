"""Ctrl-C in the first second, while modules are imported: one line and 130, without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.hanging import must_end

_INTERRUPTING = """
import os, signal, sys
wanted, sys.argv[1:] = sys.argv[1], sys.argv[2:]
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
from tsreward.__main__ import start
sys.exit(start())
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("tsreward.cli.main", "--version"),
        ("tsreward.cli.known_names", "--version"),
        ("tsreward.data.memory", "info m"),
        ("tsreward.files", "info m"),
        ("tsreward.cli.info", "info m"),
        ("torch", "info m"),
        ("tyro", "fit --data d --out o"),
    ],
)
def test_an_interrupt_in_an_import_is_one_line(module: str, command: str) -> None:
    with must_end(120):
        ran = subprocess.run(
            [sys.executable, "-c", _INTERRUPTING, module, *command.split()], capture_output=True, text=True
        )
    assert (ran.returncode, ran.stdout) == (130, ""), ran.stderr
    assert ran.stderr == "tsreward: interrupted\n"
