"""A scorer that nobody knows is refused before anything is loaded, and the names are those of the registry."""

from __future__ import annotations

import subprocess
import sys

from tsreward.cli.known_names import SCORERS
from tsreward.scorers.base import SCORERS as REGISTRY
from tsreward.scorers.presets import scorer_names


def test_the_names_are_those_of_the_registry():
    ours = {name for name in scorer_names() if name not in REGISTRY or REGISTRY.package(name) == "tsreward"}
    assert set(SCORERS) == ours


def test_a_typo_is_answered_without_loading_torch():
    code = """
import sys
from tsreward.cli.main import main
print(main(["fit", "--data", "x.npz", "--scorer", "deep_sat", "--out", "y"]), "torch" in sys.modules)
print(main(["fit", "--data", "x.npz", "--scorer=deep_sad", "--out", "y"]), "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", "False", "2", "True"]
    assert "Unknown scorer 'deep_sat': did you mean 'deep_sad'?" in run.stderr
