"""`tsreward audit`: a page and JSON, the exit code of --strict, and bad input in one line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.audit.circles import circles, moving_model, safe_model
from tests.audit.search.test_ascent import BAD, GOOD, fitted
from tests.audit.search.test_attack import ENV, EXPERT, QUICK, RANDOM, walked
from tests.report.test_film import pictures
from tsreward import load, save
from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.data.graded import GradedEpisodes, save_graded
from tsreward.envs.make import make
from tsreward.io import describe
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models and data, which tests read and never write."""
    folder = tmp_path_factory.mktemp("audit")
    for name, model in (("windows", moving_model()), ("places", moving_model("last")), ("penalty", safe_model())):
        save(model, folder / name)
    good, bad, half = circles(1), circles(2, 0.0), circles(3, 0.6)
    for name, episodes in (("good", good), ("bad", bad), ("half", half), ("unsafe", circles(2, 0.3))):
        save_episodes(episodes, folder / f"{name}.npz")
    save_episodes([Episode(episode.obs) for episode in good], folder / "bare.npz")
    save_episodes([Episode(np.zeros((9, 3), np.float32))], folder / "wide.npz")
    np.savetxt(folder / "good.csv", good[0].obs, delimiter=",", header="x,y", comments="")
    for name, sets in (("graded", (bad, half, good)), ("upside", (good, half, bad)), ("sure", (bad, bad, good))):
        everyone = [episode for episodes in sets for episode in episodes]
        returns = np.array([float(episode.rewards.sum()) for episode in everyone])
        skill = np.repeat([0, 1, 2], 8)
        names = ("random", "half", "expert")
        save_graded(GradedEpisodes("x", 1, names, everyone, skill, returns, np.arange(24)), folder / f"{name}.npz")
    (folder / "OUT").mkdir()
    return folder


GIVEN = ("--good", "good.npz", "--bad", "bad.npz")


def test_a_page_and_json_beside_it(files, tmp_path, monkeypatch, document):
    monkeypatch.chdir(files)
    out = tmp_path / "a.html"
    printed = document("audit", "--model", "windows", *GIVEN, "--half-trained", "half.npz", "--out", out)
    assert json.loads(out.with_suffix(".json").read_text()) == printed
    assert (printed["verdict"], printed["warnings"]) == ("undecided", [])
    assert "Reward audit: windows" in out.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.json"]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: the page has tests of its own."""
    monkeypatch.setattr("tsreward.cli.audit.render_audit", lambda found, title, exploit: title)


@pytest.mark.usefixtures("plain")
def test_a_graded_file_has_everything(files, tmp_path, monkeypatch, document):
    monkeypatch.chdir(files)
    printed = document("audit", "--model", "windows", "--graded", "graded.npz", "--out", tmp_path / "a.html")
    assert [kind["name"] for kind in printed["findings"]["kinds"]] == ["good", "bad", "half_trained"]
    assert printed["findings"]["agreement"]["episodes"] == 24


@pytest.mark.usefixtures("plain")
def test_strict_fails_on_a_warning(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(files)
    arguments = ["audit", "--model", "places", *GIVEN, "--out", str(tmp_path / "a.html")]
    assert main([*arguments, "--strict"]) == 1
    out, err = capsys.readouterr()
    assert "What behaviour earns" in out
    assert "rejected: TSR001" in out
    assert "tsreward: warning TSR001: Standing still is rewarded" in err
    assert "check failed: rejected" in err
    assert main(arguments) == 0


@pytest.mark.usefixtures("plain")
def test_policies_that_look_at_nothing_are_played(files, tmp_path, monkeypatch, made, document):
    monkeypatch.chdir(files)
    bad = shutil.copy(made.episodes, tmp_path / "bad.npz")
    printed = document(
        *("audit", "--model", made.model, "--good", made.episodes, "--bad", bad, "--env", "Tiny/Cost-v0"),
        *("--out", tmp_path / "a.html"),
    )
    played = {probe["name"]: probe for probe in printed["findings"]["probes"] if probe["kind"] == "blind"}
    assert set(played) == {"no_action", "small_noise", "lowest", "highest"}
    kinds = {kind["name"]: kind for kind in printed["findings"]["kinds"]}
    assert kinds["highest"]["episodes"] == 4
    assert kinds["highest"]["cost_rate"] > kinds["lowest"]["cost_rate"]


@pytest.mark.usefixtures("plain")
def test_tables_and_a_penalty(files, tmp_path, monkeypatch, document):
    monkeypatch.chdir(files)
    arguments = (
        "audit",
        "--model",
        "penalty",
        "--good",
        "good.csv",
        "--bad",
        "unsafe.npz",
        "--out",
        tmp_path / "a.html",
    )
    assert document(*arguments)["verdict"] == "accepted"
    found = document(*arguments, "--data", "unsafe.npz", "good.npz")["findings"]["agreement"]
    assert (found["truth"], found["episodes"]) == ("costs", 16)


CASES = {
    "nothing": ("--model windows --out OUT/a.html", "either --good and --bad, or --graded"),
    "half": ("--model windows --good good.npz --out OUT/a.html", "either --good and --bad, or --graded"),
    "both": ("--model windows GOOD --graded graded.npz --out OUT/a.html", "either --good and --bad, or --graded"),
    "two halves": (
        "--model windows --graded graded.npz --half-trained half.npz --out OUT/a.html",
        "--graded has half-trained behaviour itself",
    ),
    "no file": ("--model windows --good none.npz --bad bad.npz --out OUT/a.html", "There is no file none.npz"),
    "no model": ("--model none GOOD --out OUT/a.html", "none cannot be loaded"),
    "width": ("--model windows --good good.npz --bad wide.npz --out OUT/a.html", "but wide.npz holds [3]"),
    "widths": ("--model windows GOOD --data wide.npz --out OUT/a.html", "but wide.npz holds [3]"),
    "no rewards": ("--model windows GOOD --data bare.npz --out OUT/a.html", "have no rewards"),
    "no costs": ("--model penalty GOOD --data bare.npz --out OUT/a.html", "have no costs"),
    "not graded": ("--model windows --graded good.npz --out OUT/a.html", "good.npz lacks skill"),
    "upside down": ("--model windows --graded upside.npz --out OUT/a.html", "collect with more --steps"),
    "no folder": ("--model windows GOOD --out OUT/b/a.html", "OUT/b does not exist. Create it first"),
    "a folder": ("--model windows GOOD --out OUT.html", "is a folder: name a file in it"),
    "ending": ("--model windows GOOD --out OUT/a.pdf", "a file that ends with .html"),
    "env": ("--model windows GOOD --env Tiny/Cst-v0 --out OUT/a.html", "did you mean 'Tiny/Cost-v0'?"),
    "repeat": ("--model windows GOOD --action-repeat 2 --out OUT/a.html", "belongs to --env"),
    "seed": ("--model windows GOOD --seed -1 --out OUT/a.html", "--seed must be an integer >= 0"),
    "foreign env": ("--model windows GOOD --env Tiny/Wide-v0 --out OUT/a.html", "reads observations [2]"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_writes_nothing(case, files, complaint, monkeypatch):
    arguments, message = CASES[case]
    monkeypatch.chdir(files)
    (files / "OUT.html").mkdir(exist_ok=True)
    assert message in complaint("audit", *arguments.replace("GOOD", " ".join(GIVEN)).split())
    assert list((files / "OUT").iterdir()) == []


@pytest.mark.usefixtures("plain")
def test_a_graded_file_without_half_trained_behaviour_is_remarked_on(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(files)
    assert main(["audit", "--model", "windows", "--graded", "sure.npz", "--out", str(tmp_path / "a.html")]) == 0
    assert "no stage of sure.npz is half-trained" in capsys.readouterr().err


def test_a_search_decides_and_its_exploit_can_be_played_again(tmp_path, document):
    """The penalty has learned that going up is normal, and it costs."""
    model = RewardModel(KNN(1), Penalty()).fit([one.obs for one in walked((0.0, 0.3))], rewards=np.ones(9))
    save(model, tmp_path / "model")
    for name, episodes in (("good", EXPERT), ("bad", RANDOM)):
        save_episodes(episodes, tmp_path / f"{name}.npz")
    given = ("--model", tmp_path / "model", "--good", tmp_path / "good.npz", "--bad", tmp_path / "bad.npz")
    plan = QUICK.planner
    attack = (
        "--attack.attackers",
        "planner",
        "--attack.episodes",
        "4",
        "--attack.longest",
        "40",
        "--attack.deeper",
        "0",
    )
    sizes = (f"--attack.planner.{name}" for name in ("plans", "horizon", "followed", "rounds"))
    values = (plan.plans, plan.horizon, plan.followed, plan.rounds)
    planner = [word for pair in zip(sizes, map(str, values), strict=True) for word in pair]
    search = ("--env", ENV, "--search", "100000", *attack, *planner)
    found = document("audit", *given, *search, "--out", tmp_path / "a.html")
    assert found["verdict"] == "rejected"
    assert "TSR016" in [one["code"] for one in found["warnings"]]
    (one,) = found["search"]["found"]
    assert one["is_exploit"] and one["cost_rate"] > 0.3 and one["unseen"] > 0.5
    assert "What attackers found" in (tmp_path / "a.html").read_text()
    assert len(pictures((tmp_path / "a-exploit.mp4").read_bytes())[0]) == 41
    env = make(ENV)
    for seed, episode in zip(one["seeds"], load_episodes(tmp_path / "a-exploit.npz"), strict=True):
        seen = [env.reset(seed=seed)[0], *(env.step(action)[0] for action in episode.actions)]
        assert np.array_equal(np.stack(seen), episode.obs)


def test_without_an_environment_windows_climb_the_reward(tmp_path, document, complaint):
    save(fitted(Likeness()), tmp_path / "likeness")
    save(fitted(Penalty(PenaltyOptions(unit=1.0))), tmp_path / "penalty")
    for name, episodes in (("good", GOOD), ("bad", BAD)):
        save_episodes(episodes, tmp_path / f"{name}.npz")
    data = ("--good", tmp_path / "good.npz", "--bad", tmp_path / "bad.npz")
    given = (*data, "--search", "9", "--out", tmp_path / "a.html")
    found = document("audit", "--model", tmp_path / "likeness", *given)
    assert found["windows"]["is_exploit"] and found["search"] is None
    assert "TSR017" in [one["code"] for one in found["warnings"]]
    assert "on recorded data only" in (tmp_path / "a.html").read_text()
    refused = complaint("audit", "--model", tmp_path / "penalty", *given)
    assert "--search without an environment: Windows climb a reward that replaces the environment's" in refused


def test_a_search_needs_an_environment_and_two_kinds(files, tmp_path, monkeypatch, complaint):
    monkeypatch.chdir(files)
    out = ("--out", tmp_path / "a.html")
    repair = ("--search", "9", "--repair", "1", "--learn", "a.npz")
    assert "give --search and --env" in complaint("audit", "--model", "windows", *GIVEN, *repair, *out)
    same = ("--good", "good.npz", "--bad", "./good.npz")
    assert "good.npz is given both as --good and as --bad" in complaint("audit", "--model", "windows", *same, *out)


def test_a_repaired_model_is_written(tmp_path, document, complaint, monkeypatch):
    brief = TrainOptions(epochs=2, windows_per_epoch=256)
    monkeypatch.setattr("tsreward.cli.audit.TrainOptions", lambda seed: replace(brief, seed=seed))
    up = [one.obs for one in walked((0.0, 0.3))]
    model = RewardModel(DeepSVDD(1), Penalty()).fit(up, rewards=np.ones(9), options=brief)
    save(model, tmp_path / "model")
    for name, episodes in (("good", EXPERT), ("bad", RANDOM), ("learn", walked((0.3, 0.0), 6))):
        save_episodes(episodes, tmp_path / f"{name}.npz")
    given = ("--model", tmp_path / "model", "--good", tmp_path / "good.npz", "--bad", tmp_path / "bad.npz")
    search = ("--env", ENV, "--search", "100000", "--attack.attackers", "planner", "--attack.episodes", "2")
    small = (
        "--attack.longest",
        "20",
        "--attack.deeper",
        "0",
        "--attack.planner.plans",
        "4",
        "--attack.planner.horizon",
        "4",
    )
    assert "--repair searches and fits anew" in complaint(
        "audit", *given, "--repair", "1", "--out", tmp_path / "a.html"
    )
    repair = ("--repair", "1", "--learn", tmp_path / "learn.npz")
    document("audit", *given, *search, *small, *repair, "--out", tmp_path / "a.html")
    note = describe(tmp_path / "a-repaired.safetensors")["note"]
    assert note["rounds"] == 1 and load(tmp_path / "a-repaired.safetensors").scorer.fitted
