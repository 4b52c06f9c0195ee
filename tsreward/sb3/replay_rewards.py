"""`ReplayRewards`: off-policy algorithms learn from rewards that are computed in chunks, when they are needed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from tsreward.errors import ProtocolError
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.outer_wrappers import outer_normaliser


class ScoredReplayBuffer(ReplayBuffer):
    """A ReplayBuffer over the arrays of `plain`, whose rewards are those of `venv`.

    New transitions are scored together: when there are `chunk` of them, or when one of them is sampled. Until then
    their rewards are NaN. Pickled, it is a plain ReplayBuffer, with all rewards.
    """

    def __init__(self, plain: ReplayBuffer, venv: BulkRewardVecEnv, chunk: int = 256) -> None:
        vars(self).update(vars(plain))  # instead of the parent's constructor, which would allocate it all again
        self._plain, self._venv = plain, venv
        self._most = min(max(1, chunk // self.n_envs), self.buffer_size)
        self._waiting = 0
        """Rows of transitions that have no rewards yet; they end just before `pos`."""
        self._early = np.empty((0, self.n_envs), np.float32)
        """Rewards [0 or 1, E] of a step that was scored before its transition was stored."""

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        super().add(obs, next_obs, action, np.full_like(reward, np.nan), done, infos)
        self._waiting += 1
        steps = self._venv.stream.pending + len(self._early)
        if steps != self._waiting:
            raise ProtocolError(
                f"BulkRewardVecEnv was stepped {steps} times, but {self._waiting} transitions were stored: let nothing "
                f"but the training step it."
            )
        if self._waiting == self._most:
            self.settle()

    def settle(self) -> None:
        """Compute the rewards of all transitions that wait for them."""
        rewards = self._early
        if self._venv.stream.pending:
            rewards = np.concatenate([rewards, self._venv.take()[0]])
        # Between a step and its storing, and where a training was stopped there, is one step more.
        self.rewards[self._waiting_rows()], self._early = np.split(rewards, [self._waiting])
        self._waiting = 0

    def plain(self) -> ReplayBuffer:
        """Return the plain buffer, with all transitions and rewards."""
        self.settle()
        self._plain.pos, self._plain.full = self.pos, self.full
        return self._plain

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> ReplayBufferSamples:
        if self._waiting and np.isin(batch_inds, self._waiting_rows()).any():
            self.settle()
        return super()._get_samples(batch_inds, env)

    def _waiting_rows(self) -> np.ndarray:
        return np.arange(self.pos - self._waiting, self.pos) % self.buffer_size

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self.plain(),)  # pickle wants the class of what is reduced, or a function that gives it


class ReplayRewards(BaseCallback):
    """Let SAC or TD3 learn from the learned rewards of `venv`: `learn(steps, callback=ReplayRewards(venv))`.

    While it trains, its replay buffer is a `ScoredReplayBuffer`; afterwards it has its own again, with all rewards.
    What it samples is, to the bit, what it would sample with `LearnedRewardVecEnv`.

    Raises:
        ProtocolError: when training starts, the algorithm is not off-policy, its replay buffer is not a plain one,
            `venv` is not what it trains on, or a wrapper outside of it would miss the learned rewards.
    """

    def __init__(self, venv: BulkRewardVecEnv) -> None:
        super().__init__()
        self._venv = venv

    def _on_training_start(self) -> None:
        if not isinstance(self.model, OffPolicyAlgorithm):
            raise ProtocolError(
                f"ReplayRewards is for SAC and TD3, got {type(self.model).__name__}: on-policy algorithms take "
                f"RolloutRewards(venv)."
            )
        normaliser = outer_normaliser(self.training_env, self._venv)
        if normaliser is not None and normaliser.norm_reward:
            raise ProtocolError(
                "ReplayRewards got a VecNormalize that normalises rewards, with statistics of rewards that are not "
                "known yet: use VecNormalize(venv, norm_reward=False), or LearnedRewardVecEnv."
            )
        buffer = self.model.replay_buffer
        if isinstance(buffer, ScoredReplayBuffer):  # an interrupted training left it behind
            buffer = buffer.plain()
        if type(buffer) is not ReplayBuffer:
            raise ProtocolError(
                f"ReplayRewards fills a plain ReplayBuffer, got {type(buffer).__name__}: use LearnedRewardVecEnv."
            )
        if self._venv.stream.pending:
            self._venv.take()
        self.model.replay_buffer = ScoredReplayBuffer(buffer, self._venv)
        self._venv.taken = True

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        assert isinstance(self.model, OffPolicyAlgorithm)
        buffer = self.model.replay_buffer
        assert isinstance(buffer, ScoredReplayBuffer)
        self.model.replay_buffer = buffer.plain()
        self._venv.taken = False
