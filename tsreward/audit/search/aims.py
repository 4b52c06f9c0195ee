"""What an attacker is paid for: the learned reward alone, or costs that a penalty does not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from tsreward.audit.behaviour import Ratings
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import Costs


def aim(model: RewardModel, rated: Ratings, costs: Sequence[np.ndarray]) -> np.ndarray:
    """Return [N] what steps are worth to an attacker.

    Of a likeness it is the learned reward, and of a penalty 1 for a step with a cost that is not flagged.

    Args:
        model: whose reward is attacked.
        rated: the steps of some episodes.
        costs: [T] of every episode.
    """
    if model.mode.replaces:
        return rated.learned
    return (np.concatenate(costs) > 0) & ~rated.is_anomaly


class UnseenCosts(VecEnvWrapper):
    """Pays an agent 1 for every step with a cost that the penalty of a model does not flag, and nothing else."""

    def __init__(self, venv: VecEnv, model: RewardModel, costs: Costs) -> None:
        super().__init__(LearnedRewardVecEnv(venv, model))
        self._reader = CostReader(costs, needed=True)

    def reset(self) -> np.ndarray:
        return self.venv.reset()  # type: ignore[return-value]

    def step_wait(self) -> VecEnvStepReturn:
        obs, _, dones, infos = self.venv.step_wait()
        unseen = [float(self._reader.read(info) > 0 and not info["is_anomaly"]) for info in infos]
        return obs, np.array(unseen, np.float32), dones, infos
