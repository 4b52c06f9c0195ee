"""`FeatureVecEnv`: what a reward model sees of every step, encoded once, for rewards that are computed later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import ProtocolError, missing_extra
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.reward_obs import RewardObs, RewardSource
from tsreward.sb3.vec_env import refuse_normaliser

try:
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


class SeenStep(NamedTuple):
    """One step of E environments, in features."""

    before: Tensor
    """[E, D] where the step left."""
    after: Tensor
    """[E, D] where it arrived."""
    age: np.ndarray
    """[E] steps of the episode before this one."""


class FeatureVecEnv(VecEnvWrapper):
    """Change nothing, and keep the features of the last step for `take`; each observation or frame is encoded once.

    The rewards that an algorithm gets are the environment's: `tsreward.sb3.ActiveRewards` puts the learned ones in
    their place, and without it stepping is refused.

    Raises:
        OptionError: `reward_obs` is neither observation nor frame.
        ShapeError: the observation is not a Box, or not of the model's shape; or, in a step, a frame is not.
        NotFittedError: the model is not fitted.
        ProtocolError: there is a VecNormalize inside; or, in a step, nobody takes the features, an episode ended
            without `terminal_observation`, or there is no frame to look at.
    """

    def __init__(self, venv: VecEnv, model: RewardModel, reward_obs: RewardSource = "observation") -> None:
        refuse_normaliser(type(self).__name__, venv)
        self._reward_obs = RewardObs(type(self).__name__, venv, model, reward_obs)
        super().__init__(venv)
        self.model = model
        self.taken = False
        """Whether somebody takes the features: a callback sets it for the time of a training."""
        self._seen = torch.zeros(0)
        self._age = np.zeros(venv.num_envs, np.int64)
        self._step: SeenStep | None = None

    def reset(self) -> np.ndarray:
        """Reset all environments and begin their episodes."""
        obs = self.venv.reset()
        assert isinstance(obs, np.ndarray)  # the space is a Box
        self._seen = self._encode(self._reward_obs.begun(obs))
        self._age, self._step = np.zeros(self.num_envs, np.int64), None
        return obs

    def step_wait(self) -> VecEnvStepReturn:
        """Return the step that was begun as it came."""
        if not self.taken:
            raise ProtocolError(
                "FeatureVecEnv steps, but nobody takes the features: train with learn(..., callback=ActiveRewards("
                "venv)), or use LearnedRewardVecEnv."
            )
        obs, rewards, dones, infos = self.venv.step_wait()
        assert isinstance(obs, np.ndarray)
        arrived = self._reward_obs.arrived(obs, dones, infos)
        begun = self._reward_obs.begun(obs)[dones] if dones.any() else arrived[:0]
        features = self._encode(np.concatenate([arrived, begun]))
        after = features[: self.num_envs]
        self._step = SeenStep(self._seen, after, self._age)
        self._seen = after.clone()
        self._seen[torch.from_numpy(dones)] = features[self.num_envs :]
        self._age = np.where(dones, 0, self._age + 1)
        return obs, rewards, dones, infos

    def take(self) -> SeenStep:
        """Return the last step, once.

        Raises:
            ProtocolError: there was none since the last time.
        """
        step, self._step = self._step, None
        if step is None:
            raise ProtocolError("FeatureVecEnv.take was called, but there was no step since the last time.")
        return step

    def _encode(self, seen: np.ndarray) -> Tensor:
        return self.model.encode(as_tensor(seen)).to(torch.float32)
