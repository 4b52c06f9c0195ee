"""Frames drawn afterwards are those that were there, from states and from games played again."""

from dataclasses import replace

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.envs.conftest import ale, dmc, frames  # noqa: F401
from tsreward.agents.graded_frames import draw_episodes
from tsreward.agents.grading import GradingOptions, collect_graded
from tsreward.agents.options import AgentOptions
from tsreward.data.graded import GradedEpisodes
from tsreward.envs.make import make
from tsreward.errors import DataError, OptionError

CARTPOLE, BOXING = "dmc/cartpole-balance:max_episode_steps=24", "atari/Boxing:ram,stack=2,max_episode_steps=30"


def collected(env: str, expert: str) -> GradedEpisodes:
    return collect_graded(env, AgentOptions(action_repeat=2), GradingOptions(expert, episodes=2, stages=()))


def live(graded: GradedEpisodes, index: int, **options: object) -> np.ndarray:
    """Return what the environment with pixels shows in this episode."""
    env = make(graded.env.replace("ram,stack=2,", ""), graded.action_repeat, **options)
    seen = [env.reset(seed=int(graded.seeds[index]))[0]]
    actions = graded.episodes[index].actions
    assert actions is not None
    return np.stack(seen + [env.step(action)[0] for action in actions])


@pytest.mark.usefixtures("frames", "ale")
@pytest.mark.parametrize(
    ("env", "expert", "options"),
    [(CARTPOLE, "constant:0.5", {}), (CARTPOLE, "highest", {"grey": True}), (BOXING, "constant:3", {"grey": True})],
)
def test_frames_are_those_that_were_there(env, expert, options):
    graded = collected(env, expert)
    assert (graded.states is None) == env.startswith("atari/")
    drawn = draw_episodes(graded, 24, **options)
    for index, episode in enumerate(drawn.episodes):
        assert np.array_equal(episode.obs, live(graded, index, pixels=24, **options))
        assert episode.rewards is graded.episodes[index].rewards
    assert np.array_equal(drawn.skill, graded.skill)


@pytest.mark.usefixtures("ale")
def test_a_game_that_takes_another_course_is_refused():
    graded = collected(BOXING, "constant:3")
    episode = graded.episodes[1]
    changed = episode.obs.copy()
    changed[7, 200] ^= 1
    graded = replace(graded, episodes=[graded.episodes[0], replace(episode, obs=changed), *graded.episodes[2:]])
    with pytest.raises(DataError, match="Episode 1, played again from its seed, differs at step 7"):
        draw_episodes(graded)


@pytest.mark.usefixtures("ale")
@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("Tiny/Cost-v0", "draws dm_control and Atari, got episodes of 'Tiny/Cost-v0'"),
        ("atari/Boxing:pixels=16", "hold frames already"),
        ("atari/Boxing", "hold frames already"),
        ("dmc/cartpole-balance:pixels=16", "hold frames already"),
    ],
)
def test_what_cannot_be_drawn_is_refused(env, message):
    graded = replace(collected(BOXING, "no_action"), env=env)
    with pytest.raises(OptionError, match=message):
        draw_episodes(graded)
