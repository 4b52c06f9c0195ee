"""A scorer, an encoder and a loader of another package do whatever ours do, and nothing is imported out of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
POINTS = {
    "scorers": "far = tiny_pack:Far",
    "encoders": "first = tiny_pack:First",
    "datasets": "pairs = tiny_pack:load_pairs",
}

IN_PYTHON = """
import torch, tsreward
from tsreward.scorers.base import SCORERS
from tsreward.encoders.base import ENCODERS
from tsreward.scorers.presets import scorer_preset
assert "tiny_pack" not in __import__("sys").modules
encoder = ENCODERS["first"]((3,))
scorer = scorer_preset("far").build(2)
rows = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(0))
model = tsreward.RewardModel(scorer, tsreward.Penalty(tsreward.PenaltyOptions(unit=1.0)), encoder)
model.fit(tsreward.WindowSet.from_episodes(list(rows), 2))
tsreward.save(model, "model.safetensors")
again = tsreward.load("model.safetensors")
assert type(again.scorer) is SCORERS["far"] and type(again.encoder) is ENCODERS["first"]
probe = torch.randn(7, 2, 2)
assert torch.equal(again.scorer(probe), model.scorer(probe))
"""

IN_TURN = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from tsreward.cli.main import main
ran = []
for line in sys.argv[1:]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(line.split())
        except SystemExit as ended:  # as --help does
            code = ended.code or 0
    ran.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(ran))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder in which the package is installed as pip does it: a module, and a description of it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "tiny_pack.py").write_text((ROOT / "tests" / "tiny_pack.py").read_text())
    about = folder / "tiny_pack-0.3.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-pack\nVersion: 0.3\n")
    lines = [f"[tsreward.{group}]\n{point}\n" for group, point in POINTS.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Return a folder with data: one log for `fit`, and two series with labels for the loader."""
    folder = tmp_path_factory.mktemp("work")
    generator = np.random.default_rng(0)
    np.save(folder / "log.npy", generator.normal(size=(300, 3)).astype(np.float32))
    (folder / "pairs").mkdir()
    for name in ("a", "b"):
        train, test = generator.normal(size=(200, 2)), generator.normal(size=(100, 2))
        labels = np.zeros(100, bool)
        labels[40:50] = True
        test[labels] += 4
        np.savez(folder / "pairs" / f"{name}.npz", train=train, test=test, labels=labels)
    return folder


def python(work: Path, *arguments: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with or without the package."""
    path = os.pathsep.join(map(str, filter(None, [ROOT, site])))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=work, env=environment)


def command(work: Path, site: Path | None, line: str) -> subprocess.CompletedProcess[str]:
    """Run a command of tsreward."""
    return python(work, "-m", "tsreward", *line.split(), site=site)


def commands(work: Path, site: Path, *lines: str) -> list[tuple[int, str, str]]:
    """Return exit code, stdout and stderr of commands that one process runs one after the other."""
    run = python(work, "-c", IN_TURN, *lines, site=site)
    assert run.returncode == 0, run.stderr
    return [tuple(one) for one in json.loads(run.stdout)]


def test_fit_save_and_load_in_python(installed, work):
    run = python(work, "-c", IN_PYTHON, site=installed)
    assert run.returncode == 0, run.stderr


def test_the_command_line_knows_its_names_and_options(installed, work):
    (_, fit, _), (_, bench, _) = commands(work, installed, "fit --scorer far --help", "bench --help")
    assert "dqn, far, forecaster" in fit
    assert "--scorer.power FLOAT" in fit
    assert "What distances are raised to." in fit
    assert "nab, pairs" in bench


def test_fit_and_check(installed, work):
    line = "fit --scorer far --scorer.power 3 --reward likeness --data log.npy --out far.safetensors --json"
    assert commands(work, installed, line)[0][0] == 0
    check, info, refused = commands(  # in another process than the one that made the file
        work,
        installed,
        "check far.safetensors --data log.npy",
        "info far.safetensors --json",
        "fit --scorer far --scorer.power 0 --data log.npy --out x.safetensors",
    )
    assert check[0] == 0, check
    scorer = json.loads(info[1])["scorer"]
    assert scorer["package"] == "tiny-pack"
    assert scorer["options"]["power"] == 3.0
    assert refused[2] == "tsreward: error: FarOptions.power must be a finite number > 0, got 0.0.\n"


def test_without_the_package_its_file_is_refused_with_its_name(installed, work):
    if not (work / "far.safetensors").exists():
        command(work, installed, "fit --scorer far --reward likeness --data log.npy --out far.safetensors")
    run = command(work, None, "score log.npy --model far.safetensors")
    assert run.returncode == 2
    assert "Unknown scorer 'far'" in run.stderr
    assert "made with the package 'tiny-pack', which is not installed here" in run.stderr


def test_bench(installed, work):
    line = "bench detect --format pairs --data pairs --detectors far random --seeds 1 --out bench --no-report --json"
    run = command(work, installed, line)
    assert run.returncode == 0, run.stderr
    found = {row["detector"]: row for row in json.loads((work / "bench" / "table.json").read_text())}
    assert found["far"]["vus_pr"] > 2 * found["random"]["vus_pr"]


def test_tune(installed, work):
    pytest.importorskip("optuna")
    line = (
        "tune --study s.db --objective detect --format pairs --data pairs --fix scorer=far window=2 --trials 2 --json"
    )
    run = command(work, installed, line)
    assert run.returncode == 0, run.stderr
    best = (work / "s-tuned" / "best.toml").read_text()
    assert 'scorer = "far"' in best
    assert '"scorer.power"' in best or "scorer.power" in best
