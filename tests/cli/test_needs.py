"""Every command does its work with the extras that it is for, and none of the others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.cli.conftest import Made

EXTRAS: dict[str, tuple[str, ...]] = {
    "sb3": ("stable_baselines3", "sb3_contrib"),
    "simulators": ("mujoco", "dm_control", "ale_py", "safety_gymnasium", "metaworld", "gymnasium_robotics"),
    "pixels": ("transformers", "av", "cv2"),
    "logs": ("pyarrow", "sklearn", "scipy"),
    "pyod": ("pyod",),
    "minari": ("minari", "h5py"),
    "tune": ("optuna", "sqlalchemy"),
    "report": ("matplotlib", "jinja2", "bokeh", "pandas"),
}
"""Extra -> what it brings; bokeh brings pandas."""
COMMANDS: dict[str, tuple[str, set[str]]] = {
    "info": ("info MODEL", set()),
    "check": ("check MODEL --data DATA", set()),
    "fit": ("fit --data DATA --scorer mahalanobis --reward likeness --out OUT/m", set()),
    "fit, table": ("fit --data LOG --label label --scorer knn --reward likeness --out OUT/m", {"logs"}),
    "score": ("score DATA --model MODEL --out OUT/s.csv", set()),
    "evaluate": ("evaluate --data DATA --model MODEL", set()),
    "relabel": ("relabel DATA --model MODEL --out OUT/r.npz", set()),
    "compare": ("compare MODEL MODEL --data DATA --out OUT/c.html", {"report"}),
    "audit": ("audit --help", set()),
    "bench": ("bench detect --detectors pca --data LOG --format csv --out OUT/b", {"logs", "report"}),
    "detect": ("detect LOG LOG --detector pca --ignore label --out OUT/d", {"logs", "report"}),
    "tune": ("tune --objective detect --data LOG --format csv --trials 1 --study OUT/s.db", {"logs", "tune", "report"}),
    "completion": ("completion bash", set()),
    "collect": ("collect --env CartPole-v1 --agent random --steps 32 --num-envs 1 --out OUT/c.npz", {"sb3"}),
}
SETS = {
    needs: [name for name, (_, needed) in COMMANDS.items() if needed == needs]
    for needs in dict.fromkeys(frozenset(needed) for _, needed in COMMANDS.values())
}
"""What is needed -> the commands that need it, which share a process: starting one takes longer than its work."""
_HIDING = """
import json, sys
hidden = set(sys.argv[1].split(","))
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from tsreward.cli.main import main
for name, words in json.loads(sys.argv[2]).items():
    try:
        code = main(words)
    except SystemExit as ended:  # as --help does
        code = ended.code or 0
    print(f"{name!r} ended with {code}", file=sys.stderr)
"""
"""Run the commands of an object name -> words, one after the other, with some modules hidden."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, rng = tmp_path_factory.mktemp("log") / "log.csv", np.random.default_rng(0)
    table = pandas.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"]).assign(label=0)
    table.loc[500:520, ["a", "label"]] = (9.0, 1)
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("needs", SETS, ids=lambda needs: ", ".join(sorted(needs)) or "none")
def test_commands_need_their_extras_alone(needs: frozenset[str], made: Made, log: Path, tmp_path: Path) -> None:
    places = {"DATA": made.episodes, "MODEL": made.model, "LOG": log, "OUT": tmp_path}
    commands = {}
    for name in SETS[needs]:
        command = COMMANDS[name][0]
        for word, value in places.items():
            command = command.replace(word, str(value))
        commands[name] = command.split()
    hidden = ",".join(module for extra, modules in EXTRAS.items() if extra not in needs for module in modules)
    run = [sys.executable, "-c", _HIDING, hidden, json.dumps(commands)]
    ran = subprocess.run(run, capture_output=True, text=True)
    ended = re.findall(r"^('.*') ended with (.*)$", ran.stderr, re.MULTILINE)
    assert ran.returncode == 0 and ended == [(repr(name), "0") for name in commands], ran.stderr
    assert "Traceback" not in ran.stderr and "not installed" not in ran.stderr, ran.stderr
