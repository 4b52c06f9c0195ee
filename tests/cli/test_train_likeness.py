"""`tsreward train --reward likeness` leaves a folder that can be used again."""

from __future__ import annotations

import json

import numpy as np
import pandas
import pytest

from tsreward.cli.main import main
from tsreward.data.episode_rows import read_rows
from tsreward.data.graded import load_graded
from tsreward.io import load

ENV = "Tiny/Plain-v0"
SMALL = ("--algorithm", "ppo", "--steps", "512", "--num-envs", "4", "--hidden", "8", "--rollout", "32")
TRAIN = ("train", "--reward", "likeness", "--env", ENV, "--action-repeat", "1", *SMALL, "--evaluations", "2")
UNJUDGED = (*TRAIN, "--no-judge")


@pytest.fixture
def file(tmp_path, document):
    path = tmp_path / "expert.npz"
    document("collect", "--env", ENV, "--agent", "graded", "--policy", "highest", "--stages", "--out", path)
    return path


def test_it_leaves_a_folder(file, tmp_path, document):
    out = tmp_path / "run"
    printed = document(*TRAIN, "--demos", file, "--negatives", "probes", "--active.every", "64", "--out", out)
    models = ["agent.json", "agent.safetensors", "agent.zip", "model.safetensors", "normaliser.npz"]
    files = sorted(
        [
            *models,
            "checkpoints",
            "config.json",
            "curves.png",
            "episodes.csv",
            "report.html",
            "results.json",
            "status.json",
        ]
    )
    assert sorted(path.name for path in out.iterdir()) == files
    results = json.loads((out / "results.json").read_text())
    assert printed == {"folder": str(out), **results}
    assert (results["learning"], results["transform"], results["negatives"]) == ("active", "least_squares", ["probes"])
    assert results["expert"]["return"] > results["random"]["return"]
    share = results["agent"]["return"] / results["expert"]["return"]
    assert results["agent"]["fraction_of_expert"] == pytest.approx(share)
    assert results["agent_verdict"]["word"] in ("reached", "exploited", "not learned")
    assert results["agent_verdict"]["words"] in results["verdict"]
    assert list(results["alarms"]) == ["agent"]
    rows = read_rows(out / "episodes.csv")[0].rows
    assert rows[0].expert_distance > 0 and rows[0].motion > 0 and 0 <= rows[0].paid_auc <= 1
    config = json.loads((out / "config.json").read_text())
    assert (config["agent"]["steps"], config["active"]["every"], config["demos"]) == (512, 64, str(file))
    model = load(out / "model.safetensors")
    assert model.obs_shape == (3,)
    with np.load(out / "normaliser.npz") as normaliser:
        assert normaliser["mean"].tolist() == [0, 0, 0]  # not normalised by default
        assert (normaliser["variance"].tolist(), float(normaliser["clip"])) == ([1, 1, 1], np.inf)


def test_the_model_of_a_run_serves_train_again(file, tmp_path, document):
    frozen = ("--learning", "frozen", "--scorer", "mahalanobis", "--transform", "exponential")
    document(*UNJUDGED, "--demos", file, *frozen, "--out", tmp_path / "run")
    model = tmp_path / "run" / "model.safetensors"
    document("train", "--env", ENV, "--model", model, "--steps", "256", "--hidden", "4", "--out", tmp_path / "again")


def test_an_expert_no_better_than_random_actions_is_remarked_on(tmp_path, capsys):
    path = tmp_path / "left.npz"  # which costs dearly
    main(["collect", "--env", ENV, "--agent", "graded", "--policy", "lowest", "--stages", "--out", str(path)])
    assert main([*map(str, UNJUDGED), "--demos", str(path), "--out", str(tmp_path / "run")]) == 0
    err = capsys.readouterr().err
    assert "warning: the expert's mean return of" in err
    assert "is no more than that of random actions" in err


def test_people_get_a_table(file, tmp_path, capsys):
    assert main([*map(str, UNJUDGED), "--demos", str(file), "--out", str(tmp_path / "run")]) == 0
    out, _ = capsys.readouterr()
    assert "true returns" in out
    assert "fraction_of_expert" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--demos", "none.npz"), "There is no file or folder none.npz"),
        (("--scorer", "deep_sda"), "did you mean 'deep_sad'"),
        (("--active.every", "0"), "ActiveLearnerOptions.every must be an integer >= 1"),
        (("--num-demos", "0"), "num_demos must be an integer >= 1"),
    ],
)
def test_bad_input_is_one_line(tmp_path, complaint, arguments, message):
    assert message in complaint(*UNJUDGED, *arguments, "--out", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_help_shows_the_options_of_the_mode(capsys):
    assert main(["train", "--reward", "likeness", "--help"]) == 0
    assert "--active.every" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--active.every" not in out
    assert "--reward likeness" in out


def test_demonstrations_are_rows_of_a_table_too(file, tmp_path, document):
    episodes = load_graded(file).where("expert").episodes
    rows = [
        pandas.DataFrame(one.obs[:-1]).assign(run=index, paid=one.rewards).rename(columns=str)
        for index, one in enumerate(episodes)
    ]
    pandas.concat(rows).to_parquet(tmp_path / "demos.parquet")
    columns = ("--episode", "run", "--reward-column", "paid", "--layout", "transition")
    done = document(*UNJUDGED, "--demos", tmp_path / "demos.parquet", *columns, "--out", tmp_path / "run")
    assert done["expert"]["return"] > done["random"]["return"]
