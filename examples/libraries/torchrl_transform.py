"""A learned reward as a transform of TorchRL: `TransformedEnv(env, LearnedRewardTransform(model))`."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torchrl.data import Unbounded
from torchrl.envs import Transform

import tsreward


class LearnedRewardTransform(Transform):
    """Replaces "reward" of one environment by the learned one, and keeps the environment's as "original_reward"."""

    def __init__(self, model: tsreward.RewardModel | str, observation: str = "observation") -> None:
        super().__init__(in_keys=[observation, "reward"], out_keys=["reward", "original_reward", "anomaly_score"])
        model = tsreward.from_pretrained(model) if isinstance(model, str) else model
        self.stream, self.observation = tsreward.RewardStream(model, num_envs=1), observation

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        self.stream.start(tensordict_reset[self.observation][None])
        for name in ("original_reward", "anomaly_score"):
            tensordict_reset[name] = torch.zeros(1)
        return tensordict_reset

    def _step(self, tensordict: TensorDictBase, next_tensordict: TensorDictBase) -> TensorDictBase:
        reward = next_tensordict["reward"]
        earned = self.stream.step(next_tensordict[self.observation][None], reward.reshape(1).double())
        next_tensordict["original_reward"] = reward
        next_tensordict["reward"] = earned.reward.float().clone().reshape(reward.shape)
        next_tensordict["anomaly_score"] = earned.score.clone().reshape(reward.shape)
        return next_tensordict

    def transform_observation_spec(self, observation_spec):
        for name in ("original_reward", "anomaly_score"):
            observation_spec[name] = Unbounded(shape=(1,), dtype=torch.float32)
        return observation_spec
