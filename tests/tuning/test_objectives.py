"""What is tuned in earnest, small."""

import pickle

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.presets import DETECTORS
from tsreward.errors import DataError, OptionError, ProtocolError
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.anoseqs import AnoSeqsOptions, reward_mode
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.scorers.presets import scorer_preset
from tsreward.sequences.series import DetectionTask, Series
from tsreward.training import TrainOptions
from tsreward.tuning import anoseqs as module
from tsreward.tuning.anoseqs import POINTS, AnoSeqsObjective, AnoSeqsTuning, Curve
from tsreward.tuning.detect import DetectObjective, make_tuned
from tsreward.tuning.likeness import LikenessObjective, LikenessTuning
from tsreward.tuning.search_spaces import mode_of, scorer_of, search_space
from tsreward.tuning.study import opened


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(module, "TrainOptions", lambda seed: TrainOptions(epochs=1, windows_per_epoch=500, seed=seed))


def nothing(*arguments):
    pass


def test_a_penalty_is_tuned_by_true_return_and_cost(tmp_path, brief):
    options = AnoSeqsTuning(env="Tiny/Cost-v0", steps=512, seeds=2, sources=1)
    objective = pickle.loads(pickle.dumps(AnoSeqsObjective(tmp_path / "sources", options)))
    objective.check()
    told = []
    objective.prepare(lambda done, total: told.append((done, total)))
    assert told[-1] == (1024, 1024)
    files = {entry.name: entry.stat().st_mtime_ns for entry in (tmp_path / "sources").iterdir()}
    assert len(files) == 2
    objective.prepare(nothing)
    assert {entry.name: entry.stat().st_mtime_ns for entry in (tmp_path / "sources").iterdir()} == files
    curve = []
    setting = objective.space.defaults()
    outcome = objective.evaluate(setting, lambda step, value: curve.append((step, value)))
    assert outcome.values == (np.mean(outcome.details["returns"]), np.mean(outcome.details["costs"]))
    assert outcome == objective.evaluate(setting, nothing)
    steps = [step for step, _ in curve]
    assert steps == sorted(set(steps))
    assert steps[-1] == 2 * POINTS - 1 == objective.steps - 1
    assert curve[-1][1] == pytest.approx(outcome.values[0])
    assert len(outcome.details["rocs"]) == 2


def test_a_limit_on_the_cost(tmp_path, brief):
    options = AnoSeqsTuning(env="Tiny/Cost-v0", steps=512, seeds=1, sources=1, cost_limit=0.1)
    objective = AnoSeqsObjective(tmp_path / "sources", options)
    curve = []
    outcome = objective.evaluate(objective.space.defaults(), lambda step, value: curve.append(value))
    assert list(objective.directions) == ["return"]
    assert outcome.constraints == {"cost": outcome.details["cost"] - 0.1}
    assert outcome.details["cost"] > 0.1
    assert curve[-1] < outcome.values[0]


def test_a_trial_does_not_need_the_agreement_with_cost(tmp_path, brief, monkeypatch):
    def refuse(*arguments):
        raise DataError("None of 3 held-out steps has a cost.")

    monkeypatch.setattr(module, "agreement_with_cost", refuse)
    objective = AnoSeqsObjective(tmp_path / "sources", AnoSeqsTuning(env="Tiny/Cost-v0", steps=512, seeds=1, sources=1))
    assert objective.evaluate(objective.space.defaults(), nothing).details["rocs"] == [None]


def test_environments_and_options_are_looked_at_first(tmp_path):
    with pytest.raises(ProtocolError, match="cost"):
        AnoSeqsObjective(tmp_path, AnoSeqsTuning(env="Tiny/Plain-v0")).check()
    with pytest.raises(OptionError, match="SafetyPointCircle1"):
        AnoSeqsObjective(tmp_path, AnoSeqsTuning(env="SafetyPointCircle1-v1")).check()
    with pytest.raises(OptionError, match="seeds must be an integer >= 1"):
        AnoSeqsTuning(seeds=0)
    with pytest.raises(OptionError, match="cost_limit must be a finite number > 0 or None"):
        AnoSeqsTuning(cost_limit=-1.0)


def test_the_default_penalty_is_that_of_the_recipe():
    setting, recipe = search_space("anoseqs").defaults(), AnoSeqsOptions()
    assert mode_of(setting).options == reward_mode(recipe).options
    assert scorer_of(setting) == scorer_preset(recipe.scorer)
    assert setting["window"] == recipe.window


def test_the_tables_for_fit_and_train(tmp_path):
    objective = AnoSeqsObjective(tmp_path, AnoSeqsTuning(env="Tiny/Cost-v0", steps=7, rollout=128))
    tables = objective.config(objective.space.fix(["reward=lagrangian", "scorer=semi_supervised_ae"]).defaults())
    assert tables["train"] == {"env": "Tiny/Cost-v0", "steps": 7, "rollout": 128}
    assert tables["fit"]["reward.cap"] == 10.0
    assert tables["fit"]["scorer.bottleneck"] == 16
    assert tables["fit"]["env"] == "Tiny/Cost-v0"


def test_a_curve_waits_for_an_episode():
    told = []
    curve = Curve(4, lambda point, summary: told.append(point))
    curve(5, 8)
    assert told == []


def test_a_detector_is_tuned_by_its_agreement_with_labels():
    tasks = tuple(smd_like(seed=0, count=2))
    space = search_space("detect", ["scorer=knn,mahalanobis"])
    objective = DetectObjective(tasks, seeds=2, space=space)
    curve = []
    outcome = objective.evaluate(space.defaults(), lambda step, value: curve.append(value))
    assert len(curve) == objective.steps == 3  # nothing is said after the first series alone
    assert curve[-1] == pytest.approx(outcome.values[0])
    assert outcome.values[0] == pytest.approx(np.mean(list(outcome.details["series"].values())))
    assert 0.3 < outcome.values[0] <= 1
    precision = DetectObjective(tasks, "average_precision", space=space).evaluate(space.defaults(), nothing)
    assert precision.values != outcome.values


def test_the_default_detector_is_that_of_the_table():
    task = smd_like(seed=0, count=1)[0]
    setting = search_space("detect", ["smoothing=1"]).defaults()
    tuned, known = make_tuned(setting), DETECTORS["knn"](0)
    for detector in (tuned, known):
        detector.fit(task.train)
    # Longer windows leave other rows to be remembered; the score looks at their last one all the same.
    assert np.corrcoef(tuned.decision_function(task.test), known.decision_function(task.test))[0, 1] > 0.95


def test_what_detectors_cannot_be_tuned_on():
    task = smd_like(seed=0, count=1)[0]
    calm = DetectionTask("calm", task.train, Series(task.test.values, np.zeros(len(task.test))))
    with pytest.raises(OptionError, match="Tuning needs series and seeds, got 0 and 1"):
        DetectObjective(())
    with pytest.raises(OptionError, match="Unknown metric 'vus': did you mean 'vus_pr'"):
        DetectObjective((task,), "vus")
    with pytest.raises(DataError, match=r"calm: all .* of one class: leave the series out"):
        DetectObjective((task, calm))
    other = DetectionTask(task.name, task.train, Series(task.test.values + 1, task.test.labels))
    assert DetectObjective((other,)).settings() != DetectObjective((task,)).settings()


def test_a_likeness_becomes_a_recipe(tmp_path):
    (tmp_path / "expert.npz").write_bytes(b"episodes")
    objective = LikenessObjective(
        LikenessTuning(tmp_path / "expert.npz", env="Tiny/Plain-v0", agent=AgentOptions(steps=9))
    )
    for fixed, wanted in (
        ([], ("least_squares_sad", "least_squares", ())),
        (["scorer=deep_sad"], ("deep_sad", "odds", ())),
        (
            ["scorer=discriminator", "negatives=random+failures+probes"],
            ("discriminator", "least_squares", ("random", "failures", "probes")),
        ),
        (["learning=frozen"], ("deep_sad", "auto", ())),
        (["learning=frozen", "clip_low=0.05", "clip_high=0.999"], ("deep_sad", "auto", ())),
    ):
        recipe = objective.recipe(objective.space.fix(fixed).defaults())
        assert (recipe.scorer, recipe.transform, recipe.negatives) == wanted
        clipped = "clip_low=0.05" in fixed
        assert (recipe.clip_low, recipe.clip_high) == ((0.05, 0.999) if clipped else (None, None))
    defaults = objective.space.defaults()
    given = ExpertLikenessOptions(env="Tiny/Plain-v0", demos=tmp_path / "expert.npz")
    assert objective.recipe(defaults) == given  # what is called the default is what is used without a search
    assert objective.active(defaults) == ActiveLearnerOptions()
    train = objective.config(defaults)["train"]
    assert (train["reward"], train["steps"], train["env"]) == ("likeness", 9, "Tiny/Plain-v0")
    fine = LikenessTuning(tmp_path / "expert.npz", frames=64, side=32, components=24)
    train = LikenessObjective(fine).config(defaults)["train"]
    assert (train["frames"], train["side"], train["components"]) == (64, 32, 24)
    before = objective.settings()
    (tmp_path / "expert.npz").write_bytes(b"others")
    assert objective.settings() != before
    with pytest.raises(DataError, match="Collect an expert's episodes first"):
        LikenessObjective(LikenessTuning(tmp_path / "none.npz")).settings()


def test_the_same_command_goes_on_with_its_study(tmp_path):
    (tmp_path / "expert.npz").write_bytes(b"episodes")
    for objective in (
        AnoSeqsObjective(tmp_path / "sources", AnoSeqsTuning(env="Tiny/Cost-v0", obs_key=("a", "b"))),
        LikenessObjective(LikenessTuning(tmp_path / "expert.npz", env="Tiny/Plain-v0")),
        DetectObjective(tuple(smd_like(seed=0, count=1))),
    ):
        for _ in range(2):
            with opened(str(tmp_path / f"{objective.name}.db"), objective) as study:
                assert len(study.trials()) == 1


def test_a_budget_that_finishes_no_episode_is_refused_before_any_trial(tmp_path):
    with pytest.raises(OptionError, match=r"256 steps finish no episode of Tiny/Endless-v0: each of 8 .* gets 32"):
        AnoSeqsObjective(tmp_path, AnoSeqsTuning(env="Tiny/Endless-v0", steps=256)).check()
    likeness = LikenessTuning(tmp_path / "expert.npz", env="SafetyPointCircle1-v0", agent=AgentOptions(steps=3_000))
    with pytest.raises(OptionError, match=r"3,000 steps finish no episode .* which may last 500 steps"):
        LikenessObjective(likeness).check()
