"""TorchRL takes an environment with a learned reward in one line."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tests.walk import Walk, walk_model
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

torchrl = pytest.importorskip("torchrl.envs")
checks = pytest.importorskip("torchrl.envs.utils")


def test_one_environment_passes_its_checks() -> None:
    env = torchrl.GymWrapper(LearnedReward(Walk(), walk_model("likeness")))
    checks.check_env_specs(env)
    assert env.rollout(5)["next", "reward"].isfinite().all()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])  # it takes no other
def test_a_vector_environment_passes_its_checks(mode: AutoresetMode) -> None:
    model = walk_model("likeness")
    env = torchrl.GymWrapper(LearnedRewardVector(SyncVectorEnv([Walk] * 3, autoreset_mode=mode), model))
    checks.check_env_specs(env)
    paid = env.rollout(60, break_when_any_done=False)["next", "reward"]
    assert paid.shape == (3, 60, 1) and np.isfinite(paid.numpy()).all()
