"""Every bad input: one line with the remedy, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.errors import pip_install
from tsreward.sequences.episodes import Episode


def made_of(length: int = 12, count: int = 6, dim: int = 3, cost: float | None = 0.0) -> list[Episode]:
    rng = np.random.default_rng(0)
    return [
        Episode(rng.normal(size=(length + 1, dim)), np.ones(length), None if cost is None else np.full(length, cost))
        for _ in range(count)
    ]


@pytest.fixture
def files(made, tmp_path):
    """Return a folder of data that something is wrong with."""
    save_episodes(made_of(length=2), tmp_path / "short.npz")
    save_episodes(made_of(cost=1.0), tmp_path / "unsafe.npz")
    save_episodes(made_of(count=1, length=5), tmp_path / "few.npz")
    save_episodes(made_of(dim=5), tmp_path / "wide.npz")
    save_episodes(made_of(), tmp_path / "good.npz")
    save_episodes(made_of(cost=None), tmp_path / "costless.npz")
    broken = made_of()
    broken[2].obs[4, 1] = np.nan
    save_episodes(broken, tmp_path / "nan.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:-200])
    content = bytearray(made.model.read_bytes())
    content[-9] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(content)
    (tmp_path / "text.csv").write_text("a,b,c\n1,2,3\n1,two,3\n")
    np.save(tmp_path / "flat.npy", np.ones(7))
    (tmp_path / "one.csv").write_text("score,label\n1,0\n2,0\n")
    (tmp_path / "signs.csv").write_text("score,label\n1,1\n2,-1\n")
    (tmp_path / "long.csv").write_text("label\n1\n0\n0\n")
    return tmp_path


FIT = "fit --out OUT/m.safetensors --data"
CASES = {
    "missing file": (f"{FIT} none.npz", "There is no file none.npz"),
    "damaged episodes": (f"{FIT} cut.npz", "cut.npz is damaged or not an NPY or NPZ file of plain arrays"),
    "flat array": (
        f"{FIT} flat.npy",
        "flat.npy, array 'array', must be [T, D], one row per time step, found shape [7]",
    ),
    "nan": (f"{FIT} nan.npz", "nan.npz: 'obs' of episode 2 holds NaN or inf at step 4: drop that episode"),
    "text": (f"{FIT} text.csv", "text.csv: row 2 of column 'b' must be a finite number, found 'two'"),
    "shapes": (f"{FIT} good.npz wide.npz", "wide.npz holds observations [5], but good.npz [3]"),
    "window": (f"{FIT} short.npz --window 8", "use a shorter window or longer episodes"),
    "nothing safe": (f"{FIT} unsafe.npz", "is free of cost: collect from a safer agent"),
    "too few": (f"{FIT} few.npz --window 4", "collect more episodes"),
    "scorer": (f"{FIT} good.npz --scorer deep_sda", "Unknown scorer 'deep_sda': did you mean 'deep_sad'?"),
    "mode": (f"{FIT} good.npz --reward penality", "Unknown reward mode 'penality': did you mean 'penalty'?"),
    "option": (f"{FIT} good.npz --scorer.clip -1", "DeepSVDDOptions.clip must be a finite number >= 0 or None"),
    "mode option": (
        f"{FIT} good.npz --reward.false-alarm-rate 1",
        "false_alarm_rate must be a number in (0, 1)",
    ),
    "train option": (
        f"{FIT} good.npz --train.learning-rate -1",
        "learning_rate must be a number in [0, 1000.0)",
    ),
    "device": (f"{FIT} good.npz --train.device abacus", "TrainOptions.device 'abacus' cannot be used here"),
    "share": (f"{FIT} good.npz --held-out 1", "--held-out must be a number in [0, 1), got 1.0"),
    "foreign env": (f"{FIT} good.npz --env Tiny/Wide-v0", "name the environment that the data is from"),
    "unknown env": (f"{FIT} good.npz --env Tiny/Wild-v0", "did you mean 'Tiny/Wide-v0'?"),
    "no folder": ("fit --out OUT/a/m --data good.npz", "OUT/a does not exist. Create it first"),
    "a folder": ("fit --out OUT --data good.npz", "OUT is a folder: name a file in it"),
    "model shape": ("score wide.npz --model MODEL", "reads observations [3], but wide.npz holds [5]"),
    "damaged model": ("score good.npz --model damaged.safetensors", "does not match its SHA-256"),
    "no model": ("score good.npz --model none", "none cannot be loaded: There is no such file"),
    "ending": ("score good.npz --model MODEL --out OUT/s.txt", "ends with .csv or .npz"),
    "two on stdout": ("score good.npz --model MODEL --json", "would both write to stdout"),
    "label of npz": ("score good.npz --model MODEL --label x", "only a table has a label"),
    "info": ("info good.npz", "good.npz cannot be loaded"),
    "no labels": ("evaluate --model MODEL --data costless.npz", "has neither costs nor labels"),
    "one class": ("evaluate --model MODEL --data good.npz", "needs both classes, but all 72 labels are normal"),
    "nothing": ("evaluate", "either --model and --data, or --scores"),
    "half": ("evaluate --model MODEL", "either --model and --data, or --scores"),
    "both": ("evaluate --model MODEL --data good.npz --scores one.csv", "either --model and --data"),
    "labels alone": ("evaluate --model MODEL --data good.npz --labels one.csv", "belongs to --scores"),
    "bar": ("evaluate --scores one.csv --min-roc 2", "--min-roc must be a number in [0, 1]"),
    "column": ("evaluate --scores one.csv --label truth", "one.csv has no column 'truth': it has score, label"),
    "signs": ("evaluate --scores signs.csv", "signs.csv: row 2 of label column 'label' must be 0 (normal) or 1"),
    "episodes of scores": ("evaluate --scores one.csv --episode e", "takes no other columns than --label and --time"),
    "time of scores": ("evaluate --scores one.csv --time t", "--time joins --scores with --labels"),
    "time of labels": ("evaluate --scores one.csv --labels long.csv --time t", "one.csv has no column 't'"),
    "lengths": ("evaluate --scores one.csv --labels long.csv", "has 2 scores, but long.csv 3 labels"),
    "no env": ("collect --env Tiny/Wild-v0 --out OUT/e.npz", "did you mean 'Tiny/Wide-v0'?"),
    "broken env": ("collect --env Tiny/Broken-v0 --out OUT/e.npz", "gave NaN or inf as observation in step 4"),
    "stdout": ("collect --env Tiny/Cost-v0 --out -", "--out - is standard output, which only tsreward score writes"),
    "read-only": ("collect --env Tiny/Cost-v0 --out /proc/e.npz", "Cannot write /proc/e.npz: "),
    "train shape": ("train --env Tiny/Wide-v0 --model MODEL --out OUT/r", "fit a model on episodes of"),
    "train env": ("train --env Tiny/Cst-v0 --model MODEL --out OUT/r", "did you mean 'Tiny/Cost-v0'?"),
    "train model": ("train --env Tiny/Cost-v0 --model cut.npz --out OUT/r", "cut.npz cannot be loaded"),
    "train weight": (
        "train --env Tiny/Cost-v0 --model MODEL --penalty-weight -1 --out OUT/r",
        "--penalty-weight must be a finite number >= 0",
    ),
    "train breaks": (
        "train --env Tiny/Broken-v0 --model MODEL --steps 200 --out OUT/r",
        "gave NaN or inf as observation",
    ),
    "never ends": (
        "train --env Tiny/Endless-v0 --model MODEL --steps 64 --out OUT/r",
        "64 steps finish no episode of Tiny/Endless-v0: each of 8 environments gets 8. Raise --steps",
    ),
}


BEGUN = ("train breaks",)
"""Cases that are found out while an agent trains."""


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_writes_nothing(case, files, made, complaint, monkeypatch):
    arguments, message = CASES[case]
    monkeypatch.chdir(files)
    (files / "OUT").mkdir()
    assert message in complaint(*arguments.replace("MODEL", str(made.model)).split())
    left = list((files / "OUT").iterdir())
    if case in BEGUN:  # a run keeps what it has written, and says that it failed
        assert json.loads((left[0] / "status.json").read_text())["state"] == "failed"
        assert not (left[0] / "results.json").exists()
    else:
        assert left == []


def test_a_penalty_on_data_without_rewards_needs_a_unit(files, tmp_path, complaint, document):
    np.save(tmp_path / "log.npy", np.random.default_rng(0).normal(size=(60, 2)))
    arguments = ("fit", "--data", tmp_path / "log.npy", "--out", tmp_path / "m", "--scorer", "mahalanobis")
    assert "the data has no rewards: add --reward.unit 1.0, or take --reward likeness" in complaint(*arguments)
    assert not (tmp_path / "m").exists()
    document(*arguments, "--reward.unit", "1.0")
    assert "A penalty weight is for the mode penalty" in complaint(
        *("train", "--env", "Tiny/Cost-v0", "--penalty-weight", "1", "--out", tmp_path / "r", "--model"),
        _likeness(tmp_path, document),
    )


def _likeness(folder, document):
    path = folder / "likeness"
    document("fit", "--data", folder / "good.npz", "--out", path, "--scorer", "mahalanobis", "--reward", "likeness")
    return path


def test_a_file_that_was_there_stays_when_the_command_fails(files, complaint):
    before = (files / "good.npz").read_bytes()
    complaint("collect", "--env", "Tiny/Broken-v0", "--out", files / "good.npz")
    assert (files / "good.npz").read_bytes() == before
    assert load_episodes(files / "good.npz")


def test_a_missing_pyarrow_is_named_with_its_command(files, made, complaint, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = complaint("score", files / "text.csv", "--model", made.model)
    assert line == f"tsreward: error: pyarrow is not installed. Install it with: {pip_install('logs')}"


def test_without_stable_baselines3_the_other_commands_work(files, made):
    code = f"""
import sys, json
sys.modules["stable_baselines3"] = None
from tsreward.cli.main import main
codes = [main(["fit", "--data", "good.npz", "--out", "m", "--scorer", "mahalanobis", "--env", "CartPole-v1"]),
         main(["fit", "--data", "good.npz", "--out", "m", "--scorer", "mahalanobis", "--json"]),
         main(["train", "--env", "x", "--model", {str(made.model)!r}]),
         main(["demo"])]
print(json.dumps(codes))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=files)
    assert json.loads(run.stdout.splitlines()[-1]) == [2, 0, 2, 2]
    missing = f"tsreward: error: stable_baselines3 is not installed. Install it with: {pip_install('sb3')}"
    assert run.stderr.splitlines()[-2:] == [missing, missing]


def test_safety_gymnasium_is_named_with_its_commands(complaint, tmp_path, monkeypatch):
    monkeypatch.setattr("tsreward.envs._compat.importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "safety_gymnasium", raising=False)
    line = complaint("demo", "--out", tmp_path / "run")
    assert "pip install --no-deps safety-gymnasium" in line
    assert list(tmp_path.iterdir()) == []


def test_interrupting_a_run_leaves_no_folder(made, tmp_path, monkeypatch):
    def interrupt(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsreward.cli.train.train_agent", interrupt)
    out = tmp_path / "deep" / "run"
    assert main(["train", "--env", "Tiny/Cost-v0", "--model", str(made.model), "--out", str(out)]) == 130
    assert list(tmp_path.iterdir()) == []
