"""`LearnedReplayBuffer`: a replay buffer whose learned rewards are computed in chunks, or when they are sampled."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from tsreward.errors import OptionError, ProtocolError
from tsreward.sb3.vec_env import LearnedRewardVecEnv

MOST = 4096
"""Most windows that are gathered at once."""


class LearnedReplayBuffer(ReplayBuffer):
    """A ReplayBuffer over the arrays of `plain`, whose rewards are those of the lazy `venv`.

    New transitions are scored together: when there are `chunk` of them, or when one of them is sampled. Until then
    their rewards are NaN. Pickled, it is a plain ReplayBuffer, with all rewards.

    Where the reward **changes** while the agent trains, because its scorer learns or there is a bonus, the buffer also
    keeps the features of every transition, the environment's reward and, until `renew` says that the model has changed,
    the score. What is sampled then has the reward of the model as it is, and no transition is scored twice by the same
    model. Windows cross neither the beginning of an episode nor rows that have been overwritten: the first step that is
    there repeats. Features take 2 · D numbers for every transition.

    Args:
        plain: a plain buffer for transitions of `venv`; an empty one where the reward changes.
        venv: the environments, of which every step is stored.
        changes: whether the reward of a transition changes after it was computed.
        chunk: transitions of all environments together that are scored at once.

    Raises:
        OptionError: the reward changes, and the model smooths scores over time, which needs all of an episode's scores
            in order.
        ProtocolError: in `add`, the environments took steps that were not stored.
    """

    def __init__(self, plain: ReplayBuffer, venv: LearnedRewardVecEnv, changes: bool = False, chunk: int = 256) -> None:
        smoothing = venv.model.mode.options.smoothing
        if changes and smoothing:
            raise OptionError(
                f"A reward that changes is computed for single transitions, and the model smooths scores over time "
                f"(smoothing={smoothing}): fit one with smoothing=0, and a longer window where the score is restless."
            )
        vars(self).update(vars(plain))  # instead of the parent's constructor, which would allocate it all again
        self._plain, self._venv = plain, venv
        self.added = 0
        """Rows stored since the beginning, overwritten ones too."""
        self._most = min(max(1, chunk // self.n_envs), self.buffer_size)
        self._waiting = 0
        """Rows that have no rewards yet; they end just before `pos`."""
        self._early: list[_Taken] = []
        """At most one step, which was scored before its transition was stored."""
        self._kept = _Kept(plain, venv) if changes else None

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        if self._kept is not None:
            self._kept.add(self.pos, reward, self._venv.age)
        super().add(obs, next_obs, action, np.full_like(reward, np.nan), done, infos)
        self.added += 1
        self._waiting += 1
        steps = self._venv.pending + len(self._early)
        if steps != self._waiting:
            raise ProtocolError(
                f"LearnedRewardVecEnv was stepped {steps} times, but {self._waiting} transitions were stored: let "
                f"nothing but the training step it."
            )
        if self._waiting == self._most:
            self.settle()

    def is_for(self, venv: LearnedRewardVecEnv, changes: bool) -> bool:
        """Tell whether its transitions are of these environments, and its rewards change or not."""
        return self._venv is venv and (self._kept is not None) == changes

    def settle(self) -> None:
        """Compute the rewards of all transitions that wait for them."""
        taken, self._early = self._early, []
        if self._venv.pending:
            taken = [*taken, *_take(self._venv, self._kept is not None)]
        # Between a step and its storing, and where a training was stopped there, is one step more.
        taken, self._early = taken[: self._waiting], taken[self._waiting :]
        rows = np.arange(self.pos - len(taken), self.pos) % self.buffer_size
        self._waiting = 0
        if not taken:
            return
        if self._kept is None:
            self.rewards[rows] = np.stack([step.rewards for step in taken])
        else:
            self._kept.fill(rows, taken)

    def drop_early(self) -> None:
        """Forget a step whose transition was never stored, because the training was stopped there."""
        self.settle()
        self._early = []

    def renew(self) -> None:
        """Forget all scores: the model has changed."""
        self.settle()
        if self._kept is not None:
            self._kept.known[:] = False
            self._early = [step._replace(known=False) for step in self._early]

    def windows(self, rows: np.ndarray, envs: np.ndarray) -> Tensor:
        """Return the feature windows [B, K, D] of transitions at these rows [B] in these environments [B]."""
        self._settle_rows(rows)
        return self._windows(rows, envs)

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

    def rewards_of(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Return the learned rewards [B] in float32 of transitions at these rows [B] in these environments [B]."""
        self._settle_rows(rows)
        if self._kept is None:
            return self.rewards[rows, envs]
        self._score(rows, envs)
        scores, env_rewards = self._kept.scores[rows, envs], self._kept.env_rewards[rows, envs]
        steps = torch.from_numpy(self._kept.steps[rows, envs])
        reward = self._venv.model.rate(torch.from_numpy(scores), torch.from_numpy(env_rewards), steps).reward
        if self._venv.bonus is not None:
            reward = reward + self._venv.bonus(self._venv.model.scorer.standardise(self._windows(rows, envs)))
        return reward.numpy().astype(np.float32)

    def plain(self) -> ReplayBuffer:
        """Return a plain buffer with all transitions, over the same arrays but for the rewards as they are now."""
        self.settle()
        plain = copy.copy(self._plain)
        plain.pos, plain.full = self.pos, self.full
        if self._kept is not None and self.size():
            plain.rewards = self.rewards.copy()
            rows, envs = np.repeat(np.arange(self.size()), self.n_envs), np.tile(np.arange(self.n_envs), self.size())
            plain.rewards[: self.size()] = self.rewards_of(rows, envs).reshape(-1, self.n_envs)
        return plain

    def learned_state(self) -> dict[str, Any]:
        """Return what it holds beside what a plain buffer does, with all rewards computed, as arrays by name."""
        self.settle()
        return {"added": self.added} | ({} if self._kept is None else {"kept": self._kept.state(self.size())})

    def restore_learned(self, state: dict[str, Any]) -> None:
        """Go on from what `learned_state` gave, behind the rows of a plain buffer."""
        self.added = state["added"]
        if self._kept is not None:
            self._kept.restore(state["kept"])

    def _settle_rows(self, rows: np.ndarray) -> None:
        """Compute the rewards of all transitions that wait for them, where one of these rows does."""
        if self._waiting and np.isin(rows, np.arange(self.pos - self._waiting, self.pos) % self.buffer_size).any():
            self.settle()

    def _windows(self, rows: np.ndarray, envs: np.ndarray) -> Tensor:
        assert self._kept is not None, "windows are kept only where the reward changes"
        kept = (rows - self.pos) % self.buffer_size if self.full else rows
        return self._kept.windows(rows, envs, kept)

    def _score(self, rows: np.ndarray, envs: np.ndarray) -> None:
        """Score those transitions whose scores are not known, each once."""
        kept = self._kept
        assert kept is not None
        new = ~kept.known[rows, envs]
        places = np.unique(rows[new] * self.n_envs + envs[new])
        for start in range(0, len(places), MOST):
            part = np.divmod(places[start : start + MOST], self.n_envs)
            kept.scores[part] = self._venv.model.score_windows(self._windows(*part)).numpy()
            kept.known[part] = True

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

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self.plain(),)  # pickle wants the class of what is reduced, or a function that gives it


class LearnedDictReplayBuffer(LearnedReplayBuffer, DictReplayBuffer):  # type: ignore[misc]  # pyright: ignore[reportIncompatibleMethodOverride]
    """The same for observations that are a Dict."""

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> Any:
        rows, envs = batch_inds, np.random.randint(0, high=self.n_envs, size=len(batch_inds))  # noqa: NPY002 - as SB3
        seen: list[dict[str, Any]] = []
        both: Any = (self.observations, self.next_observations)
        for stored in both:
            parts: Any = {key: values[rows, envs] for key, values in stored.items()}
            normal: Any = self._normalize_obs(parts, env)
            seen.append({key: self.to_torch(part) for key, part in normal.items()})
        ends = self.dones[rows, envs] * (1 - self.timeouts[rows, envs])
        return DictReplayBufferSamples(
            observations=seen[0],
            actions=self.to_torch(self.actions[rows, envs]),
            next_observations=seen[1],
            dones=self.to_torch(ends[:, None]),
            rewards=self.to_torch(self.rewards_of(rows, envs)[:, None]),
        )


def learned_buffer(plain: ReplayBuffer, venv: LearnedRewardVecEnv, changes: bool) -> LearnedReplayBuffer:
    """Return the `LearnedReplayBuffer` over the arrays of a plain buffer, or of a plain one of Dicts."""
    kind = LearnedDictReplayBuffer if isinstance(plain, DictReplayBuffer) else LearnedReplayBuffer
    return kind(plain, venv, changes)


class _Taken(NamedTuple):
    """What was computed of one step of E environments."""

    rewards: np.ndarray
    """[E] float32."""
    scores: np.ndarray
    """[E] float32."""
    ends: np.ndarray | None
    """[E, 2, D] the last two steps of the windows, where they are kept; of windows of one step, that step twice."""
    known: bool = True
    """Whether the score is that of the model as it is."""


def _take(venv: LearnedRewardVecEnv, keep: bool) -> list[_Taken]:
    """Return what was computed of every step since the last time; with `keep` the ends of its windows too."""
    rewards, earned = venv.take()
    if not keep:
        return [_Taken(*step, None) for step in zip(rewards, earned.score.numpy(), strict=True)]
    windows = venv.windows()
    ends = windows[:, [max(0, windows.shape[1] - 2), -1]].view(*rewards.shape, 2, -1)
    return [_Taken(*step) for step in zip(rewards, earned.score.numpy(), ends.numpy(), strict=True)]


_ROWS = ("env_rewards", "scores", "known", "steps")
"""What is kept of every transition beside its features."""


class _Kept:
    """What a buffer of [rows, E] transitions keeps to compute their rewards again."""

    def __init__(self, plain: ReplayBuffer, venv: LearnedRewardVecEnv) -> None:
        model, shape = venv.model, (plain.buffer_size, plain.n_envs)
        self._size, self._skip = plain.buffer_size, model.frame_skip
        self._reach = (model.window - 1) * model.frame_skip
        self.env_rewards = np.zeros(shape, np.float32)
        self.scores = np.zeros(shape, np.float32)
        self.known = np.zeros(shape, bool)
        """Whether the score is that of the model as it is."""
        self.ends: np.ndarray | None = None
        """[rows, E, 2, D] in the dtype of the features: the last two steps of every window, `frame_skip` steps before
        the transition arrived and where it did; None before the first."""
        self.steps = np.zeros(shape, np.int64)
        """Steps of its episode that are done with the transition."""
        self._age = np.zeros(shape, np.int64)
        """Earlier rows that are of the same episode, without a gap."""
        self._last_age = np.full(plain.n_envs, -2)

    def state(self, size: int) -> dict[str, Any]:
        """Return the first `size` rows as arrays by name."""
        rows = {name: getattr(self, name)[:size] for name in _ROWS}
        return {**rows, "age": self._age[:size]} | ({} if self.ends is None else {"ends": self.ends[:size]})

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; the next step begins an episode."""
        for name in _ROWS:
            getattr(self, name)[: len(state[name])] = state[name]
        self._age[: len(state["age"])] = state["age"]
        if "ends" in state:
            self.ends = np.zeros((*self.scores.shape, *state["ends"].shape[2:]), state["ends"].dtype)
            self.ends[: len(state["ends"])] = state["ends"]

    def add(self, row: int, env_rewards: np.ndarray, age: np.ndarray) -> None:
        """Keep the rewards [E] of a transition after `age` [E] steps of its episode; `fill` gives the rest later."""
        # Where a training was stopped, one step is missing.
        self._age[row] = np.where(age == self._last_age + 1, self._age[row - 1] + 1, 0)
        self._last_age = age
        self.env_rewards[row], self.known[row], self.steps[row] = env_rewards, False, age + 1

    def fill(self, rows: np.ndarray, taken: list[_Taken]) -> None:
        """Keep what was computed of the transitions at these rows."""
        if self.ends is None:
            assert taken[0].ends is not None
            self.ends = np.zeros((*self.scores.shape, *taken[0].ends.shape[1:]), taken[0].ends.dtype)
        for row, step in zip(rows, taken, strict=True):
            self.scores[row], self.ends[row], self.known[row] = step.scores, step.ends, step.known

    def windows(self, rows: np.ndarray, envs: np.ndarray, kept: np.ndarray) -> Tensor:
        """Return windows [B, K, D]; `kept` [B] earlier rows have not been overwritten."""
        oldest = np.minimum(self._age[rows, envs], kept)
        back = np.arange(self._reach - self._skip, -1, -self._skip)  # [K − 1] rows back to each step but the last
        places = (rows[:, None] - np.minimum(back, oldest[:, None])) % self._size
        assert self.ends is not None, "a row was filled before it is looked at"
        past = self.ends[places, envs[:, None], 0]
        return torch.from_numpy(np.concatenate([past, self.ends[rows, envs, 1][:, None]], 1))
