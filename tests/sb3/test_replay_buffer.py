"""`LearnedReplayBuffer`: the windows are those of the episodes, and no reward is older than the model."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.buffers import ReplayBuffer

from tests.sb3.stacks import LENGTHS, Doubling, lazy, scripted
from tests.scripted import scripts, small_model
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.replay_buffer import LearnedReplayBuffer
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.windows import WindowSet


def fresh(venv: LearnedRewardVecEnv, size: int, changes: bool = True, **kind: Any) -> LearnedReplayBuffer:
    plain = ReplayBuffer(size * venv.num_envs, venv.observation_space, venv.action_space, "cpu", venv.num_envs)
    return LearnedReplayBuffer(plain, venv, changes, **kind)


def filled(
    model: RewardModel,
    num_envs: int = 2,
    size: int = 1000,
    steps: int = 120,
    gap: int | None = None,
    changes: bool = True,
    **kind: Any,
) -> LearnedReplayBuffer:
    """Return a buffer of that many rows after steps of scripted episodes; one step is not stored where `gap` says."""
    venv = lazy(scripted(num_envs), model, driven=True, **kind)
    buffer, obs, actions = fresh(venv, size, changes), venv.reset(), np.zeros((num_envs, 1), np.float32)
    for step in range(steps):
        new, rewards, dones, infos = venv.step(actions)
        if step == gap:
            buffer.drop_early()
        else:
            buffer.add(obs, new, actions, rewards, dones, infos)
        obs = new
    return buffer


def expected(model: RewardModel, num_envs: int, env: int, steps: int) -> list[tuple[int, torch.Tensor]]:
    """Return (age, window) of every step of one environment, by the obvious way."""
    found: list[tuple[int, torch.Tensor]] = []
    episodes = scripts(2, num_envs, LENGTHS)[env]
    while len(found) < steps:
        for episode in episodes:
            windows = WindowSet.from_episodes([episode.obs, np.zeros((99, 3))], model.window, model.frame_skip)
            found += [(at, windows.gather(torch.tensor([at + 1]))[0]) for at in range(len(episode))]
    return found[:steps]


@pytest.mark.parametrize(("frame_skip", "window"), [(1, 4), (3, 4), (1, 1), (2, 7)])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_windows_are_those_of_the_episodes(num_envs: int, frame_skip: int, window: int) -> None:
    model = small_model(frame_skip=frame_skip, window=window)
    buffer = filled(model, num_envs)
    for env in range(num_envs):
        found = buffer.windows(np.arange(120), np.full(120, env))
        assert torch.equal(found, torch.stack([own for _, own in expected(model, num_envs, env, 120)]))


@pytest.mark.parametrize("size", [1, 5, 16])
def test_overwritten_rows_are_in_no_window(size: int) -> None:
    model = small_model(frame_skip=2)
    buffer = filled(model, 2, size, 120)
    assert buffer.full
    for env in range(2):
        known = expected(model, 2, env, 120)
        for step in range(120 - size, 120):
            found, (age, whole) = buffer.windows(np.array([step % size]), np.array([env]))[0], known[step]
            kept = step - (120 - size)  # rows before this one that are still there
            if age <= kept or kept >= 5:  # then nothing that the window reaches back to is lost
                assert torch.equal(found, whole)
            else:
                episode = [known[step - back] for back in range(kept + 1)]
                allowed = torch.cat([own[-2:] for _, own in episode])  # what the rows hold that are still there
                assert torch.equal(found[-1], whole[-1])
                assert all((allowed == row).all(1).any() for row in found)


def test_a_step_that_was_not_stored_is_not_bridged() -> None:
    model = small_model()
    buffer = filled(model, 1, gap=20)  # in the middle of the episode of 30 steps, which begins with step 17
    known = expected(model, 1, 0, 120)
    found = buffer.windows(np.arange(119), np.zeros(119, int))
    assert torch.equal(found[:20], torch.stack([own for _, own in known[:20]]))
    arrived = known[21][1][-1]
    left = known[20][1][-1]
    assert torch.equal(found[20], torch.stack([left, left, left, arrived]))
    assert torch.equal(found[24:], torch.stack([own for _, own in known[25:]]))


def sampled(buffer: LearnedReplayBuffer, seed: int = 0, number: int = 64) -> Any:
    with kept_random_state():
        np.random.seed(seed)  # noqa: NPY002 - Stable-Baselines3 samples with it
        return buffer.sample(number)


@pytest.mark.parametrize(("mode", "every"), [("penalty", 1), ("likeness", 1), ("likeness", 4)])
def test_sampled_rewards_are_those_of_the_wrapper_that_steps(mode: str, every: int) -> None:
    model = small_model(mode=mode, every=every)
    buffer = filled(model)
    venv = LearnedRewardVecEnv(scripted(2), model)
    venv.reset()
    stepped = np.stack([venv.step(np.zeros((2, 1), np.float32))[1] for _ in range(120)])
    rows, envs = np.repeat(np.arange(120), 2), np.tile(np.arange(2), 120)
    assert buffer.rewards_of(rows, envs).tolist() == stepped.flatten().tolist()
    # What is sampled has them beside what a plain buffer would give.
    plain = ReplayBuffer(2000, buffer.observation_space, buffer.action_space, "cpu", 2)
    vars(plain).update({name: value for name, value in vars(buffer).items() if name in vars(plain)})
    plain.rewards = stepped
    own, other = sampled(buffer), sampled(plain)  # type: ignore[arg-type]
    for name in ("observations", "actions", "next_observations", "dones"):
        assert torch.equal(getattr(own, name), getattr(other, name))
    assert torch.equal(own.rewards, other.rewards)
    assert (own.rewards.dtype, own.rewards.shape) == (torch.float32, (64, 1))


def test_no_reward_is_older_than_the_model_and_none_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model, scored = small_model(mode="likeness"), []
    buffer, score = filled(model), RewardModel.score_windows
    monkeypatch.setattr(
        RewardModel, "score_windows", lambda self, windows: (scored.append(len(windows)), score(self, windows))[1]
    )
    first = sampled(buffer)
    assert torch.equal(first.rewards, sampled(buffer).rewards)
    assert scored == [240]  # all that waited, together
    with torch.no_grad():
        for weight in model.scorer.parameters():
            weight.mul_(3)
    assert torch.equal(first.rewards, sampled(buffer).rewards)  # nobody has told it
    buffer.renew()
    later = sampled(buffer)
    assert not torch.equal(first.rewards, later.rewards)
    assert torch.equal(later.rewards, sampled(buffer).rewards)
    assert len(scored) == 2 and scored[1] <= 64  # each transition once, however often it is drawn
    buffer.rewards_of(np.repeat(np.arange(120), 2), np.tile(np.arange(2), 120))
    assert sum(scored[1:]) == 240


def test_a_step_scored_before_its_transition_was_stored_follows_the_model_too() -> None:
    model = small_model(mode="likeness")
    venv = lazy(scripted(1), model, driven=True)
    buffer, obs, actions = fresh(venv, 9), venv.reset(), np.zeros((1, 1))
    new, *given = venv.step(actions)
    buffer.renew()
    with torch.no_grad():
        for weight in model.scorer.parameters():
            weight.mul_(3)
    buffer.renew()
    buffer.add(obs, new, actions, *given)
    place = np.zeros(1, int), np.zeros(1, int)
    assert buffer.rewards_of(*place) == model.rate(buffer.windows(*place)).reward.float().numpy()


@pytest.mark.parametrize("changes", [True, False])
def test_a_row_that_is_written_anew_is_scored_anew(changes: bool) -> None:
    venv = lazy(scripted(1), small_model(mode="likeness"), driven=True)
    buffer, obs, actions = fresh(venv, 1, changes), venv.reset(), np.zeros((1, 1))
    earned = []
    for _ in range(10):
        new, rewards, dones, infos = venv.step(actions)
        buffer.add(obs, new, actions, rewards, dones, infos)
        earned.append(float(buffer.sample(1).rewards))
        obs = new
    assert len(set(earned)) > 5


@pytest.mark.parametrize("changes", [True, False])
def test_rewards_that_are_not_there_yet_are_never_sampled(changes: bool) -> None:
    venv = lazy(scripted(2), small_model(smoothing=0.0 if changes else 0.6, frame_skip=2), driven=True)
    buffer = fresh(venv, 20, changes, chunk=16)
    obs, waited = venv.reset(), 0
    for _ in range(50):
        given = np.zeros((2, 1), np.float32)
        new, rewards, dones, infos = venv.step(given)
        buffer.add(obs, new, given, rewards, dones, infos)
        waited += int(np.isnan(buffer.rewards).any())
        assert np.isfinite(buffer.sample(4).rewards.numpy()).all()
        obs = new
    assert waited > 10


def test_the_bonus_is_added_as_it_is_when_sampled() -> None:
    bonus = Doubling()
    buffer = filled(small_model(mode="likeness"), bonus=bonus)
    before = sampled(buffer).rewards
    bonus.update(torch.zeros(1, 4, 3))
    torch.testing.assert_close(sampled(buffer).rewards, before + 2)


def test_recent_windows_are_the_latest_and_the_seed_decides() -> None:
    buffer = filled(small_model(), 2, size=50, steps=120)
    latest = buffer.latest(10)
    assert latest.shape == (20, 4, 3)
    drawn = buffer.recent(300, 20, torch.Generator().manual_seed(1))
    assert all((latest == window).all(2).all(1).any() for window in drawn)
    assert len(drawn.unique(dim=0)) == 20
    assert torch.equal(drawn, buffer.recent(300, 20, torch.Generator().manual_seed(1)))
    assert len(buffer.latest(999)) == 100


def test_pickled_it_is_a_plain_buffer_with_the_rewards_of_now() -> None:
    buffer = filled(small_model(mode="likeness"))
    loaded = pickle.loads(pickle.dumps(buffer))
    assert type(loaded) is ReplayBuffer and loaded.pos == 120
    rows = np.arange(120)
    assert np.array_equal(loaded.rewards[:120, 1], buffer.rewards_of(rows, np.ones(120, int)))


def test_smoothed_scores_are_refused() -> None:
    with pytest.raises(OptionError, match=r"smooths scores over time \(smoothing=0.5\): fit one with smoothing=0"):
        filled(small_model(smoothing=0.5), steps=0)
