"""Collect, fit, score, evaluate, train and info, one after the other, as people run them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tsreward.cli.main import main
from tsreward.data.episode_rows import read_rows
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.io import load
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.saved_agent import load_agent
from tsreward.scorers.knn import KNN


@pytest.fixture
def log(tmp_path):
    """Return a CSV file of two sensors whose last fifth is anomalous."""
    rng = np.random.default_rng(0)
    rows = [f"{t},{rng.normal():.4f},{rng.normal() + 6 * (t >= 160):.4f},{int(t >= 160)}" for t in range(200)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["time,x,y,attack", *rows]) + "\n")
    return path


def test_collect_random(tmp_path, document):
    out = tmp_path / "e.npz"
    made = document("collect", "--env", "Tiny/Cost-v0", "--agent", "random", "--steps", "100", "--out", out)
    episodes = load_episodes(out)
    assert (made["steps"], made["episodes"], made["file"]) == (104, len(episodes), str(out))
    assert made["cost_rate"] == pytest.approx(np.concatenate([episode.costs for episode in episodes]).mean())
    again = tmp_path / "again.npz"
    document("collect", "--env", "Tiny/Cost-v0", "--agent", "random", "--steps", "100", "--out", again)
    assert out.read_bytes() == again.read_bytes()


def test_collect_training(tmp_path, document):
    out = tmp_path / "e.npz"
    made = document("collect", "--env", "Tiny/Plain-v0", "--steps", "200", "--hidden", "8", "--out", out)
    assert made["agent"] == "train"
    assert made["cost_rate"] is None
    assert made["complete_episodes"] > 8
    episodes = load_episodes(out)
    assert all(episode.costs is None for episode in episodes)
    assert episodes[0].actions is not None


def test_fit_reads_one_file_at_a_time(made, tmp_path, document, complaint):
    """The same in files of their own: what is normal, what is not, and the unit of the penalty."""
    episodes = load_episodes(made.episodes)
    files = [tmp_path / f"{place}.npz" for place in range(4)]
    for place, path in enumerate(files):
        save_episodes(episodes[place::4], path)
    shown = [
        document("fit", "--data", *files, "--scorer", "mahalanobis", "--out", tmp_path / "m.safetensors", *more)
        for more in (("--held-out", "0"), ("--by-file",))
    ]
    alone = complaint("fit", "--data", files[0], "--by-file", "--out", tmp_path / "m.safetensors")
    assert "takes two files or more, of which some are held out, got 1" in alone
    assert [one["normal_windows"] for one in shown] == [shown[0]["normal_windows"]] * 2
    assert shown[1]["roc"] is None
    learned = document(
        "fit", "--data", *files, "--by-file", "--train.epochs", "2", "--out", tmp_path / "deep.safetensors"
    )
    assert learned["negative_windows"] > 0
    assert load(tmp_path / "deep.safetensors").mode.unit > 0


def test_fit_from_episodes_with_costs(made, tmp_path, document):
    out = tmp_path / "m.safetensors"
    fitted = document("fit", "--data", made.episodes, "--out", out, "--train.epochs", "15")
    assert fitted["negative_windows"] > 0
    assert fitted["roc"] > 0.9
    assert fitted["held_out_episodes"] == round(0.2 * len(load_episodes(made.episodes)))
    model = load(out)
    assert float(model.mode.threshold) == fitted["threshold"]
    info = document("info", out)
    assert info["scorer"]["name"] == "deep_svdd"
    assert set(info["note"]) == {"env", "seed", "data"}
    assert list(info["note"]["data"]) == ["episodes.npz"]


def test_fit_follows_the_names_of_scorer_and_mode(made, tmp_path, document):
    out = tmp_path / "m.safetensors"
    scorer, mode = (
        ("--scorer", "knn", "--scorer.neighbours", "3"),
        ("--reward=likeness", "--reward.transform", "negative"),
    )
    more = ("--window", "2", "--held-out", "0")
    fitted = document("fit", "--data", made.episodes, made.episodes, "--out", out, *scorer, *mode, *more)
    assert (fitted["scorer"], fitted["reward"], fitted["window"], fitted["roc"]) == ("knn", "likeness", 2, None)
    model = load(out)
    assert isinstance(model.scorer, KNN)
    assert model.scorer.options.neighbours == 3
    assert isinstance(model.mode, Likeness)
    assert model.mode.options.transform == "negative"


def test_fit_says_when_there_was_nothing_unsafe(made, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert (
        main(
            [
                "fit",
                "--data",
                str(made.costless),
                "--out",
                str(out),
                "--train.epochs",
                "1",
                "--train.windows-per-epoch",
                "64",
            ]
        )
        == 0
    )
    out, err = capsys.readouterr()
    assert "tsreward: warning: A penalty is fitted on 480 steps without any cost, so all of them count as safe" in err
    assert "normal_windows" in out


def test_fit_score_and_evaluate_a_log(log, tmp_path, document, capsys):
    model, scores = tmp_path / "m.safetensors", tmp_path / "s.csv"
    columns = ("--label", "attack", "--ignore", "time")
    arguments = ("--scorer", "mahalanobis", "--reward", "likeness")
    fitted = document("fit", "--data", log, "--out", model, *columns, *arguments)
    assert fitted["obs_shape"] == [2]
    made = document("score", log, "--model", model, "--out", scores, *columns)
    assert (made["steps"], made["episodes"]) == (200, 1)
    rows = scores.read_text().splitlines()
    assert rows[0] == "episode,step,score,p_value,is_anomaly,label"
    assert len(rows) == 201
    assert rows[200].startswith("0,199,")
    assert rows[200].endswith(",1,1")
    from_model = document("evaluate", "--model", model, "--data", log, *columns, "--min-roc", "0.9")
    assert from_model["roc"] > 0.95
    assert (from_model["steps"], from_model["anomalous"]) == (200, 40)
    assert from_model["flag_rate_anomalous"] > 0.9 > 0.3 > from_model["flag_rate_normal"]
    npz = tmp_path / "s.npz"
    document("score", log, "--model", model, "--out", npz, *columns)
    for arguments in (
        ("--scores", scores),
        ("--scores", npz, "--label", "label"),
        ("--scores", scores, "--labels", log, "--label", "attack"),
    ):
        from_file = document("evaluate", *arguments)
        assert from_file["roc"] == from_model["roc"]
        assert from_file["flag_rate_normal"] is None
    capsys.readouterr()
    assert main(["score", str(log), "--model", str(model), *columns]) == 0
    assert capsys.readouterr().out == scores.read_text()


def test_a_check_that_fails_exits_with_1(tmp_path, document, capsys):
    path = tmp_path / "s.csv"
    path.write_text("score,label\n1,1\n2,0\n3,1\n0,0\n")
    assert document("evaluate", "--scores", path, "--min-roc", "0.75")["roc"] == 0.75
    assert document("evaluate", "--scores", path, "--min-roc", "0.76", code=1)["roc"] == 0.75
    assert main(["evaluate", "--scores", str(path), "--min-roc", "0.9"]) == 1
    assert "tsreward: check failed: the ROC of 0.7500 is below --min-roc 0.9" in capsys.readouterr().err


def test_train_leaves_a_folder(made, tmp_path, document):
    out = tmp_path / "run"
    arguments = ("--env", "Tiny/Cost-v0", "--model", made.model, "--steps", "512", "--hidden", "8")
    printed = document("train", *arguments, "--out", out)
    agent = ["agent.json", "agent.safetensors", "agent.zip", "normaliser.npz"]
    files = [
        *agent,
        "checkpoints",
        "config.json",
        "curves.png",
        "episodes.csv",
        "model.safetensors",
        "report.html",
        "results.json",
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted([*files, "status.json"])
    results = json.loads((out / "results.json").read_text())
    assert printed == {"folder": str(out), **results}
    assert set(results) == {
        "env",
        "algorithm",
        "seed",
        "steps",
        "model",
        "agent",
        "alarms",
        "film",
        "verdict",
        "warnings",
        "versions",
    }
    assert set(results["agent"]) == {"return", "cost", "length", "cost_rate", "final_cost_rate"}
    assert json.loads((out / "config.json").read_text())["agent"]["hidden"] == 8


def test_an_agent_keeps_to_a_cost_limit_without_a_model(tmp_path, document, complaint):
    out, agent = tmp_path / "run", ("--algorithm", "ppo_lagrangian", "--steps", "512", "--hidden", "8", "--no-film")
    results = document("train", "--env", "Tiny/Cost-v0", *agent, "--cost-limit", "3", "--out", out)
    word = "kept" if results["agent"]["cost"] <= 3 else "exceeded"
    assert results["verdict"].endswith(f"The cost limit of 3 is {word}.")
    assert (results["model"], results["algorithm"]) == (None, "ppo_lagrangian")
    assert not (out / "model.safetensors").exists()
    assert load_agent(out).predict(np.zeros((1, 3), np.float32)).shape == (1, 1)
    document("train", "--resume", out, "--steps", "1024")
    assert read_rows(out / "episodes.csv")[0].rows[-1].step > 900
    assert "Tiny/Plain-v0 gave no info['cost']" in complaint("train", "--env", "Tiny/Plain-v0", *agent)
    assert "give --model, a file of tsreward fit" in complaint("train", "--env", "Tiny/Cost-v0")
    assert "--demos belong to a model" in complaint("train", "--env", "Tiny/Cost-v0", *agent, "--demos", "x.npz")


def test_train_without_a_cost_reports_none(made, tmp_path, document):
    arguments = ("--env", "Tiny/Plain-v0", "--model", made.model, "--steps", "200", "--penalty-weight", "0")
    results = document("train", *arguments, "--out", tmp_path / "run")
    assert set(results["agent"]) == {"return", "length"}


def test_info_for_people_is_harmless_text(made, capsys):
    assert main(["info", str(made.model)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(word in out for word in ("deep_svdd", "penalty", "scorer.window", "versions.torch", "sha256"))


def test_what_a_simulator_prints_does_not_reach_stdout(tmp_path, document, monkeypatch):
    import tests.tiny

    reset = tests.tiny.TinyEnv.reset

    def chatty(self, **options):
        print("a new episode")
        return reset(self, **options)

    monkeypatch.setattr(tests.tiny.TinyEnv, "reset", chatty)
    document("collect", "--env", "Tiny/Cost-v0", "--agent", "random", "--steps", "50", "--out", tmp_path / "e.npz")


@pytest.mark.parametrize(("form", "name"), [("raw", "penalty"), ("lagrangian", "lagrangian")])
def test_a_form_names_the_penalty(made, tmp_path, document, form, name):
    out = tmp_path / "m.safetensors"
    fitted = document("fit", "--data", made.episodes, "--out", out, "--scorer", "mahalanobis", "--form", form)
    assert fitted["reward"] == name
    assert getattr(load(out).mode.options, "form", form) == form


def test_a_form_is_for_penalties(made, tmp_path, complaint):
    arguments = ("fit", "--data", made.episodes, "--out", tmp_path / "m", "--reward", "likeness", "--form", "raw")
    assert "--form raw is for --reward penalty, got --reward likeness" in complaint(*arguments)


def test_two_forms_are_refused(made, tmp_path, complaint):
    arguments = ("fit", "--data", made.episodes, "--out", tmp_path / "m", "--form", "raw", "--reward.form", "constant")
    assert "--form raw and --reward.form constant say two things" in complaint(*arguments)


def test_total_timesteps_are_steps(made, tmp_path, document):
    arguments = ("--env", "Tiny/Plain-v0", "--model", made.model, "--total-timesteps=200", "--hidden", "4")
    assert document("train", *arguments, "--out", tmp_path / "run")["steps"] == 200


def test_fit_tells_of_a_penalty_under_which_cost_still_pays(made, tmp_path, capsys):
    fit = ["fit", "--data", str(made.episodes), "--train.epochs", "15", "--out", str(tmp_path / "m")]
    assert main([*fit, "--reward.weight", "20"]) == 0
    assert "TSR015" not in capsys.readouterr().err
    assert main([*fit, "--reward.weight", "0.001"]) == 0
    assert "warning TSR015: Cost still pays: " in capsys.readouterr().err
