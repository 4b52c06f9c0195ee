"""The wrapper and the callbacks that a learned reward needs, for one way of training."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from tsreward.errors import OptionError
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.active_rewards import ActiveRewards
from tsreward.sb3.active_rollouts import ActiveRollouts
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.feature_vec_env import FeatureVecEnv
from tsreward.sb3.replay_rewards import ReplayRewards
from tsreward.sb3.reward_obs import RewardSource
from tsreward.sb3.vec_env import LearnedRewardVecEnv


def learned_reward(
    venv: VecEnv,
    model: RewardModel,
    options: AgentOptions,
    active: ActiveLearner | None = None,
    bonus: ExplorationBonus | None = None,
    reward_obs: RewardSource = "observation",
) -> tuple[VecEnv, list[BaseCallback]]:
    """Return `venv` wrapped, and the callbacks that put the rewards of `model` where the algorithm learns from them.

    Raises:
        OptionError: scoring in every step for what learns, or in bulk for `Lagrangian`; or smoothed scores for what is
            scored when it is sampled.
        ShapeError: the model reads other observations.
        NotFittedError: the model is not fitted.
    """
    if options.scoring == "step" or (options.scoring == "auto" and model.mode.moves_while_training):
        if active is not None or bonus is not None:
            raise OptionError(
                "A scorer or a bonus that learns is asked in bulk, not in every step: leave AgentOptions.scoring at "
                "'auto', with another mode than Lagrangian."
            )
        return LearnedRewardVecEnv(venv, model, reward_obs=reward_obs), []
    if options.algorithm == "ppo":
        bulk = BulkRewardVecEnv(venv, model, reward_obs)
        return bulk, [ActiveRollouts(bulk, active, bonus)]
    if active is None and bonus is None:
        bulk = BulkRewardVecEnv(venv, model, reward_obs)
        return bulk, [ReplayRewards(bulk)]
    seen = FeatureVecEnv(venv, model, reward_obs)
    return seen, [ActiveRewards(seen, active, bonus)]
