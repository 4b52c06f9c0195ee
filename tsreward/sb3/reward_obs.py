"""What a reward model sees of Stable-Baselines3 environments: the observations, or the frames beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tsreward.errors import OptionError, ProtocolError, ShapeError, missing_extra
from tsreward.pipeline.model import RewardModel
from tsreward.wrappers.checks import check_fitted, check_model

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


RewardSource = Literal["observation", "frame"]
"""observation: what the agent sees. frame: `info["frame"]` of every step and reset, e.g. of `FrameInInfo`."""


class RewardObs:
    """Finds what the model sees when episodes begin, and where steps arrive before the environments reset themselves.

    Raises:
        OptionError: `look` is neither observation nor frame.
        ShapeError: the observation is not a Box, or not of the model's shape.
        NotFittedError: the model is not fitted.
    """

    def __init__(self, who: str, venv: VecEnv, model: RewardModel, look: RewardSource) -> None:
        if look not in ("observation", "frame"):
            raise OptionError(f"{who} looks at 'observation' or 'frame', got '{look}'.")
        if look == "observation":
            check_model(who, model, venv.observation_space)
        else:
            check_fitted(who, model)
        self._who, self._venv, self._model, self._look = who, venv, model, look

    def begun(self, obs: np.ndarray) -> np.ndarray:
        """Return what is seen [E, *obs] where every environment was last reset; `obs` is what `reset` gave.

        Raises:
            ProtocolError: the info of a reset has no frame.
            ShapeError: the frame is not of the model's shape.
        """
        # Wrappers have a list of their own, which stays empty.
        return obs if self._look == "observation" else self._frames(self._venv.unwrapped.reset_infos)

    def arrived(self, obs: np.ndarray, dones: np.ndarray, infos: Sequence[dict[str, Any]]) -> np.ndarray:
        """Return what is seen [E, *obs] where the step arrived.

        Raises:
            ProtocolError: an environment that ended does not give `terminal_observation`, or an info has no frame.
            ShapeError: the frame is not of the model's shape.
        """
        if self._look == "frame":
            return self._frames(infos)
        return last_obs(obs, np.flatnonzero(dones), infos) if dones.any() else obs

    def _frames(self, infos: Sequence[dict[str, Any]]) -> np.ndarray:
        for index, info in enumerate(infos):
            if "frame" not in info:
                raise ProtocolError(
                    f"Environment {index} gave no info['frame'] for {self._who} to look at: make it with frames beside "
                    f"the observation (tsreward.envs.pixels.FrameInInfo), or look at the observation."
                )
            if info["frame"].shape != self._model.obs_shape:
                raise ShapeError(
                    f"{self._who}: the environment gives frames {info['frame'].shape} but the model reads "
                    f"{self._model.obs_shape}: make the environment with frames of that size."
                )
        return np.stack([info["frame"] for info in infos])


def last_obs(obs: np.ndarray, ended: np.ndarray, infos: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return the observations [E, *obs] at which the step arrived, before the environments reset themselves.

    Raises:
        ProtocolError: one of the environments that ended does not give it.
    """
    last = obs.copy()
    for index in ended:
        if "terminal_observation" not in infos[index]:
            raise ProtocolError(
                f"Environment {index} ended an episode without infos[{index}]['terminal_observation']: a VecEnv that "
                f"resets by itself must give it, because obs[{index}] already belongs to the next episode."
            )
        last[index] = infos[index]["terminal_observation"]  # SB3 has already overwritten obs[index] with the reset
    return last
