"""Environments of their own: one for every extra, and one for every Python that is here.

    python -m tests.reliability.environments extras      # make test-extras
    python -m tests.reliability.environments pythons     # make test-pythons

Each takes minutes, and gigabytes while it is there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS: dict[str, list[str]] = {
    "": [
        "fit --data DATA --scorer knn --reward likeness --out OUT/m",
        "score DATA --model OUT/m --out OUT/s.npz",
        "info OUT/m",
        "check OUT/m --data DATA",
        "completion bash",
    ],
    "logs": [
        "fit --data LOG --label label --scorer knn --reward likeness --out OUT/m",
        "score LOG --model OUT/m --ignore label --out OUT/s.csv",
    ],
    "logs,report": ["bench detect --detectors pca --data LOG --format csv --out OUT/b"],
    "logs,tune": ["tune --objective detect --data LOG --format csv --trials 1 --study OUT/s.db"],
    "export": [
        "fit --data DATA --scorer knn --reward likeness --out OUT/m",
        "export OUT/m --out OUT/m.onnx",
    ],
    "sb3": ["collect --env CartPole-v1 --agent random --steps 64 --num-envs 1 --out OUT/c.npz"],
    "sb3,report": [
        "collect --env CartPole-v1 --agent random --steps 600 --num-envs 1 --out OUT/c.npz",
        "fit --data OUT/c.npz --scorer mahalanobis --reward likeness --out OUT/m",
        "train --env CartPole-v1 --model OUT/m --algorithm ppo --steps 256 --num-envs 1 --rollout 64 --no-film "
        "--out OUT/run",
    ],
}
"""Extras -> commands that must work with these alone."""
_BROKEN = "raise OSError('libcudart.so: cannot open shared object file')\n"


def try_extras(folder: Path) -> dict[str, int]:
    """Return for every set of extras whether a command failed in an environment that has just these."""
    return {f"extras [{extras}]": _tried(folder, sys.executable, extras) for extras in EXTRAS}


def try_pythons(folder: Path) -> dict[str, int]:
    """Return for every Python that is here whether a command failed; torchvision is missing first, and then broken."""
    found = {version: python for version in PYTHONS if (python := _python(version)) is not None}
    return {f"Python {version}": _tried(folder, python, "", broken=True) for version, python in found.items()}


def _tried(folder: Path, python: str, extras: str, broken: bool = False) -> int:
    """Return 1 where a command failed, whose words are then printed."""
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        place = Path(inside)
        subprocess.run([python, "-m", "venv", place / "venv"], check=True)
        pip = [place / "venv" / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        constraints = ["-c", str(ROOT / "constraints.txt")] if sys.version.startswith("3.11") and not broken else []
        subprocess.run([*pip, *constraints, "torch"], check=True)
        subprocess.run([*pip, *constraints, f"{ROOT}[{extras}]" if extras else str(ROOT)], check=True)
        _write_inputs(place)
        wrong = _ran(place, EXTRAS[extras], {})
        if broken and not wrong:
            (place / "broken" / "torchvision").mkdir(parents=True)
            (place / "broken" / "torchvision" / "__init__.py").write_text(_BROKEN)
            shutil.rmtree(place / "out")
            wrong = _ran(place, EXTRAS[extras], {"PYTHONPATH": str(place / "broken")})
    return wrong


def _ran(place: Path, commands: list[str], env: dict[str, str]) -> int:
    (place / "out").mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in commands:
        for word, value in {"DATA": "data.npy", "LOG": "log.csv", "OUT": "out"}.items():
            command = command.replace(word, str(place / value))
        words = [place / "venv" / "bin" / "tsreward", *shlex.split(command)]
        ran = subprocess.run(words, capture_output=True, text=True, env=kept | env, cwd=place)
        if ran.returncode or "Traceback" in ran.stderr:
            print(f"tsreward {command}\n{ran.stderr[-2000:]}", file=sys.stderr)
            return 1
    return 0


def _write_inputs(place: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 2))
    np.save(place / "data.npy", rows.astype(np.float32))
    labels = np.zeros((600, 1))
    rows[500:520], labels[500:520] = 9.0, 1
    np.savetxt(place / "log.csv", np.hstack([rows, labels]), "%.6g", ",", header="a,b,label", comments="")


def _python(version: str) -> str | None:
    """Return the Python of a version, among those of pyenv, whose own commands may lead nowhere, or on the path."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        results = {"extras": try_extras, "pythons": try_pythons}[sys.argv[1]](Path(made))
    for name, failed in results.items():
        print(f"{name}: {'failed' if failed else 'works'}")
    sys.exit(int(any(results.values()) or not results))
