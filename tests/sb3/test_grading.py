"""Frames drawn afterwards are those that were there, from states and from games played again."""

from dataclasses import replace

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.envs.conftest import ale, dmc, frames  # noqa: F401
from tsreward.data.graded import GradedEpisodes
from tsreward.envs.blind_policies import BLIND
from tsreward.envs.make import make
from tsreward.errors import DataError, OptionError
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_blind, collect_graded, draw_episodes
from tsreward.sb3.playing import play
from tsreward.sb3.training import train_agent

CARTPOLE, BOXING = "dmc/cartpole-balance:max_episode_steps=24", "atari/Boxing:ram,stack=2,max_episode_steps=30"


def collected(env: str, expert: str) -> GradedEpisodes:
    return collect_graded(env, AgentOptions(action_repeat=2), GradingOptions(expert, num_episodes=2, stages=()))


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
        ("Tiny/Cost-v0", "draws dm_control, Atari and Meta-World, got episodes of 'Tiny/Cost-v0'"),
        ("atari/Boxing:pixels=16", "hold frames already"),
        ("atari/Boxing", "hold frames already"),
        ("dmc/cartpole-balance:pixels=16", "hold frames already"),
    ],
)
def test_what_cannot_be_drawn_is_refused(env, message):
    graded = replace(collected(BOXING, "no_action"), env=env)
    with pytest.raises(OptionError, match=message):
        draw_episodes(graded)


ENV = "Tiny/Plain-v0"
PPO = AgentOptions(steps=2048, num_envs=4, rollout=64, hidden=16, seed=3)
SAC = AgentOptions("sac", 200, 2, hidden=8, gradient_steps=1, learning_starts=50)


@pytest.mark.parametrize("agent", [PPO, SAC], ids=["ppo", "sac"])
def test_the_expert_is_the_agent_that_training_alone_gives(agent):
    graded = collect_graded(ENV, agent, GradingOptions(num_episodes=3, stages=(0.25, 0.5), stochastic=True))
    assert graded.names == ("random", "25 %", "50 %", "expert")
    assert graded.skill.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len(set(graded.seeds)) == 12
    alone = train_agent(ENV, agent)

    def act(obs: np.ndarray) -> np.ndarray:
        return alone.algorithm.predict(alone.normaliser.normalize_obs(obs), deterministic=True)[0]  # type: ignore[arg-type]

    still = collect_graded(ENV, agent, GradingOptions(num_episodes=3, stages=(0.25, 0.5))).where("expert")
    again = play(ENV, act, still.seeds.tolist())
    for one, episode in zip(again, still.episodes, strict=True):
        assert np.array_equal(one.episode.obs, episode.obs)


def test_skill_shows_in_the_returns():
    returns = collect_graded(ENV, PPO, GradingOptions(num_episodes=16, stages=(0.05,))).mean_returns()
    assert list(returns) == ["random", "5 %", "expert"]
    assert returns["expert"] > returns["random"] + 3
    assert returns["expert"] > returns["5 %"]


def test_the_same_seed_gives_the_same_episodes():
    first, second = (collect_graded(ENV, PPO, GradingOptions(num_episodes=2, stages=())) for _ in range(2))
    assert first.names == ("random", "expert")
    for one, two in zip(first.episodes, second.episodes, strict=True):
        assert np.array_equal(one.obs, two.obs)
    assert np.array_equal(first.returns, second.returns)


def test_a_constant_expert_is_graded_by_the_share_of_its_actions():
    options = GradingOptions("constant:1", num_episodes=40, stages=(0.25, 0.75))
    graded = collect_graded("Tiny/Discrete-v0", PPO, options)
    shares = []
    for name in graded.names:
        actions = [episode.actions for episode in graded.where(name).episodes]
        shares.append(np.concatenate(actions).mean())  # type: ignore[arg-type]
    assert shares == pytest.approx([0.5, 0.625, 0.875, 1.0], abs=0.06)
    assert sorted(graded.mean_returns().values()) == list(graded.mean_returns().values())


def test_policies_that_look_at_nothing_are_skills_of_their_own():
    graded = collect_blind("Tiny/Discrete-v0", range(5, 8), action_repeat=2)
    assert graded.names == tuple(BLIND)
    assert graded.seeds.tolist() == [5, 6, 7] * len(BLIND)
    assert graded.action_repeat == 2
    for name, action in (("no_action", 0), ("lowest", 1)):
        for episode in graded.where(name).episodes:
            assert (np.asarray(episode.actions) == action).all()
    with pytest.raises(OptionError, match="needs one seed or more"):
        collect_blind(ENV, [])


def test_stages_end_where_the_training_is_short():
    agent = AgentOptions("sac", 8, 4, hidden=4)
    graded = collect_graded(ENV, agent, GradingOptions(num_episodes=1, stages=(0.1, 0.2, 0.3, 0.9)))
    assert graded.skill.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_episodes": 0}, "num_episodes must be an integer >= 1, got 0"),
        ({"stages": (0.5, 0.25)}, r"stages must be rising numbers in \(0, 1\), got \(0.5, 0.25\)"),
        ({"stages": (0.5, 1.0)}, "rising numbers"),
        ({"stages": (0.5, 0.5)}, "rising numbers"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        GradingOptions(**options)


@pytest.mark.parametrize(
    ("env", "agent", "expert", "message"),
    [
        ("Tiny/Discrete-v0", SAC, "train", "sac needs continuous actions"),
        ("Tiny/Discrete-v0", SAC, "constant:7", "is no action of"),
        ("Tiny/Discrete-v0", SAC, "trained", "Unknown policy 'trained'"),
        ("Tiny/Nothing-v0", SAC, "train", "Unknown environment"),
    ],
)
def test_what_does_not_suit_is_found_out_before_any_training(env, agent, expert, message):
    with pytest.raises(OptionError, match=message):
        collect_graded(env, agent, GradingOptions(expert))
