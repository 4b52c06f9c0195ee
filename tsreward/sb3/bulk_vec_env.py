"""`BulkRewardVecEnv`: notes the steps of Stable-Baselines3 environments, whose learned rewards come later."""

from __future__ import annotations

import numpy as np

from tsreward.errors import OptionError, ProtocolError, missing_extra
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.stream import RewardStream
from tsreward.sb3.reward_obs import RewardObs, RewardSource
from tsreward.sb3.vec_env import refuse_normaliser

try:
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


class BulkRewardVecEnv(VecEnvWrapper):
    """Change nothing, and note what the learned rewards of `model` need; `take` gives them.

    An algorithm meets the learned rewards through a callback, `tsreward.sb3.RolloutRewards` (PPO, A2C) or
    `tsreward.sb3.ReplayRewards` (SAC, TD3): without one, it would learn from the environment's rewards, so stepping
    is refused. The rewards are those of `LearnedRewardVecEnv` to the bit, in less time; but as a step ends before it
    is scored, `infos` have no `anomaly_score`, `anomaly_p_value`, `is_anomaly` or `original_reward`. With `reward_obs`
    "frame", the model sees `info["frame"]`.

    Raises:
        ShapeError: the observation is not a Box, or not of the model's shape.
        NotFittedError: the model is not fitted.
        OptionError: the model's mode is `Lagrangian`.
        ProtocolError: there is a VecNormalize inside; or, in a step, nobody takes the rewards, or an episode ended
            without `terminal_observation`.
        DataError: in a step, an observation or a reward is NaN or inf.
    """

    stream: RewardStream

    def __init__(self, venv: VecEnv, model: RewardModel, reward_obs: RewardSource = "observation") -> None:
        refuse_normaliser(type(self).__name__, venv)
        self._reward_obs = RewardObs(type(self).__name__, venv, model, reward_obs)
        super().__init__(venv)
        if model.mode.moves_while_training:
            raise OptionError(
                f"Rewards in bulk need a mode that stays the same, and {type(model.mode).__name__} moves while an "
                f"agent trains: use LearnedRewardVecEnv, or the mode Penalty."
            )
        self.stream = RewardStream(model, venv.num_envs)
        self.taken = False
        """Whether somebody takes the rewards: callbacks set it for the time of a training."""

    def reset(self) -> np.ndarray:
        """Reset all environments and begin their episodes."""
        obs = self.venv.reset()
        assert isinstance(obs, np.ndarray)  # the space is a Box
        self.stream.start(as_tensor(self._reward_obs.begun(obs)))
        return obs

    def step_wait(self) -> VecEnvStepReturn:
        """Return the step that was begun as it came; its rewards [E] are the environment's, in a fresh array."""
        if not self.taken:
            raise ProtocolError(
                "BulkRewardVecEnv steps, but nobody takes the learned rewards: train with learn(..., "
                "callback=RolloutRewards(venv)), or ReplayRewards(venv) for SAC and TD3; for anything else, use "
                "LearnedRewardVecEnv or the environments inside."
            )
        obs, env_rewards, dones, infos = self.venv.step_wait()
        assert isinstance(obs, np.ndarray)
        arrived = self._reward_obs.arrived(obs, dones, infos)
        self.stream.push(as_tensor(arrived), as_tensor(env_rewards))
        if dones.any():
            self.stream.start(as_tensor(self._reward_obs.begun(obs)), as_tensor(dones))
        return obs, env_rewards.copy(), dones, infos

    def take(self) -> tuple[np.ndarray, StepReward]:
        """Return the learned rewards [T, E] in float32 of all steps since the last time, and what is behind them."""
        earned = self.stream.flush()
        return earned.reward.numpy().astype(np.float32), earned
