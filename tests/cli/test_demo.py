"""The demo from the first step to the last file, in an environment that takes a second."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tsreward.cli.demo import QUICK_STEPS
from tsreward.cli.main import main
from tsreward.data.episode_rows import read_rows
from tsreward.errors import pip_install
from tsreward.io import load
from tsreward.sb3.saved_agent import load_agent

SMALL = ("demo", "--env", "Tiny/Cost-v0", "--steps", "1024", "--scorer", "mahalanobis")
AGENT = {"return", "cost", "length", "cost_rate", "final_cost_rate"}


def test_the_folder_holds_what_is_promised(tmp_path, document, capsys):
    printed = document(*SMALL, "--seed", "3", "--out", tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.json",
        "curves.png",
        "episodes.csv",
        "model.safetensors",
        "penalised",
        "report.html",
        "results.json",
        "status.json",
        "vanilla",
    ]
    assert load_agent(tmp_path / "run" / "penalised").env == "Tiny/Cost-v0"
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results) == {
        "env",
        "source_env",
        "seed",
        "steps",
        "scorer",
        "vanilla",
        "penalised",
        "alarms",
        "film",
        "verdict",
        "warnings",
        "versions",
    }
    assert set(results["scorer"]) == {"name", "roc", "average_precision"}
    assert set(results["vanilla"]) == set(results["penalised"]) == AGENT
    assert {"python", "tsreward", "torch", "numpy", "gymnasium", "stable-baselines3"} <= set(results["versions"])
    assert results["scorer"]["roc"] > 0.9
    assert printed == {"folder": str(tmp_path / "run"), **results}
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["env"], config["scorer"]) == ("Tiny/Cost-v0", "mahalanobis")
    assert (config["seed"], config["steps"]) == (3, 1024)
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert load(tmp_path / "run" / "model.safetensors").obs_shape == (3,)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"
    agents = {run.agent: run for run in read_rows(tmp_path / "run" / "episodes.csv")}
    assert list(agents) == ["source agent 1", "source agent 2", "vanilla agent", "penalised agent"]
    assert [run.seed for run in agents.values()] == [1003, 1004, 3, 3]
    last = agents["penalised agent"].rows[-20:]
    assert agents["vanilla agent"].rows[0].learned_return is None and last[0].flag_rate is not None
    again = document(*SMALL, "--seed", "3", "--out", tmp_path / "again")
    assert again["penalised"] == results["penalised"]


def test_people_get_a_table_and_bars(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tsreward.recipes.fitting.WEAK_ROC", 1.1)
    assert main([*SMALL, "--quick"]) == 0
    out, err = capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("demo-Tiny-Cost-v0-seed0-20")
    assert "Scorer mahalanobis: ROC 0.9" in out or "Scorer mahalanobis: ROC 1.0" in out
    assert all(word in out for word in ("vanilla", "penalised", "return", "cost rate, all", "cost rate, end", "length"))
    assert f"Written to runs/{folder.name}" in out
    assert all(stage in err for stage in ("source agent", "scorer", "vanilla agent", "penalised agent", "1,024 done"))
    assert "the reward hardly knows what is unsafe" in err
    assert "A dry run: all works, and agents this young prove nothing" in out


def test_quick_shortens_only_what_is_longer(monkeypatch, tmp_path):
    taken = []

    def stop(recipe, stages, log, watch):
        taken.append(recipe.steps)
        raise KeyboardInterrupt

    monkeypatch.setattr("tsreward.cli.demo.run_recipe", stop)
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--quick"]) == main([*SMALL, "--quick"]) == 130
    assert taken == [QUICK_STEPS, 1024]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "Tiny/Cots-v0"], "Unknown environment 'Tiny/Cots-v0': did you mean 'Tiny/Cost-v0'?"),
        (["--env", "SafetyHoperVelocity-v1"], "did you mean 'SafetyHopperVelocity-v1'?"),
        (["--env", "Tiny/Plain-v0"], "Tiny/Plain-v0 gave no info['cost'] nor another common key"),
        (["--env", "Tiny/Discrete-v0", "--algorithm", "td3"], "td3 needs continuous actions"),
        (["--env", "Tiny/Cost-v0", "--target-env", "Tiny/Wide-v0"], "a scorer reads one shape"),
        (
            ["--env", "Tiny/Cost-v0", "--target-env", "Tiny/Endless-v0", "--steps", "1024"],
            "finish no episode of Tiny/End",
        ),
        (["--scorer", "deep_sat"], "Unknown scorer 'deep_sat': did you mean 'deep_sad'?"),
        (["--window", "0"], "AnoSeqsOptions.window must be an integer >= 1"),
        (["--scorer", "forecaster", "--window", "1"], "needs window >= 2"),
        (["--weight", "-1"], "AnoSeqsOptions.weight must be a finite number >= 0"),
        (["--false-alarm-rate", "2"], "AnoSeqsOptions.false_alarm_rate must be a number in (0, 1)"),
        (["--seed", "-1"], "AnoSeqsOptions.seed must be an integer >= 0"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_nothing(arguments, message, complaint, tmp_path):
    assert message in complaint("demo", *arguments, "--out", tmp_path / "deep" / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target-env", "Tiny/Broken-v0"], "gave NaN or inf as observation"),
        (["--steps", "400", "--window", "30"], "A window spans 30 steps"),
    ],
)
def test_an_error_on_the_way_keeps_what_there_was(arguments, message, complaint, tmp_path):
    assert message in complaint(*SMALL, *arguments, "--out", tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "episodes.csv",
        "report.html",
        "status.json",
    }
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "failed" and message in status["message"]
    assert (tmp_path / "run" / "episodes.csv").read_text().startswith("agent,seed,step")
    assert "Failed" in (tmp_path / "run" / "report.html").read_text()


def test_a_folder_that_is_not_empty_is_left_alone(complaint, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert "exists and is not an empty folder: choose another name" in complaint(*SMALL, "--out", tmp_path)
    assert "exists and is not an empty folder" in complaint(*SMALL, "--out", tmp_path / "mine.txt")
    line = complaint(*SMALL, "--out", tmp_path / "mine.txt" / "run")
    assert "run cannot be made (Not a directory): choose another place" in line
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_written_to_is_told_at_once(complaint, tmp_path, monkeypatch):
    def refuse(path, *args, **kind):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    line = complaint(*SMALL, "--out", tmp_path / "run")
    assert f"The folder {tmp_path / 'run'} cannot be made (Permission denied): choose another place." in line


def test_a_missing_matplotlib_is_told_before_any_training(complaint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_svg", None)
    line = complaint(*SMALL, "--out", tmp_path / "run")
    assert line.endswith(f"matplotlib is not installed. Install it with: {pip_install('report')}")
    assert list(tmp_path.iterdir()) == []
