"""`ActiveRollouts`: rewards of the model before, a refresh after, and `RolloutRewards` where nothing learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from tests.sb3.test_active_rewards import learning, scripted
from tests.sb3.test_replay_buffer import Doubling
from tests.sb3.test_rollout_rewards import Rollouts
from tests.scripted import small_model
from tsreward.errors import ProtocolError
from tsreward.sb3.active_rollouts import ActiveRollouts
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.rollout_rewards import RolloutRewards

ROLLOUT = 16


def trained(venv: VecEnv, callback: Any, steps: int = 96, algorithm: Any = PPO) -> tuple[Any, Rollouts]:
    agent, watch = algorithm("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, seed=3, device="cpu"), Rollouts()
    agent.learn(steps, callback=[callback, watch])
    return agent, watch


def test_without_a_learner_it_is_the_plain_callback() -> None:
    model = small_model(smoothing=0.6, frame_skip=2)
    seen = []
    for callback in (RolloutRewards, ActiveRollouts):
        venv = BulkRewardVecEnv(scripted(3), model)
        seen.append(trained(venv, callback(venv))[1].seen)
    assert len(seen[0]) == 2 and seen[0] == seen[1]


def test_every_rollout_is_paid_by_the_model_before_it_learns() -> None:
    learner = learning(every=12, recent=60)
    venv = BulkRewardVecEnv(scripted(3), learner.model)
    states: list[Any] = []
    windows: list[Tensor] = []
    sources: list[Tensor] = []
    refresh, take = learner.refresh, venv.take

    def watched_take() -> Any:
        taken = take()
        windows.append(venv.stream.windows())
        states.append((learner.refreshes, taken[0].copy(), learner.model.rate(windows[-1]).reward.float().numpy()))
        return taken

    def watched_refresh(source: Any) -> None:
        refresh(lambda number: (sources.append(source(number)), sources[-1])[1])

    venv.take, learner.refresh = watched_take, watched_refresh  # type: ignore[method-assign]
    _, watch = trained(venv, ActiveRollouts(venv, learner), steps=144)
    assert [refreshes for refreshes, _, _ in states] == [0, 4, 8]
    assert learner.refreshes == 12
    for (_, given, expected), rollout in zip(states, watch.seen, strict=True):
        np.testing.assert_allclose(given.flatten(), expected, rtol=1e-4, atol=1e-5)
        assert np.shape(rollout[1]) == (ROLLOUT, 3)
    assert not np.allclose(states[0][2], learner.model.rate(windows[0]).reward.float().numpy())
    recent = torch.cat(windows)[-60:]
    assert all((recent == window).all(2).all(1).any() for window in sources[-1])
    assert len(torch.cat(sources[-16:]).unique(dim=0)) > 48  # of more than the last rollout


def test_the_bonus_is_added_and_learns_from_every_window_once() -> None:
    model, bonus = small_model(mode="likeness"), Doubling()
    venv = BulkRewardVecEnv(scripted(3), model)
    plain = BulkRewardVecEnv(scripted(3), model)
    own, other = (
        trained(env, callback, 48)[1].seen[0][1]
        for env, callback in ((venv, ActiveRollouts(venv, bonus=bonus)), (plain, ActiveRollouts(plain)))
    )
    assert own == other  # before any update it pays nothing
    assert [len(windows) for windows in bonus.updated] == [48]
    venv = BulkRewardVecEnv(scripted(3), model)
    again = trained(venv, ActiveRollouts(venv, bonus=bonus), 48)[1].seen[0][1]
    np.testing.assert_allclose(np.array(again), np.array(other) + 2, rtol=1e-5)


def test_another_model_is_refused() -> None:
    with pytest.raises(ProtocolError, match="a learner of another model than its venv's"):
        ActiveRollouts(BulkRewardVecEnv(scripted(3), small_model()), learning())


def test_windows_are_there_after_they_were_taken() -> None:
    venv = BulkRewardVecEnv(scripted(2), small_model())
    with pytest.raises(ProtocolError, match="nothing was read yet"):
        venv.stream.windows()


def test_rollouts_of_the_twin_on_jax_are_valued_by_what_follows_them() -> None:
    sbx = pytest.importorskip("sbx")
    from tsreward.sb3.vec_env import LearnedRewardVecEnv

    model = small_model(mode="likeness")
    bulk = BulkRewardVecEnv(scripted(3), model)
    own = trained(bulk, ActiveRollouts(bulk), 96, sbx.PPO)[1].seen
    watch = Rollouts()
    agent = sbx.PPO("MlpPolicy", LearnedRewardVecEnv(scripted(3), model), n_steps=ROLLOUT, batch_size=ROLLOUT, seed=3)
    agent.learn(96, callback=watch)
    for one, other in zip(own, watch.seen, strict=True):
        for part, expected in zip(one, other, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-5)
