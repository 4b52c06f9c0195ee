"""Runs that are stopped or killed go on where their last checkpoint was, and keep what they had written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from tsreward.cli.main import main
from tsreward.cli.running import lasting, resumed
from tsreward.data.episode_rows import UNDONE, read_rows
from tsreward.errors import OptionError, pip_install
from tsreward.recipes.live_run import read_status
from tsreward.sb3.checkpoints import Checkpoints
from tsreward.sb3.saved_agent import load_agent

AGENT = ("--steps", "1024", "--num-envs", "4", "--hidden", "8", "--rollout", "32", "--no-film")


def rows(folder: Path) -> list:
    return read_rows(folder / "episodes.csv")[0].rows


@pytest.fixture
def stopped(monkeypatch):
    """Let Ctrl-C come when the first checkpoint is taken."""
    write = Checkpoints.write

    def write_and_stop(self, training):
        path = write(self, training)
        monkeypatch.undo()
        os.kill(os.getpid(), signal.SIGINT)
        return path

    monkeypatch.setattr(Checkpoints, "write", write_and_stop)


def test_a_killed_run_goes_on(made, tmp_path, document, complaint):
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--save-every", "128")
    straight = document(*train, "--out", tmp_path / "straight")
    code = "import sys, tests.tiny; from tsreward.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, train), "--out", str(tmp_path / "run")])
    checkpoints = tmp_path / "run" / "checkpoints"
    while process.poll() is None and not list(checkpoints.glob("step-*")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = Checkpoints(checkpoints, resume=True)
    if kept.done == 1024:  # it was faster than the kill
        shutil.rmtree(checkpoints / "step-1024")
    done = Checkpoints(checkpoints, resume=True).done
    document("train", "--resume", tmp_path / "run")
    again = json.loads((tmp_path / "run" / "results.json").read_text())
    before = [row for row in rows(tmp_path / "straight") if row.step <= done]
    assert rows(tmp_path / "run")[: len(before)] == before
    assert (again["steps"], again["model"]) == (1024, straight["model"])
    lost = tmp_path / "run" / UNDONE
    assert not lost.exists() or all(row.step > done for row in read_rows(lost)[0].rows)
    status = read_status(tmp_path / "run")
    assert (status["state"], status["resumed_at"]) == ("finished", [done])
    assert "nothing is left: give more --steps" in complaint("train", "--resume", tmp_path / "run")
    assert read_status(tmp_path / "run")["state"] == "finished"
    document("train", "--resume", tmp_path / "run", "--steps", "1200")
    assert rows(tmp_path / "run")[-1].step > 1100


@pytest.mark.parametrize("learning", ["active", "frozen"])
def test_a_likeness_goes_on_without_its_demonstrations(learning, tmp_path, document, stopped):
    demos = tmp_path / "expert.npz"
    document(
        "collect", "--env", "Tiny/Plain-v0", "--agent", "graded", "--policy", "highest", "--stages", "--out", demos
    )
    kind = ("--scorer", "mahalanobis", "--transform", "exponential") if learning == "frozen" else ("--bonus", "rnd")
    train = ("train", "--reward", "likeness", "--env", "Tiny/Plain-v0", "--demos", demos, "--learning", learning, *kind)
    agent = (*AGENT, "--algorithm", "ppo", "--action-repeat", "1", "--evaluations", "2", "--save-every", "256")
    run = tmp_path / "run"
    assert main([*map(str, (*train, *agent)), "--out", str(run)]) == 130
    status = read_status(run)
    assert status["state"] == "stopped" and not (run / "results.json").exists()
    assert [path.name for path in (run / "checkpoints").glob("step-*")] and (run / "report.html").exists()
    demos.unlink()
    results = document("train", "--resume", run)
    assert results["expert"]["return"] > results["random"]["return"] and results["steps"] == 1024
    assert rows(run)[-1].step > 900 and rows(run)[-1].learned_return is not None


def test_what_a_run_goes_on_with():
    given = ["--env", "a", "--obs-key", "b", "c", "--json", "--out=x", "--config", "y.toml", "--save-every=5"]
    assert lasting(given) == ["--env", "a", "--obs-key", "b", "c", "--save-every=5"]


def test_only_little_may_change(tmp_path):
    status = {"arguments": ["--env", "my_module:Maze-v0", "--steps", "100", "--hidden=8"]}
    (tmp_path / "status.json").write_text(json.dumps(status))
    with pytest.raises(OptionError, match="got --hidden beside --resume: leave it out; only --steps"):
        resumed(tmp_path, ["--resume", "x", "--hidden", "9"])
    with pytest.raises(OptionError, match="give --env my_module:Maze-v0 again, beside --resume"):
        resumed(tmp_path, ["--resume", "x"])
    with pytest.raises(OptionError, match="got --env beside --resume"):
        resumed(tmp_path, ["--resume", "x", "--env", "other:Maze-v0"])
    words = resumed(tmp_path, ["--resume", "x", "--env=my_module:Maze-v0", "--steps", "200"])
    assert words == ["--env=my_module:Maze-v0", "--steps", "200", "--hidden=8", "--resume", "x", "--out", str(tmp_path)]


@pytest.mark.parametrize("path", ["none", "."])
def test_what_is_no_run_cannot_go_on(path, tmp_path, complaint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "is no folder of a run" in complaint("train", "--resume", path)
    assert list(tmp_path.iterdir()) == []


def test_figures_go_to_other_places(made, tmp_path, document, complaint, monkeypatch):
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert complaint(*train, "--tensorboard", "--out", tmp_path / "a").endswith(pip_install("tensorboard"))
    assert complaint(*train, "--wandb", "--out", tmp_path / "a").endswith(pip_install("wandb"))
    assert list(tmp_path.iterdir()) == []
    sent: list = []
    run = types.SimpleNamespace(
        log=lambda numbers, step: sent.append((step, numbers)), finish=lambda: sent.append("end")
    )
    fake = types.SimpleNamespace(init=lambda **given: sent.append(given) or run)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    document(*train, "--wandb", "--out", tmp_path / "b")
    assert sent[0]["name"] == "b" and sent[0]["config"]["hidden"] == 8 and sent[-1] == "end"
    assert sent[1][0] == 128 and "rollout/ep_true_rew_mean" in sent[1][1]


def test_tensorboard_gets_events(made, tmp_path, document):
    pytest.importorskip("tensorboard")
    document(
        "train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--tensorboard", "--out", tmp_path / "run"
    )
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert b"ep_learned_rew_mean" in events.read_bytes()


def test_a_config_file_names_any_algorithm_and_its_policy(made, tmp_path, document):
    config = tmp_path / "train.toml"
    config.write_text('[train]\nalgorithm = "a2c"\npolicy_kwargs = {net_arch = [7], activation_fn = "elu"}\n')
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--config", config)
    assert document(*train, "--out", tmp_path / "run")["algorithm"] == "a2c"
    kept = json.loads((tmp_path / "run" / "config.json").read_text())["agent"]
    assert json.loads(kept["policy_kwargs"]) == {"net_arch": [7], "activation_fn": "elu"}
    assert load_agent(tmp_path / "run").policy.mlp_extractor.policy_net[0].out_features == 7
