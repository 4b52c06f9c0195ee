"""`BulkRewardVecEnv` changes nothing, and gives the rewards of `LearnedRewardVecEnv` when it is asked."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecMonitor, VecNormalize

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.errors import NotFittedError, ProtocolError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.checks import INFO_KEYS

LENGTHS = (7, 1, 12)


def scripted(num_envs: int = 2, make: Any = DummyVecEnv, **kind: Any) -> VecEnv:
    return make([partial(ScriptedEnv, played) for played in scripts(2, num_envs, LENGTHS, **kind)])


def noting(venv: VecEnv, model: RewardModel) -> BulkRewardVecEnv:
    bulk = BulkRewardVecEnv(venv, model)
    bulk.taken = True
    return bulk


def play(venv: VecEnv, steps: int) -> list[Any]:
    actions = np.zeros((venv.num_envs, 1), np.float32)
    return [venv.reset(), *(venv.step(actions) for _ in range(steps))]


def test_everything_is_left_as_it_is(model: RewardModel) -> None:
    plain, found = play(scripted(3), 60), play(noting(scripted(3), model), 60)
    for step, own in zip(plain, found, strict=True):
        assert data_equivalence(step, own, exact=True)


@pytest.mark.parametrize("make", [DummyVecEnv, partial(SubprocVecEnv, start_method="fork")])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_rewards_are_those_of_the_wrapper_that_steps(model: RewardModel, num_envs: int, make: Any) -> None:
    steps = play(LearnedRewardVecEnv(scripted(num_envs), model), 130)[1:]
    bulk = noting(scripted(num_envs, make), model)
    bulk.reset()
    for part in (steps[:3], steps[3:50], steps[50:]):
        for _ in part:
            _, given, _, _ = bulk.step(np.zeros((num_envs, 1), np.float32))
            given[:] = -100.0  # algorithms write into what they are given
        rewards, earned = bulk.take()
        assert rewards.dtype == np.float32
        assert rewards.tolist() == [step[1].tolist() for step in part]
        infos = [step[3] for step in part]
        for key, found in zip(INFO_KEYS[1:], earned[1:], strict=True):
            assert found.tolist() == [[info[key] for info in row] for row in infos]
    bulk.close()


@pytest.mark.parametrize(
    "kind", [{"dtype": np.float64}, {"dtype": np.uint8, "shape": (3, 2, 1)}], ids=["double precision", "images"]
)
def test_rewards_are_the_same_for_other_observations(kind: dict[str, Any]) -> None:
    venv = scripted(3, **kind)
    assert venv.observation_space.shape is not None
    model = small_model(venv.observation_space.shape, smoothing=0.5)
    wanted = [step[1].tolist() for step in play(LearnedRewardVecEnv(venv, model), 40)[1:]]
    bulk = noting(scripted(3, **kind), model)
    play(bulk, 40)
    assert bulk.take()[0].tolist() == wanted


def test_stepping_is_refused_where_nobody_takes_the_rewards(model: RewardModel) -> None:
    bulk = BulkRewardVecEnv(scripted(), model)
    bulk.reset()
    with pytest.raises(ProtocolError, match=r"callback=RolloutRewards\(venv\)\), or ReplayRewards\(venv\)"):
        bulk.step(np.zeros((2, 1), np.float32))


def test_what_the_other_wrapper_refuses_is_refused(model: RewardModel, unfitted: RewardModel) -> None:
    with pytest.raises(ProtocolError, match=r"VecNormalize\(BulkRewardVecEnv\(venv, model\)\)"):
        BulkRewardVecEnv(VecNormalize(scripted()), model)
    with pytest.raises(NotFittedError, match="BulkRewardVecEnv got a model that is not fitted"):
        BulkRewardVecEnv(scripted(), unfitted)
    with pytest.raises(ShapeError, match="BulkRewardVecEnv: the environment gives observations"):
        BulkRewardVecEnv(scripted(shape=(5,)), model)


def test_monitors_inside_report_the_true_return(model: RewardModel) -> None:
    true = scripts(2, 1, LENGTHS)[0][0].rewards
    single = DummyVecEnv([lambda: Monitor(ScriptedEnv(scripts(2, 1, LENGTHS)[0]))])
    for venv in (single, VecMonitor(scripted(1))):
        last = play(noting(venv, model), 7)[-1]
        assert last[3][0]["episode"]["r"] == pytest.approx(np.sum(true))
