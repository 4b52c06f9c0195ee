"""`LearnedRewardVecEnv`: a learned reward for Stable-Baselines3 algorithms."""

from __future__ import annotations

import numpy as np

from tsreward.errors import ProtocolError, missing_extra
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.reward_obs import RewardObs, RewardSource

try:
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


class LearnedRewardVecEnv(VecEnvWrapper):
    """Give the rewards of `model`, and keep the environment's in `infos[i]["original_reward"]`.

    The infos also get `anomaly_score`, `anomaly_p_value` and `is_anomaly`; every other key stays. Rewards are float32,
    as everywhere in Stable-Baselines3. With `reward_obs` "frame", the model sees `info["frame"]`. To normalise, put
    VecNormalize outside: `VecNormalize(LearnedRewardVecEnv(venv, model))`. A VecMonitor outside logs the learned return
    as `rollout/ep_rew_mean`, a Monitor inside the true one.

    Raises:
        ShapeError: the observation is not a Box, or not of the model's shape.
        NotFittedError: the model is not fitted.
        ProtocolError: there is a VecNormalize inside; or, in a step, an episode ended without `terminal_observation`.
        DataError: in a step, an observation holds NaN or inf.
    """

    stream: RewardStream

    def __init__(
        self,
        venv: VecEnv,
        model: RewardModel,
        bonus: ExplorationBonus | None = None,
        reward_obs: RewardSource = "observation",
    ) -> None:
        refuse_normaliser(type(self).__name__, venv)
        self._reward_obs = RewardObs(type(self).__name__, venv, model, reward_obs)
        super().__init__(venv)
        self.stream = RewardStream(model, venv.num_envs, bonus)

    def reset(self) -> np.ndarray:
        """Reset all environments and begin their episodes."""
        obs = self.venv.reset()
        assert isinstance(obs, np.ndarray)  # the space is a Box
        self.stream.start(as_tensor(self._reward_obs.begun(obs)))
        return obs

    def step_wait(self) -> VecEnvStepReturn:
        """Return observations, learned rewards [E] in float32, ends and infos of the step that was begun."""
        obs, env_rewards, dones, infos = self.venv.step_wait()
        assert isinstance(obs, np.ndarray)
        earned = self.stream.step(as_tensor(self._reward_obs.arrived(obs, dones, infos)), as_tensor(env_rewards))
        if dones.any():
            self.stream.start(as_tensor(self._reward_obs.begun(obs)), as_tensor(dones))
        columns = (env_rewards, earned.score, earned.p_value, earned.is_anomaly)
        infos = [
            {
                **info,
                "original_reward": env_reward,
                "anomaly_score": score,
                "anomaly_p_value": p_value,
                "is_anomaly": is_anomaly,
            }
            for info, env_reward, score, p_value, is_anomaly in zip(infos, *(c.tolist() for c in columns), strict=True)
        ]
        # A fresh array: PPO adds the bootstrap value to it in place when an episode is truncated.
        return obs, earned.reward.numpy().astype(np.float32), dones, infos


def refuse_normaliser(who: str, venv: VecEnv) -> None:
    """Check that there is no VecNormalize inside a wrapper that gives learned rewards.

    Raises:
        ProtocolError: there is one.
    """
    inner: VecEnv | None = venv
    while isinstance(inner, VecEnvWrapper):
        if isinstance(inner, VecNormalize):
            raise ProtocolError(
                f"{who} got a VecNormalize inside: off-policy algorithms would take the rewards from there and drop "
                f"the learned ones. Turn them round: VecNormalize({who}(venv, model))."
            )
        inner = inner.venv
