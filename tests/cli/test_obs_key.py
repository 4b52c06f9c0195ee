"""--obs-key: the agent sees a Dict or a Tuple as a whole, and files and rewards hold what is named."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from tests.walk import Walk
from tests.wrappers.test_reward_obs import FREE, GOAL, NESTED, GoalWalk, Told, Tuple
from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes
from tsreward.errors import OptionError
from tsreward.io import load
from tsreward.tuning.anoseqs import AnoSeqsObjective, AnoSeqsTuning
from tsreward.tuning.likeness import LikenessObjective, LikenessTuning

ENVS = {
    "Parts/Walk-v0": Walk,
    "Parts/Goal-v0": lambda: GoalWalk(Walk()),
    "Parts/Nested-v0": lambda: Told(NESTED, lambda obs: {"a": {"x": obs, "y": obs[:1]}, "b": (1, 2 * obs)}),
    "Parts/Tuple-v0": lambda: Told(Tuple((GOAL, FREE)), lambda obs: (obs[:1], obs)),
    "Parts/Text-v0": lambda: Told(gymnasium.spaces.Dict({"a": gymnasium.spaces.Text(3), "x": FREE}), lambda obs: obs),
}


@pytest.fixture(scope="module", autouse=True)
def envs():
    for id, make in ENVS.items():
        gymnasium.register(id, make, disable_env_checker=True)
    yield
    for id in ENVS:
        del gymnasium.registry[id]


def collected(path, id, *words, agent="random", steps=320):
    common = ["--agent", agent, "--steps", str(steps), "--num-envs", "2", "--out", str(path)]
    assert main(["collect", "--env", id, *common, *words]) == 0
    return load_episodes(path)


@pytest.fixture(scope="module")
def model(envs, tmp_path_factory):
    """A likeness to random walks, and a penalty, which tests read and never write."""
    tmp_path = tmp_path_factory.mktemp("walks")
    collected(tmp_path / "walk.npz", "Parts/Walk-v0")
    for reward in ("likeness", "penalty"):
        words = [
            "--scorer",
            "knn",
            "--window",
            "4",
            "--reward",
            reward,
            "--out",
            str(tmp_path / f"{reward}.safetensors"),
        ]
        assert main(["fit", "--data", str(tmp_path / "walk.npz"), *words]) == 0
    return tmp_path / "likeness.safetensors"


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("Parts/Goal-v0", ["--obs-key", "observation"]),
        ("Parts/Nested-v0", ["--obs-key", "a/x"]),
        ("Parts/Tuple-v0", ["--obs-key", "1"]),
        ("Parts/Goal-v0", ["--obs-key", "my_states:state_of"]),
    ],
)
def test_what_is_named_is_recorded(id, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_states.py").write_text("def state_of(obs):\n    return obs['observation']\n")
    plain = collected(tmp_path / "p.npz", "Parts/Walk-v0")
    found = collected(tmp_path / "d.npz", id, *words)
    assert len(found) == len(plain) > 4
    for one, other in zip(found, plain, strict=True):
        assert np.array_equal(one.obs, other.obs)
        assert one.obs.dtype == other.obs.dtype
        assert np.array_equal(one.costs, other.costs)


def test_without_a_key_all_parts_are_recorded_side_by_side(tmp_path):
    plain = collected(tmp_path / "p.npz", "Parts/Walk-v0")[0]
    goal = collected(tmp_path / "g.npz", "Parts/Goal-v0")[0]
    seen = np.concatenate([plain.obs[:, :1], np.full((len(plain.obs), 1), 0.7, np.float32), plain.obs], 1)
    assert np.array_equal(goal.obs, seen)
    nested = collected(tmp_path / "n.npz", "Parts/Nested-v0")[0]
    assert np.array_equal(nested.obs[:, :3], plain.obs)
    assert nested.obs[0, 4:7].tolist() == [0, 1, 0]
    assert np.array_equal(nested.obs[:, 7:], 2 * plain.obs)


@pytest.mark.parametrize("id", ["Parts/Goal-v0", "Parts/Nested-v0"])
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_agents_learn_from_all_of_it(id, algorithm, tmp_path):
    key = "observation" if "Goal" in id else "a/x"
    words = ["--algorithm", algorithm, "--hidden", "8", "--obs-key", key]
    episodes = collected(tmp_path / "d.npz", id, *words, agent="train", steps=200)
    assert episodes[0].obs.shape[1:] == (3,)


@pytest.mark.parametrize("words", [[], ["--policy", "constant:0.5"]])
def test_skills_are_graded(words, tmp_path):
    common = ["--num-episodes", "2", "--stages", "0.5", "--hidden", "8", "--obs-key", "observation", *words]
    graded = collected(tmp_path / "g.npz", "Parts/Goal-v0", *common, agent="graded", steps=120)
    assert [one.obs.shape[1] for one in graded] == [3] * 6


@pytest.mark.parametrize(
    ("algorithm", "reward", "lazy"),
    [
        ("ppo", "likeness", "True"),
        ("ppo", "penalty", "False"),
        ("sac", "penalty", "True"),
        ("sac", "likeness", "False"),
    ],
)
def test_the_reward_looks_at_what_is_named(algorithm, reward, lazy, model, tmp_path, document):
    common = ["--steps", 240, "--num-envs", 2, "--hidden", 8, "--algorithm", algorithm, "--lazy", lazy]
    file = model.with_name(f"{reward}.safetensors")
    words = ["--env", "Parts/Goal-v0", "--obs-key", "observation", "--out", tmp_path / "run"]
    made = document("train", "--model", file, *words, *common)
    assert made["agent"]["cost_rate"] >= 0
    saved = np.load(tmp_path / "run" / "normaliser.npz")
    assert saved["mean/observation"].shape == saved["variance/observation"].shape == (3,)
    assert saved["mean/desired_goal"] == pytest.approx(0.7, abs=1e-3)


@pytest.mark.parametrize("learning", ["active", "frozen"])
def test_a_likeness_is_learned_on_the_way(learning, model, tmp_path, document):
    demos = model.with_name("walk.npz")
    words = ["--env", "Parts/Goal-v0", "--demos", demos, "--obs-key", "observation", "--learning", learning]
    words += ["--algorithm", "sac", "--steps", 240, "--num-envs", 1, "--hidden", 8, "--evaluations", 1]
    words += ["--action-repeat", 1, "--library", "torch", "--out", tmp_path / "run"]
    words += [] if learning == "active" else ["--scorer", "deep_svdd", "--transform", "auto"]
    made = document("train", "--reward", "likeness", *words)
    assert made["agent"]


def test_check_plays_an_environment_of_parts(model, document, capsys):
    common = ["check", model, "--env", "Parts/Goal-v0", "--steps", 60]
    made = document(*common, "--obs-key", "observation")
    assert made["passed"]
    assert main([*map(str, common), "--obs-key", "observation"]) == 0
    told = capsys.readouterr().err
    assert "observations: observation of achieved_goal (1,), desired_goal (1,), observation (3,)" in told
    assert "costs: info['cost'], above 0 in " in told
    failed = document(*common, code=1)["files"][0]["checks"][-1]
    assert "--obs-key" in failed["detail"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "Parts/Goal-v0", "--obs-key", "observatoin"], "Did you mean 'observation'"),
        (["--env", "Parts/Walk-v0", "--obs-key", "observation"], "--obs-key"),
        (["--env", "Parts/Goal-v0", "--obs-key", "no_such_module:state_of"], "There is no module no_such_module"),
        (["--env", "Parts/Goal-v0", "--obs-key", "math:pi"], "math:pi is no observation function"),
        (["--env", "Parts/Goal-v0", "--obs-key", "math:hypot", "observation"], "let the function put the parts"),
        (["--env", "Parts/Text-v0", "--obs-key", "x"], "Text(1, 3, charset="),
    ],
)
def test_a_wrong_key_is_refused_in_one_sentence(words, told, tmp_path, complaint):
    assert told in complaint("collect", "--agent", "random", "--steps", 20, "--out", tmp_path / "d.npz", *words)


def test_train_names_the_option_that_helps(model, tmp_path, complaint):
    told = complaint("train", "--model", model, "--env", "Parts/Goal-v0", "--steps", 20, "--out", tmp_path / "run")
    assert "gives observations [5]" in told
    assert "--obs-key" in told


def test_the_demo_and_fit_look_at_what_is_named(tmp_path, document):
    common = ["--steps", 480, "--scorer", "knn", "--sources", 2, "--obs-key", "observation"]
    made = document("demo", "--env", "Parts/Goal-v0", *common, "--out", tmp_path / "run")
    assert made["penalised"]["cost_rate"] >= 0
    model = load(tmp_path / "run" / "model.safetensors")
    assert model.obs_shape == (3,)
    collected(tmp_path / "d.npz", "Parts/Goal-v0", "--obs-key", "observation")
    fit = ["fit", "--data", tmp_path / "d.npz", "--scorer", "knn", "--env", "Parts/Goal-v0", "--out", tmp_path / "m"]
    assert document(*fit)["obs_shape"] == [3]


def test_tuning_looks_at_what_is_named(tmp_path):
    collected(tmp_path / "walk.npz", "Parts/Walk-v0")
    AnoSeqsObjective(tmp_path, AnoSeqsTuning(env="Parts/Goal-v0", obs_key=("observation",))).check()
    options = LikenessTuning(demos=tmp_path / "walk.npz", env="Parts/Goal-v0", obs_key=("observation",))
    LikenessObjective(options).check()
    with pytest.raises(OptionError, match="Did you mean 'observation'"):
        LikenessObjective(replace(options, obs_key=("observatoin",))).check()
