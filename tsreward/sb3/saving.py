"""An agent on disk: what Stable-Baselines3 saves of it, and the normaliser it looks through."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from tsreward.files import write_atomic
from tsreward.sb3.training import TrainedAgent


def save_agent(agent: TrainedAgent, folder: Path) -> None:
    """Write `agent.zip`, for `load` of its Stable-Baselines3 class, and `normaliser.npz`, each at once or not at all.

    The agent was trained on clip((obs − mean) / sqrt(variance + epsilon), −clip, clip) with the arrays of that name in
    `normaliser.npz`; without that it acts blindly. Where observations were not normalised, these change nothing.

    Raises:
        DataError: a file cannot be written.
    """
    buffer = io.BytesIO()
    agent.algorithm.save(buffer)
    write_atomic(folder / "agent.zip", buffer.getvalue())
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **_normaliser(agent.normaliser))
    write_atomic(folder / "normaliser.npz", buffer.getvalue())


def _normaliser(normaliser: VecNormalize) -> dict[str, np.ndarray]:
    if not normaliser.norm_obs:
        shape = normaliser.observation_space.shape or ()
        unchanged = {"mean": np.zeros(shape), "variance": np.ones(shape)}
        return {**unchanged, "epsilon": np.array(0.0), "clip": np.array(np.inf)}
    moments = normaliser.obs_rms
    assert isinstance(moments, RunningMeanStd)
    clip = np.array(normaliser.clip_obs)
    return {"mean": moments.mean, "variance": moments.var, "epsilon": np.array(normaliser.epsilon), "clip": clip}
