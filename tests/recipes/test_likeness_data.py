"""The expert's episodes and everybody else's, from files and from the environment."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.data.video.clips import moving, write
from tests.envs.conftest import ale, dmc, frames  # noqa: F401
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.graded import GradedEpisodes, save_graded
from tsreward.envs.blind_policies import BLIND
from tsreward.errors import DataError, OptionError, ShapeError, TSRewardError
from tsreward.recipes.likeness_data import BLIND_EPISODES, RANDOM_EPISODES, gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_graded, draw_episodes
from tsreward.sequences.episodes import Episode

STILL = GradingOptions("no_action", 3, ())
ENV, AGENT = "Tiny/Plain-v0", AgentOptions(steps=64, num_envs=2, hidden=4, rollout=32)


@pytest.fixture(scope="module")
def graded() -> GradedEpisodes:
    return collect_graded(ENV, AGENT, GradingOptions("highest", num_episodes=5, stages=(0.2, 0.6)))


@pytest.fixture
def file(graded: GradedEpisodes, tmp_path: Path) -> Path:
    save_graded(graded, tmp_path / "graded.npz")
    return tmp_path / "graded.npz"


def same(first: list[Episode], second: list[Episode]) -> bool:
    return all(np.array_equal(one.obs, two.obs) for one, two in zip(first, second, strict=True))


def test_skills_of_a_file(graded, file):
    data = gather(ExpertLikenessOptions(ENV, file, num_demos=3), AGENT)
    assert same(data.expert, graded.where("expert").episodes[:3])
    assert data.expert_return == pytest.approx(graded.where("expert").returns[:3].mean())
    assert same(data.random, graded.where("random").episodes)
    assert data.random_return == graded.mean_returns()["random"]
    assert same(data.half_trained(), graded.where(["20 %", "60 %"]).episodes)
    reached = (graded.returns - data.random_return) / (data.expert_return - data.random_return)
    assert len(data.failures()) == (reached[graded.skill < 3] < 0.1).sum() > 0


def test_policies_that_look_at_nothing_are_played_where_the_scale_is_theirs(file):
    assert gather(ExpertLikenessOptions(ENV, file), AGENT).blind == []
    options = ExpertLikenessOptions(ENV, file, scorer="mahalanobis", transform="auto", learning="frozen")
    first, second, other = (gather(options, replace(AGENT, seed=seed)).blind for seed in (0, 0, 1))
    assert len(first) == BLIND_EPISODES * len(BLIND)
    assert same(first, second)
    assert not np.array_equal(first[0].obs, other[0].obs)


def test_another_skill_may_be_the_expert(graded, file):
    data = gather(ExpertLikenessOptions(ENV, file, skill="60 %"), AGENT)
    assert same(data.expert, graded.where("60 %").episodes)
    assert same(data.half_trained(), graded.where("20 %").episodes)


def test_failures_of_the_expert_may_be_left_out(graded, tmp_path):
    returns = graded.returns.copy()
    chosen = np.flatnonzero(graded.skill == 3)
    random = float(returns[graded.skill == 0].mean())
    returns[chosen] = random + np.array([100.0, 0.0, 91.0, 89.0, 110.0])
    save_graded(replace(graded, returns=returns), tmp_path / "uneven.npz")  # the median is 91, 0.95 of it 86.45
    data = gather(ExpertLikenessOptions(ENV, tmp_path / "uneven.npz", min_return_fraction=0.95), AGENT)
    assert same(data.expert, graded.take(chosen[[0, 2, 3, 4]]).episodes)
    assert data.expert_return == pytest.approx(random + 97.5)
    data = gather(ExpertLikenessOptions(ENV, tmp_path / "uneven.npz", num_demos=2, min_return_fraction=0.98), AGENT)
    assert same(data.expert, graded.take(chosen[[0, 2]]).episodes)
    data = gather(ExpertLikenessOptions(ENV, tmp_path / "uneven.npz"), AGENT)
    assert same(data.expert, graded.take(chosen).episodes)


def test_without_rewards_nobody_failed(graded, tmp_path):
    save_episodes([Episode(episode.obs) for episode in graded.where("expert").episodes], tmp_path / "plain.npz")
    with pytest.raises(DataError, match=r"plain.npz has no rewards, so .* 0.9 cannot tell.*leave the option"):
        gather(ExpertLikenessOptions(ENV, tmp_path / "plain.npz", min_return_fraction=0.9), AGENT)


def test_a_plain_file_is_all_expert(graded, tmp_path):
    episodes = [Episode(episode.obs) for episode in graded.where("expert").episodes]
    save_episodes(episodes, tmp_path / "plain.npz")
    data = gather(ExpertLikenessOptions(ENV, tmp_path / "plain.npz"), AGENT)
    assert same(data.expert, episodes)
    assert data.expert_return is None
    told = gather(ExpertLikenessOptions(ENV, tmp_path / "plain.npz", expert_return=7.5), AGENT)
    assert told.expert_return == 7.5
    save_episodes(graded.where("expert").episodes, tmp_path / "paid.npz")
    with pytest.raises(OptionError, match=r"have rewards, and return .* leave --expert-return out"):
        gather(ExpertLikenessOptions(ENV, tmp_path / "paid.npz", expert_return=7.5), AGENT)
    assert len(data.random) == RANDOM_EPISODES
    assert np.isfinite(data.random_return)
    assert data.half_trained() == []
    assert data.failures() == data.random


def test_an_expert_is_trained_where_there_is_no_file():
    told = []
    options = ExpertLikenessOptions(ENV, num_demos=4, negatives=("half_trained",))
    data = gather(options, AGENT, lambda name: told.append(name) or (lambda done, total: None))
    assert told == ["random policy", "agent"]
    assert (len(data.expert), len(data.half_trained())) == (4, 16)


@pytest.mark.parametrize(
    ("change", "agent", "options", "error", "message"),
    [
        ({"env": "Tiny/Cost-v0"}, {}, {}, OptionError, "holds episodes of Tiny/Cost-v0, not of Tiny/Plain-v0"),
        ({}, {"action_repeat": 2}, {}, OptionError, "held 1 times and the agent holds it 2 times.*--action-repeat 1"),
        ({}, {}, {"skill": "master"}, OptionError, "Unknown skill 'master'"),
        ({}, {}, {"env": "Tiny/Plan-v0"}, OptionError, "did you mean 'Tiny/Plain-v0'"),
        ({}, {}, {"frames": 16}, OptionError, "draws dm_control, Atari and Meta-World"),
    ],
)
def test_a_file_that_does_not_suit(graded, tmp_path, change, agent, options, error: type[TSRewardError], message):
    save_graded(replace(graded, **change), tmp_path / "g.npz")
    with pytest.raises(error, match=message):
        gather(ExpertLikenessOptions(**{"env": ENV, "demos": tmp_path / "g.npz", **options}), replace(AGENT, **agent))


@pytest.mark.usefixtures("dmc")
@pytest.mark.parametrize(
    ("recorded", "acting", "size", "message"),
    [
        ("dmc/cartpole-balance", "dmc/cartpole-balance:camera=1", 16, "camera=None .* the agent is seen with camera=1"),
        ("dmc/cartpole-balance:rendering=full", "dmc/cartpole-balance", 16, "rendering=full .* with rendering=fast"),
        ("dmc/cartpole-balance:action_repeat=2", "dmc/cartpole-balance", None, "action_repeat=2 .* action_repeat=1"),
        ("dmc/cartpole-balance", "dmc/cartpole-swingup", None, "holds episodes of .*balance.*, not of dmc/cart"),
    ],
)
def test_an_expert_seen_otherwise_than_the_agent_is_refused(tmp_path, recorded, acting, size, message):
    short = f"{recorded}{',' if ':' in recorded else ':'}max_episode_steps=8"
    save_graded(collect_graded(short, AGENT, STILL), tmp_path / "still.npz")
    with pytest.raises(OptionError, match=message):
        gather(ExpertLikenessOptions(acting, tmp_path / "still.npz", frames=size), AGENT)


@pytest.mark.usefixtures("ale")
def test_scaled_memory_is_not_compared_with_bytes(tmp_path):
    save_graded(collect_graded("atari/Boxing:ram,max_episode_steps=8", AGENT, STILL), tmp_path / "ram.npz")
    with pytest.raises(OptionError, match=r"scaled=False .* the agent is seen with scaled=True"):
        gather(ExpertLikenessOptions("atari/Boxing:ram,scaled,max_episode_steps=8", tmp_path / "ram.npz"), AGENT)
    data = gather(ExpertLikenessOptions("atari/Boxing:ram,sticky=0,max_episode_steps=9", tmp_path / "ram.npz"), AGENT)
    assert len(data.expert) == 3


@pytest.mark.usefixtures("frames")
def test_videos_of_an_expert(tmp_path):
    pytest.importorskip("av")
    for take in range(2):
        write(tmp_path / f"{take}.mp4", moving(12))
    env = "dmc/cartpole-balance:max_episode_steps=8"
    data = gather(ExpertLikenessOptions(env, tmp_path, frames=16, video_skip=3), AGENT)
    assert [episode.obs.shape for episode in data.expert] == [(4, 16, 16, 3)] * 2
    assert data.expert_return is None
    assert data.random[0].obs.shape == (9, 16, 16, 3)
    with pytest.raises(
        ShapeError, match=r"observations \[32, 48, 3\], and the reward looks at \[5\].*give frames, e.g. 32"
    ):
        gather(ExpertLikenessOptions(env, tmp_path), AGENT)


def test_other_observations_and_too_few_are_refused(graded, tmp_path):
    save_episodes([Episode(episode.obs[:, :2]) for episode in graded.episodes], tmp_path / "narrow.npz")
    with pytest.raises(ShapeError, match=r"holds observations \[2\], and the reward looks at \[3\] of Tiny/Plain-v0"):
        gather(ExpertLikenessOptions(ENV, tmp_path / "narrow.npz"), AGENT)
    save_episodes(graded.episodes[:1], tmp_path / "one.npz")
    with pytest.raises(DataError, match=r"One demonstration of \d+ steps is too short .* one of 320 steps or more"):
        gather(ExpertLikenessOptions(ENV, tmp_path / "one.npz", window=40), AGENT)


def test_one_demonstration_is_cut_into_segments(graded, tmp_path):
    whole = graded.episodes[0]
    save_episodes([whole], tmp_path / "one.npz")
    told = []
    data = gather(ExpertLikenessOptions(ENV, tmp_path / "one.npz", window=1), AGENT, tell=told.append)
    assert 2 <= len(data.expert) <= 8 and sum(map(len, data.expert)) == len(whole)
    assert np.array_equal(np.concatenate([part.obs[1:] for part in data.expert]), whole.obs[1:])
    assert all(np.array_equal(one.obs[-1], two.obs[0]) for one, two in pairwise(data.expert))
    assert told[-1] == f"one demonstration, cut into {len(data.expert)} segments, of which some are held out"


@pytest.mark.usefixtures("frames")
def test_an_expert_on_sensors_is_drawn_as_an_agent_on_pictures_sees(tmp_path):
    sensors = "dmc/cartpole-balance:max_episode_steps=8"
    graded = collect_graded(sensors, replace(AGENT, action_repeat=2), STILL)
    save_graded(graded, tmp_path / "sensors.npz")
    env = "dmc/cartpole-balance:max_episode_steps=8,pixels=16,grey,stack=3"
    options = ExpertLikenessOptions(env, tmp_path / "sensors.npz")
    columns = DataColumns(frame_layout="HWC,stack=3")
    data = gather(options, replace(AGENT, action_repeat=2), columns=columns)
    for skill, episodes in (("expert", data.expert), ("random", data.random)):
        drawn = draw_episodes(graded.where(skill), 16, grey=True).episodes
        assert episodes[0].obs.shape == (5, 16, 16, 1)
        assert same(episodes, drawn)
    assert data.expert_return == graded.mean_returns()["expert"]
    with pytest.raises(OptionError, match="with every action held 2 times and the agent holds it 1 times"):
        gather(options, AGENT, columns=columns)
    coarse = replace(options, env="dmc/cartpole-balance:max_episode_steps=8,pixels=16,action_repeat=4")
    with pytest.raises(OptionError, match=r"recorded with action_repeat=1 .* is seen with action_repeat=4"):
        gather(coarse, AGENT)
