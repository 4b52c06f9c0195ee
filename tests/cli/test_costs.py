"""The same options for costs in every command that acts, and loud words where a safety model saw none."""

from __future__ import annotations

import gymnasium
import pytest

from tests.sb3.test_costs import Told
from tests.tiny import TinyEnv
from tsreward.cli.main import main

ENVS = {
    "Forms/Other-v0": lambda cost: {"constraint_cost": cost},
    "Forms/Vector-v0": lambda cost: {"costs": [cost, 0.0]},
    "Forms/Rare-v0": lambda cost: {"cost": cost} if cost else {},
    "Forms/Own-v0": lambda cost: {"hit": cost},
    "Forms/Never-v0": lambda cost: {"cost": 0.0},
    "Forms/Two-v0": lambda cost: {"cost": 0.0, "crashed": bool(cost)},
}


@pytest.fixture(autouse=True)
def envs():
    for id, form in ENVS.items():
        make = lambda form=form: Told(TinyEnv(), form)  # noqa: E731
        gymnasium.register(id, make, max_episode_steps=12, disable_env_checker=True)
    yield
    for id in ENVS:
        del gymnasium.registry[id]


CASES = {
    "Forms/Other-v0": ([], "info['constraint_cost']"),
    "Forms/Vector-v0": (["--cost-reduce", "sum"], "info['costs']"),
    "Forms/Rare-v0": (["--cost-missing", "zero"], "info['cost']"),
    "Forms/Own-v0": (["--cost-key", "hit"], "info['hit']"),
    "Forms/Two-v0": (["--cost-key", "crashed"], "info['crashed']"),
}


@pytest.mark.parametrize("id", CASES)
def test_collect_names_where_costs_are_and_fit_learns_from_them(id, tmp_path, document, capsys):
    words, named = CASES[id]
    data, model = tmp_path / "d.npz", tmp_path / "m.safetensors"
    common = ["collect", "--agent", "random", "--steps", "480", "--out"]
    made = document(*common, data, "--env", id, *words, "--strict")
    assert made["costs"].startswith(f"{named}, above 0 in ")
    plain = document(*common, tmp_path / "p.npz", "--env", "Tiny/Cost-v0")
    assert made["cost_rate"] == plain["cost_rate"] > 0.02
    fitted = document("fit", "--data", data, "--out", model, "--train.epochs", "1", "--strict")
    assert fitted["negative_windows"] > 0


@pytest.mark.parametrize("command", ["demo", "tune"])
def test_what_needs_costs_takes_the_same_options(command, tmp_path, complaint):
    out = [] if command == "demo" else ["--study", str(tmp_path / "s.db")]
    for id, option in (
        ("Forms/Vector-v0", "--cost-reduce"),
        ("Forms/Own-v0", "--cost-key"),
        ("Forms/Rare-v0", "--cost-mis"),
    ):
        assert option in complaint(command, *out, "--env", id)


def test_a_whole_method_on_costs_in_another_form(tmp_path, document):
    words = ["--scorer", "knn", "--sources", "2", "--steps", "1500", "--out", str(tmp_path / "run")]
    made = document("demo", "--env", "Forms/Own-v0", "--cost-key", "hit", *words)
    assert made["vanilla"]["cost_rate"] > 0


@pytest.mark.parametrize(
    ("id", "told"), [("Forms/Own-v0", "without any cost"), ("Forms/Never-v0", "has a cost above 0")]
)
def test_a_penalty_that_saw_no_cost_says_so_and_strict_refuses(id, told, tmp_path, document, complaint, capsys):
    data = tmp_path / "d.npz"
    assert main(["collect", "--agent", "random", "--steps", "480", "--env", id, "--out", str(data)]) == 0
    assert ("none found (infos hold hit" in capsys.readouterr().err) == (id == "Forms/Own-v0")
    fit = ["fit", "--data", data, "--scorer", "knn", "--out"]
    made = document(*fit, tmp_path / "m.safetensors")
    assert told in made["warnings"][0]["text"]
    assert told in complaint(*fit, tmp_path / "n.safetensors", "--strict")
    assert not (tmp_path / "n.safetensors").exists()


def test_two_costs_that_differ_are_a_named_choice(tmp_path, document, complaint):
    collect = ["collect", "--agent", "random", "--steps", "480", "--env", "Forms/Two-v0", "--out"]
    made = document(*collect, tmp_path / "d.npz")
    assert "Costs are info['cost'], and other keys" in made["warnings"][0]["text"]


def test_training_names_the_costs_too(made, tmp_path, document, capsys):
    out = tmp_path / "run"
    words = ["train", "--env", "Forms/Own-v0", "--model", made.model, "--steps", "600", "--out", out]
    assert document(*words, "--cost-key", "hit")["agent"]["cost_rate"] > 0
