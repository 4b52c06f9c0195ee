"""Episodes of an agent that acts at random."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from tsreward.agents.random_state import kept_random_state
from tsreward.agents.recording import EpisodeRecorder
from tsreward.agents.suitability import check_spaces
from tsreward.agents.training import StepReport
from tsreward.envs.make import make


def act_at_random(
    env: str, steps: int, num_envs: int = 8, seed: int = 0, report: StepReport | None = None
) -> EpisodeRecorder:
    """Run uniformly random actions for at least `steps` steps of all environments together."""
    with kept_random_state():
        venv = DummyVecEnv([lambda: make(env)] * num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, None)
        venv.seed(seed)
        venv.action_space.seed(seed)
        record = EpisodeRecorder(venv)
        record.reset()
        for done in range(0, steps, num_envs):
            record.step(np.stack([venv.action_space.sample() for _ in range(num_envs)]))
            if report is not None:
                report(min(done + num_envs, steps), steps)
        venv.close()
    return record
