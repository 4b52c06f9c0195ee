"""`WindowReplayBuffer`: a replay buffer whose learned rewards are computed when they are sampled."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.feature_vec_env import FeatureVecEnv

MOST = 4096
"""Windows that are scored at once, at most."""


class WindowReplayBuffer(ReplayBuffer):
    """A ReplayBuffer over the arrays of `plain`, which is empty, for transitions of `venv`.

    It keeps the features of every observation, and each transition's score under the model until `renew` says that the
    model has changed: what is sampled again before that is not scored again, and no reward is ever stale. So a frozen
    model scores every transition once; one that changes between all gradient steps scores every sample. 256 windows of
    4 steps with 24 features, none of them known, take about 1 ms with DeepSVDD or Discriminator, 3 ms with LSTMVAE and
    6 ms with TransformerAE on one core; a plain buffer takes 0.1 ms.

    A transition's window ends where it arrived. Windows cross neither the beginning of an episode nor rows that have
    been overwritten: the first observation that is there repeats. Environment rewards are kept, for modes that
    lower them. `bonus` is added as it is at the time of sampling.

    Raises:
        OptionError: the model smooths scores over time, which needs all of an episode's scores in order.
    """

    def __init__(self, plain: ReplayBuffer, venv: FeatureVecEnv, bonus: ExplorationBonus | None = None) -> None:
        smoothing = venv.model.mode.options.smoothing
        if smoothing:
            raise OptionError(
                f"WindowReplayBuffer scores single transitions, and the model smooths scores over time (smoothing="
                f"{smoothing}): fit one with smoothing=0, and a longer window where the score is restless."
            )
        vars(self).update(vars(plain))  # instead of the parent's constructor, which would allocate it all again
        self._plain, self._venv, self._bonus = plain, venv, bonus
        self.added = 0
        """Rows stored since the beginning, overwritten ones too."""
        model, shape = venv.model, (self.buffer_size, self.n_envs)
        self._reach = (model.window - 1) * model.frame_skip
        self._before = np.zeros((*shape, model.scorer.dim), np.float32)
        self._after = np.zeros((*shape, model.scorer.dim), np.float32)
        self._age = np.zeros(shape, np.int64)
        """[rows, E] earlier rows that are of the same episode, without a gap."""
        self._last_age = np.full(self.n_envs, -2)
        self._scores = np.zeros(shape, np.float32)
        self._known = np.zeros(shape, bool)

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        step, row = self._venv.take(), self.pos
        self._before[row], self._after[row] = step.before.numpy(), step.after.numpy()
        # Where a training was stopped, one step is missing.
        self._age[row] = np.where(step.age == self._last_age + 1, self._age[row - 1] + 1, 0)
        self._last_age = step.age
        self._known[row] = False
        super().add(obs, next_obs, action, reward, done, infos)
        self.added += 1

    def is_for(self, venv: FeatureVecEnv) -> bool:
        """Tell whether its transitions are of these environments."""
        return self._venv is venv

    def renew(self) -> None:
        """Forget all scores: the model has changed."""
        self._known[:] = False

    def windows(self, rows: np.ndarray, envs: np.ndarray) -> Tensor:
        """Return the windows [B, K, D] of transitions at these rows [B] in these environments [B]."""
        # The oldest step that is there: in the episode, and not overwritten.
        kept = (rows - self.pos) % self.buffer_size if self.full else rows
        oldest = np.minimum(self._age[rows, envs], kept)
        back = np.arange(self._reach, 0, -self._venv.model.frame_skip) - 1  # [K − 1] rows back to where a step left
        places = (rows[:, None] - np.minimum(back, oldest[:, None])) % self.buffer_size
        past = self._before[places, envs[:, None]]
        return torch.from_numpy(np.concatenate([past, self._after[rows, envs][:, None]], 1))

    def rewards_of(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Return the learned rewards [B] in float32 of transitions at these rows [B] in these environments [B]."""
        self._score(rows, envs)
        model = self._venv.model
        env_reward = torch.from_numpy(self.rewards[rows, envs])
        reward = model.rate(torch.from_numpy(self._scores[rows, envs]), env_reward).reward
        if self._bonus is not None:
            reward = reward + self._bonus(self.windows(rows, envs))
        return reward.numpy().astype(np.float32)

    def recent(self, number: int, most: int, draw: torch.Generator) -> Tensor:
        """Return `number` windows [B, K, D], drawn from the latest `most` transitions of all environments together."""
        span = min(self.size(), max(1, most // self.n_envs))
        back = torch.randint(1, span + 1, (number,), generator=draw).numpy()
        envs = torch.randint(self.n_envs, (number,), generator=draw).numpy()
        return self.windows((self.pos - back) % self.buffer_size, envs)

    def latest(self, count: int) -> Tensor:
        """Return the windows [B, K, D] of the last `count` rows that are still there, oldest first."""
        count = min(count, self.size())
        rows = np.repeat(np.arange(self.pos - count, self.pos) % self.buffer_size, self.n_envs)
        return self.windows(rows, np.tile(np.arange(self.n_envs), count))

    def plain(self) -> ReplayBuffer:
        """Return a plain buffer over the same arrays, with the learned rewards as they are now."""
        rows = np.repeat(np.arange(self.size()), self.n_envs)
        plain = copy.copy(self._plain)
        plain.pos, plain.full, plain.rewards = self.pos, self.full, self.rewards.copy()
        if len(rows):
            learned = self.rewards_of(rows, np.tile(np.arange(self.n_envs), self.size()))
            plain.rewards[: self.size()] = learned.reshape(-1, self.n_envs)
        return plain

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> ReplayBufferSamples:
        rows, envs = batch_inds, np.random.randint(0, high=self.n_envs, size=len(batch_inds))  # noqa: NPY002 - as SB3
        if self.optimize_memory_usage:
            next_obs = self.observations[(rows + 1) % self.buffer_size, envs]
        else:
            next_obs = self.next_observations[rows, envs]
        ends = self.dones[rows, envs] * (1 - self.timeouts[rows, envs])
        data: tuple[Any, ...] = (
            self._normalize_obs(self.observations[rows, envs], env),
            self.actions[rows, envs],
            self._normalize_obs(next_obs, env),
            ends[:, None],
            self.rewards_of(rows, envs)[:, None],
        )
        return ReplayBufferSamples(*(self.to_torch(part) for part in data))

    @torch.inference_mode()
    def _score(self, rows: np.ndarray, envs: np.ndarray) -> None:
        """Score those transitions whose scores are not known, each once."""
        new = ~self._known[rows, envs]
        if not new.any():
            return
        places = np.unique(rows[new] * self.n_envs + envs[new])
        rows, envs = places // self.n_envs, places % self.n_envs
        for start in range(0, len(rows), MOST):
            part = rows[start : start + MOST], envs[start : start + MOST]
            self._scores[part] = self._venv.model.score_windows(self.windows(*part)).numpy()
            self._known[part] = True

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self.plain(),)  # pickle wants the class of what is reduced, or a function that gives it
