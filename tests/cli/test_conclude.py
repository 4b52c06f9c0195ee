"""Every command ends with its result in one sentence and with a command that exists."""

from __future__ import annotations

import ast
import shlex
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tsreward.cli.main import COMMANDS, main
from tsreward.cli.output import conclude

pytestmark = pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"completion", "serve"}))
def test_every_command_concludes(command: str) -> None:
    module = Path(str(import_module(f"tsreward.cli.{command.replace('-', '_')}").__file__))
    sources = [path.read_text(encoding="utf-8") for path in module.parent.glob(f"{module.stem}*.py")]
    called = [node.func for one in sources for node in ast.walk(ast.parse(one)) if isinstance(node, ast.Call)]
    assert "conclude" in [function.id for function in called if isinstance(function, ast.Name)]


def test_the_words_of_a_command_are_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    conclude("Done.", ["tsreward", "info", Path("a b.safetensors")], ["tsreward", "version"])
    assert capsys.readouterr().out == "Done.\nNext: tsreward info 'a b.safetensors'\nNext: tsreward version\n"


def _last(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[str, list[str]]:
    assert main([str(word) for word in words]) == 0
    *_, verdict, following = capsys.readouterr().out.splitlines()
    assert following.startswith("Next: tsreward ")
    return verdict, shlex.split(following)[2:]


def test_a_log_is_led_from_command_to_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    log, model, scores = tmp_path / "log.csv", tmp_path / "m.safetensors", tmp_path / "scores.csv"
    values = rng.normal(size=(400, 2))
    np.savetxt(log, values, delimiter=",", header="a,b", comments="")
    fit = ("fit", "--data", log, "--scorer", "mahalanobis", "--reward", "likeness", "--out", model)
    verdict, following = _last(capsys, *fit)
    assert verdict.startswith("The model has learned ") and "nothing tells how well it finds others" in verdict
    assert following == ["score", "FILE", "--model", str(model), "--out", "scores.csv"]
    chosen = {"FILE": str(log), "scores.csv": str(scores)}
    verdict, following = _last(capsys, *(chosen.get(word, word) for word in following))
    assert " of 400 steps (" in verdict and verdict.endswith(f"Written to {scores}.")
    assert following == ["evaluate", "--scores", str(scores), "--labels", "FILE"]
    labels = tmp_path / "labels.csv"
    np.savetxt(labels, np.abs(values).max(1) > 2, fmt="%d", header="label", comments="")
    following[following.index("FILE")] = str(labels)
    verdict, following = _last(capsys, *following)
    assert verdict.startswith("A ROC AUC of 0.") and following[:2] == ["bench", "detect"]
    verdict, following = _last(capsys, "info", model)
    assert verdict == "A reward of the kind likeness on scores of mahalanobis."
    verdict, following = _last(capsys, *following)
    assert verdict == "All 1 passed every check." and following[0] == "audit"
    verdict, following = _last(capsys, "compare", model, model, "--data", log)
    assert verdict.endswith("by which to say which model is better.")
    assert following[:3] == [
        "audit",
        "--model",
        str(model),
    ]
