"""What an agent needs that attacks a reward: pay for costs that a penalty does not see, and an end in time."""

from __future__ import annotations

import time

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from tsreward.pipeline.model import RewardModel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import Costs


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


class Until(BaseCallback):
    """Ends a training when `time.monotonic()` passes the deadline."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def _on_step(self) -> bool:
        return time.monotonic() < self._deadline
