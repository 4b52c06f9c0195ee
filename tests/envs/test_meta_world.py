"""Meta-World behind the Gymnasium interface: the same numbers, seeds that hold, upright pictures, scripted experts."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from tests.scripted import play_single
from tsreward.envs.make import make
from tsreward.envs.meta_world import meta_world_ids, scripted_policy
from tsreward.errors import MissingExtraError, OptionError
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_graded, draw_episodes

metaworld = pytest.importorskip("metaworld", reason="needs the extra 'metaworld'")
TASK = "metaworld/drawer-open"


def solved(id: str, seed: int) -> bool:
    env, policy = make(id, max_episode_steps=150), scripted_policy(id)
    obs, _ = env.reset(seed=seed)
    while True:
        obs, _, _, truncated, info = env.step(policy(obs[None])[0])
        if truncated or info["success"]:
            return bool(info["success"])


def test_the_numbers_are_those_of_meta_world() -> None:
    bench = metaworld.MT1("drawer-open-v3", seed=3)
    bare = bench.train_classes["drawer-open-v3"]()
    bare.set_task(bench.train_tasks[0])
    wanted, _ = bare.reset()
    env = make(TASK)
    obs, _ = env.reset(seed=0)
    inner: Any = env.unwrapped
    inner._env._freeze_rand_vec, inner._env._last_rand_vec = True, bare._last_rand_vec
    obs, _ = env.reset()
    assert np.array_equal(obs, np.float32(wanted)) and obs.any()
    env.action_space.seed(0)
    for _ in range(30):
        action = env.action_space.sample()
        obs, reward, terminated, truncated, info = env.step(action)
        wanted, paid, _, _, told = bare.step(action)
        assert np.array_equal(obs, np.float32(wanted)) and obs in env.observation_space
        assert (reward, terminated, truncated, info["success"]) == (paid, False, False, told["success"])


@pytest.mark.parametrize("task", ["reach", "push", "drawer-open", "door-close", "peg-insert-side"])
def test_scripted_experts_solve_what_they_see_the_goal_of(task: str) -> None:
    assert solved(f"metaworld/{task}", seed=1)


def test_a_seed_repeats_its_episode_whatever_came_before() -> None:
    before = np.random.mtrand._rand.get_state()[1].copy()
    fresh, used = make(TASK), make(TASK)
    used.reset(seed=1)
    used.step(used.action_space.sample())
    assert np.array_equal(fresh.reset(seed=5)[0], used.reset(seed=5)[0])
    first = fresh.reset()[0]
    assert np.array_equal(first, used.reset()[0])
    assert not np.array_equal(first, fresh.reset()[0])
    assert np.array_equal(before, np.random.mtrand._rand.get_state()[1])


def test_one_start_for_all_episodes() -> None:
    env = make(f"{TASK}:start_seed=5")
    first = env.reset(seed=0)[0]
    assert np.array_equal(first, env.reset()[0])
    assert np.array_equal(first, make(TASK).reset(seed=5)[0])


def test_a_hidden_goal_reads_nought_and_sparse_rewards_are_success() -> None:
    shown, hidden = make("metaworld/reach"), make("metaworld/reach:hidden_goal,sparse")
    here, there = shown.reset(seed=0)[0], hidden.reset(seed=0)[0]
    assert here[-3:].all() and not there[-3:].any()
    assert np.array_equal(here[:-3], there[:-3])
    policy = scripted_policy("metaworld/reach")
    seen, rewards, successes = here, [], []
    for _ in range(60):
        action = policy(seen[None])[0]
        seen = shown.step(action)[0]
        _, reward, _, _, info = hidden.step(action)
        rewards.append(reward)
        successes.append(info["success"])
    assert rewards == successes
    assert set(rewards) == {0.0, 1.0}


def test_episodes_are_cut_after_500_steps_or_fewer() -> None:
    env = make(TASK, action_repeat=250)
    env.reset(seed=0)
    ends = [env.step(np.zeros(4))[2:4] for _ in range(2)]
    assert ends == [(False, False), (False, True)]
    with pytest.raises(gymnasium.error.ResetNeeded, match="outside an episode"):
        env.step(np.zeros(4))


def test_two_renderers_do_not_disturb_each_other(frames: None) -> None:
    ids = [f"{TASK}:pixels=32", "metaworld/reach:pixels=32"]

    def drawn(env: gymnasium.Env) -> Any:
        yield env.reset(seed=0)[0]
        while True:
            yield env.step(np.full(4, 0.5))[0]

    alone = [[next(film) for _ in range(3)] for film in (drawn(make(id)) for id in ids)]
    films = [drawn(make(id)) for id in ids]
    together = [[next(film) for film in films] for _ in range(3)]
    assert np.array_equal(np.array(alone), np.array(together).swapaxes(0, 1))


def test_hanging_cameras_are_turned_upright(frames: None) -> None:
    def first(**options: Any) -> np.ndarray:
        return make(TASK, pixels=32, **options).reset(seed=0)[0]

    assert np.array_equal(first(), first(flip=False)[::-1, ::-1])
    assert np.array_equal(first(camera="topview"), first(camera="topview", flip=False))
    assert first().std() > 10


def test_its_spec_makes_it_again() -> None:
    env = make(TASK, action_repeat=2, max_episode_steps=5, sparse=True)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    for wanted, found in zip(play_single(env, 8, seed=0)[:4], play_single(again, 8, seed=0)[:4], strict=True):
        assert data_equivalence(wanted, found, exact=True)


@pytest.mark.filterwarnings("ignore:.*A Box observation space", "ignore:.*For Box action spaces")
def test_gymnasiums_checker_accepts_it() -> None:
    check_env(make(TASK).unwrapped, skip_render_check=True)


def test_graded_episodes_of_a_scripted_expert_can_be_drawn_again(frames: None) -> None:
    id = f"{TASK}:max_episode_steps=40"
    grading = GradingOptions(policy="scripted", num_episodes=1, stages=(0.5,))
    graded = collect_graded(id, AgentOptions(), grading)
    random, half, expert = graded.returns
    assert random < half < expert
    films = draw_episodes(graded, 16)
    env = make(f"{id},pixels=16")
    wanted = [env.reset(seed=int(graded.seeds[2]))[0]]
    assert films.episodes[2].actions is not None
    wanted += [env.step(action)[0] for action in films.episodes[2].actions[:5]]
    assert np.array_equal(films.episodes[2].obs[:6], wanted)


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("metaworld/drawer-opn", "Unknown environment 'metaworld/drawer-opn'.*drawer-open"),
        (f"{TASK}:camera=corner9", "Unknown camera 'corner9'.*corner"),
        (f"{TASK}:rendering=ray", "Unknown rendering 'ray'"),
        (f"{TASK}:pixels=0", "size of 1 pixel or more, got 0"),
        (f"{TASK}:pixels=8,frames=8", "got both: leave out one"),
        (f"{TASK}:grey", "no frames to make grey"),
        (f"{TASK}:start_seed=-1", "start_seed of 'metaworld/drawer-open' is 0 or more, got -1"),
    ],
)
def test_what_cannot_be_made_is_refused(id: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(id)


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("CartPole-v1", "come with Meta-World .*'CartPole-v1' has none"),
        (f"{TASK}:pixels=64,hidden_goal", "leave out hidden_goal and pixels"),
        ("metaworld/juggle", "Unknown environment 'metaworld/juggle'"),
    ],
)
def test_an_expert_that_does_not_fit_is_refused(id: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        scripted_policy(id)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[metaworld\]"):
        meta_world_ids()
