"""The examples run, shrunken, and show what they are there to show."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_own_scorer() -> None:
    normal, hasty = runpy.run_path(str(EXAMPLES / "own_scorer.py"))["main"]()
    assert normal > 0.5 > 0.1 > hasty


def test_safety_penalty() -> None:
    vanilla, penalised = runpy.run_path(str(EXAMPLES / "safety_penalty.py"))["main"](steps=12_288)
    assert penalised.cost_rate < 0.5 * vanilla.cost_rate


def test_log_detection() -> None:
    values = runpy.run_path(str(EXAMPLES / "log_detection.py"))["main"]()
    assert values["ensemble"] > 0.8 > 0.5 > values["z_norm"]
