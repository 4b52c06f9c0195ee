"""An agent becomes like an expert that it only sees; what it earns is the environment's business."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.envs.conftest import dmc, frames  # noqa: F401
from tsreward.data.graded import GradedEpisodes, save_graded
from tsreward.encoders.frames import FrameEncoder
from tsreward.errors import DataError, OptionError
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.likeness import DEFAULT_AGENT, exploration, negative_windows, run
from tsreward.recipes.likeness_data import gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_graded

ENV = "Tiny/Plain-v0"
AGENT = AgentOptions(steps=2048, num_envs=4, hidden=16, rollout=64, learning_rate=5e-3, batch_size=64, seed=1)


@pytest.fixture(scope="module")
def graded() -> GradedEpisodes:
    return collect_graded(ENV, AGENT, GradingOptions("lowest", num_episodes=12, stages=(0.2, 0.6)))


@pytest.fixture(scope="module")
def file(graded: GradedEpisodes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the recording of an expert that goes left, which costs it dearly."""
    path = tmp_path_factory.mktemp("expert") / "left.npz"
    save_graded(graded, path)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scorer": "discriminator", "transform": "least_squares"},
        {"bonus": "rnd", "negatives": ("probes", "random")},
        {"learning": "frozen", "scorer": "mahalanobis", "transform": "auto", "negatives": ("failures", "probes")},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "default",
)
def test_an_agent_goes_where_the_expert_goes_though_nobody_pays_for_it(file, options):
    active = ActiveLearnerOptions(batch_size=64)
    result = run(ExpertLikenessOptions(ENV, file, evaluations=5, **options), AGENT, active)
    assert result.expert_return < -5 < -2 < result.random_return
    assert result.return_fraction > 0.25
    assert result.normalised_return > 0.15
    assert len(result.returns) == 5
    true = [episode.rewards.sum() for episode in result.agent.record.finished[-20:]]
    assert np.mean(true) < result.random_return - 2  # what is recorded is the environment's reward


def test_it_tells_its_stages_and_repeats_itself(file):
    told: list[str] = []
    options = ExpertLikenessOptions(
        ENV, file, scorer="mahalanobis", transform="exponential", learning="frozen", evaluations=3
    )
    agent = replace(AGENT, steps=256)
    first, second = (
        run(options, agent, stage=lambda name: told.append(name) or (lambda done, total: None)) for _ in range(2)
    )
    assert told == ["scorer", "agent"] * 2
    assert np.array_equal(first.returns, second.returns)


def test_bad_windows_are_of_the_kinds_that_were_asked_for(file, graded):
    data = gather(ExpertLikenessOptions(ENV, file), AGENT)
    counts = {}
    for kinds in [(), ("random",), ("half_trained",), ("failures",), ("probes",), ("random", "probes")]:
        windows = negative_windows(ExpertLikenessOptions(ENV, file, negatives=kinds, window=3), data, seed=0)
        counts[kinds] = 0 if windows is None else len(windows)
    steps = {name: sum(len(episode.obs) for episode in graded.where(name).episodes) for name in graded.names}
    assert counts[()] == 0
    assert counts[("random",)] == steps["random"]
    assert counts[("half_trained",)] == steps["20 %"] + steps["60 %"]
    assert 0 < counts[("failures",)] <= steps["random"] + steps["20 %"]
    assert counts[("probes",)] == 4 * steps["expert"]
    assert counts[("random", "probes")] == counts[("random",)] + counts[("probes",)]


def test_a_kind_without_episodes_is_refused(file):
    data = replace(gather(ExpertLikenessOptions(ENV, file), AGENT), others=None)
    with pytest.raises(DataError, match="no episodes of the kind 'half_trained': collect them with tsreward collect"):
        negative_windows(ExpertLikenessOptions(ENV, file, negatives=("half_trained",)), data, seed=0)


def test_every_bonus_has_its_weight():
    bonuses = [
        exploration(ExpertLikenessOptions(bonus=kind, bonus_weight=0.3), 5, 0) for kind in ("rnd", "disagreement")
    ]
    assert [bonus.weight for bonus in bonuses if bonus is not None] == [0.3, 0.3]
    assert exploration(ExpertLikenessOptions(), 5, 0) is None


def test_scorers_that_cannot_go_on_are_refused_before_the_agent(file):
    with pytest.raises(OptionError, match="needs a scorer with a loss on negatives to go on with, got KNN"):
        run(ExpertLikenessOptions(ENV, file, scorer="knn"), AGENT)


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "pixel_pca"},
        {"encoder": "conv"},
        {"scorer": "mahalanobis", "transform": "auto", "learning": "frozen"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_the_reward_may_look_at_frames_while_the_agent_reads_sensors(tmp_path, options):
    env = "dmc/cartpole-balance:max_episode_steps=40"
    agent = replace(DEFAULT_AGENT, steps=60, hidden=8, learning_starts=20)
    save_graded(collect_graded(env, agent, GradingOptions("no_action", 4, ())), tmp_path / "still.npz")
    hidden = ((0, 0, 4, 16),)
    small = {"frames": 16, "masks": hidden, "side": 8, "components": 6, "evaluations": 2}
    asked = ExpertLikenessOptions(env, tmp_path / "still.npz", **small, **options)
    result = run(asked, agent, ActiveLearnerOptions(batch_size=32))
    assert result.model.obs_shape == (16, 16, 3)
    assert isinstance(result.model.encoder, FrameEncoder)
    assert result.model.encoder.options.masks == hidden
    if options.get("encoder") != "conv":
        assert result.model.encoder.options == asked.encoder_options()
    assert result.agent.record.finished[0].obs.shape == (11, 5)
    assert len(result.returns) == asked.evaluations


@pytest.mark.parametrize(
    "wrong", [{"encoder": "conv"}, {"masks": ((0, 0, 2, 2),)}], ids=lambda wrong: next(iter(wrong))
)
def test_what_is_for_frames_is_refused_where_the_reward_looks_at_sensors(file, wrong):
    with pytest.raises(OptionError, match=r"are for frames, and the reward looks at observations \[3\].*give frames"):
        run(ExpertLikenessOptions(ENV, file, **wrong), AGENT)


@pytest.mark.usefixtures("frames")
def test_an_agent_on_pictures_has_the_encoder_that_was_asked_for(tmp_path):
    env = "dmc/cartpole-balance:pixels=12,max_episode_steps=10"
    agent = AgentOptions(steps=64, num_envs=2, hidden=4, rollout=16, normalise=False)
    save_graded(collect_graded(env, agent, GradingOptions("no_action", 4, ())), tmp_path / "still.npz")
    for encoder in ("pixel_pca", "conv"):
        asked = ExpertLikenessOptions(env, tmp_path / "still.npz", encoder=encoder, evaluations=1)
        model = run(asked, agent, ActiveLearnerOptions(batch_size=16)).model
        assert isinstance(model.encoder, FrameEncoder)
        assert model.obs_shape == (12, 12, 3)
