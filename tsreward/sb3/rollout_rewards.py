"""`RolloutRewards`: on-policy algorithms learn from rewards that are computed once per rollout."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from tsreward.errors import ProtocolError
from tsreward.pipeline.model import StepReward
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.outer_wrappers import outer_normaliser


class HeldNormaliser:
    """Keeps the reward statistics of `normaliser` still during a rollout, and moves them when its rewards are known.

    What `replay` gives and leaves behind is, to the bit, what VecNormalize would have with these rewards in its steps.
    """

    def __init__(self, normaliser: VecNormalize) -> None:
        self._normaliser = normaliser
        self._held: tuple[RunningMeanStd, np.ndarray] | None = None

    def hold(self) -> None:
        """Keep the statistics as they are now."""
        moving = self._normaliser.ret_rms
        if isinstance(moving, _Still):  # an interrupted training left it behind
            moving = moving.copy()
        self._held = moving, self._normaliser.returns.copy()
        self._normaliser.ret_rms = _Still(moving)

    def replay(self, rewards: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Return normalised rewards [T, E] in float32, for the rewards and ends [T, E] of the steps since `hold`."""
        assert self._held is not None, "hold comes before replay"
        normaliser = self._normaliser
        (normaliser.ret_rms, normaliser.returns), self._held = self._held, None
        normalised = np.empty_like(rewards)
        for step, (reward, dones) in enumerate(zip(rewards, ended, strict=True)):
            if normaliser.training:
                normaliser._update_reward(reward)
            normalised[step] = normaliser.normalize_reward(reward)
            normaliser.returns[dones] = 0
        return normalised


class _Still(RunningMeanStd):
    """Statistics that do not move; copied or pickled, e.g. by a checkpoint in mid-rollout, they are plain ones."""

    def __init__(self, moving: RunningMeanStd) -> None:
        super().__init__(shape=moving.mean.shape)
        self.mean, self.var, self.count = moving.mean, moving.var, moving.count

    def update(self, arr: np.ndarray) -> None:
        pass

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self.copy(),)  # pickle wants the class of what is reduced, or a function that gives it


class RolloutRewards(BaseCallback):
    """Put the learned rewards of `venv` into every rollout of PPO or A2C, before the agent learns from it.

    `PPO("MlpPolicy", VecNormalize(venv)).learn(steps, callback=RolloutRewards(venv))` gives the agent that it would
    give with `LearnedRewardVecEnv`, to the bit: VecNormalize sees the learned rewards, and the value that is added
    where an episode is truncated stays. The logger gets the means `rollout/learned_reward` and `rollout/is_anomaly`;
    `rollout/ep_rew_mean` is the environment's, from a Monitor inside. Callbacks that come after this one find zeros in
    `locals["rewards"]`.

    Raises:
        ProtocolError: when training starts, the algorithm is not on-policy, `venv` is not what it trains on, or a
            wrapper outside of it would miss the learned rewards.
    """

    def __init__(self, venv: BulkRewardVecEnv) -> None:
        super().__init__()
        self._venv = venv
        self._normaliser: HeldNormaliser | None = None
        self._ended: list[np.ndarray] = []

    def _on_training_start(self) -> None:
        if not isinstance(self.model, OnPolicyAlgorithm):
            raise ProtocolError(
                f"RolloutRewards is for PPO and A2C, got {type(self.model).__name__}: off-policy algorithms take "
                f"ReplayRewards(venv)."
            )
        normaliser = outer_normaliser(self.training_env, self._venv)
        self._normaliser = None if normaliser is None else HeldNormaliser(normaliser)
        self._ended = []
        if self._venv.stream.pending:  # an interrupted training left them behind
            self._venv.take()
        self._venv.taken = True

    def _on_rollout_start(self) -> None:
        if self._normaliser is not None:
            self._normaliser.hold()

    def _on_step(self) -> bool:
        # What the algorithm adds to these zeros, the value where an episode is truncated, is then all that its buffer
        # holds; and 0 + value, learned reward + that is the same sum as learned reward + value.
        self.locals["rewards"][:] = 0.0
        self._ended.append(self.locals["dones"].copy())
        return True

    def _on_rollout_end(self) -> None:
        assert isinstance(self.model, OnPolicyAlgorithm)
        buffer = self.model.rollout_buffer
        buffer.rewards += self._take()
        buffer.compute_returns_and_advantage(_last_values(self.model, self.locals["values"]), self.locals["dones"])

    def _on_training_end(self) -> None:
        if self._ended:  # stopped within a rollout
            self._take()
        self._venv.taken = False

    def _take(self) -> np.ndarray:
        """Return the rewards [T, E] of the steps since the rollout started, as the outermost wrapper gives them."""
        rewards, earned = self._earned()
        ended, self._ended = np.stack(self._ended), []
        if len(rewards) != len(ended):
            raise ProtocolError(
                f"BulkRewardVecEnv was stepped {len(rewards)} times in a rollout of {len(ended)} steps: let nothing "
                f"but the training step it."
            )
        self.logger.record("rollout/learned_reward", float(rewards.mean()))
        self.logger.record("rollout/is_anomaly", float(earned.is_anomaly.float().mean()))
        return rewards if self._normaliser is None else self._normaliser.replay(rewards, ended)

    def _earned(self) -> tuple[np.ndarray, StepReward]:
        """Return the learned rewards [T, E] of the steps since the rollout started, and what is behind them."""
        return self._venv.take()


def _last_values(model: OnPolicyAlgorithm, found: Any) -> torch.Tensor:
    """Return the values [E] of the observations after a rollout, of which sbx tells its callbacks nothing."""
    if isinstance(found, torch.Tensor):
        return found
    policy: Any = model.policy
    values = policy.vf_state.apply_fn(policy.vf_state.params, policy.prepare_obs(model._last_obs)[0])
    return torch.from_numpy(np.array(values).flatten())
