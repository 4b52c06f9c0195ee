"""`BulkReward`: the rewards of running episodes, noted step by step and computed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ProtocolError
from tsreward.functional.shaping import smooth_step
from tsreward.functional.tensors import as_tensor, in_chunks
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.online import StepReward, checked_rewards
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.sequences.windows import WindowSet


class WideBatches:
    """Apply `function` to rows [B, ...] and give the bits that batches of `chunk` rows give, in less time.

    The order in which a matrix product adds up depends on the shape of the batch and not on its values. So the first
    rows that fill a batch of `wide` are computed both ways, and only where every bit agrees are later rows computed
    `wide` at a time. What is left over goes in batches of `chunk`.

    >>> WideBatches(lambda rows: rows.sum(1), chunk=2, wide=4)(torch.ones(5, 3))
    tensor([3., 3., 3., 3., 3.])
    """

    def __init__(self, function: Callable[[Tensor], Tensor], chunk: int, wide: int = 128) -> None:
        self.function, self.chunk, self.wide = function, chunk, wide
        self.agrees: bool | None = None
        """Whether wide batches gave the same bits; None before they were tried."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the results of at least one row."""
        whole = len(rows) - len(rows) % self.wide
        if whole == 0 or self.agrees is False:
            return in_chunks(self.function, rows, self.chunk)
        together = in_chunks(self.function, rows[:whole], self.wide)
        if self.agrees is None:
            apart = in_chunks(self.function, rows[:whole], self.chunk)
            self.agrees, together = torch.equal(together, apart), apart
        if whole == len(rows):
            return together
        return torch.cat([together, in_chunks(self.function, rows[whole:], self.chunk)])


class BulkReward:
    """State of E environments: `start` and `step` note what happens, `take` gives what the noted steps earned.

    The rewards are those of `OnlineReward` to the bit, as long as the model stays the same between two `take`s.

    Raises:
        OptionError: the model's mode is `Lagrangian`, whose rewards depend on when they are computed.
    """

    def __init__(self, model: RewardModel, num_envs: int) -> None:
        if isinstance(model.mode, Lagrangian):
            raise OptionError(
                "Rewards in bulk need a mode that stays the same, and the multiplier of Lagrangian moves while an "
                "agent trains: use LearnedRewardVecEnv, or the mode Penalty."
            )
        self.model, self.num_envs = model, num_envs
        self._encode = WideBatches(model.encoder, model.chunk)
        self._score = WideBatches(model.scorer, model.chunk)
        self._steps: list[_Step] = []
        self._before: list[Tensor] = []
        """Features [at most span − 1, D] of every running episode that windows still reach back to."""
        self._smoothed = torch.full((num_envs,), torch.nan)
        self._taken: WindowSet | None = None

    @property
    def pending(self) -> int:
        """Steps that were noted since the last `take`."""
        return len(self._steps)

    @torch.inference_mode()
    def start(self, obs: np.ndarray) -> None:
        """Begin episodes at observations [E, *obs] in all environments."""
        _check_finite(obs)
        if self._steps:
            self._steps[-1] = self._steps[-1]._replace(ended=np.ones(self.num_envs, bool), begun=obs.copy())
        else:
            self._before = list(self._encode(as_tensor(obs)).split(1))
            self._smoothed.fill_(torch.nan)

    def step(self, arrived: np.ndarray, env_rewards: np.ndarray, ended: np.ndarray, obs: np.ndarray) -> None:
        """Note a step that arrived at observations [E, *obs] and was paid [E]; where `ended` [E], `obs` begins anew.

        Raises:
            ProtocolError: before `start`.
            DataError: NaN or inf in an observation or a reward.
        """
        if not self._before:
            raise ProtocolError("BulkReward.step was called before start: start the episodes first.")
        _check_finite(arrived)
        checked_rewards(as_tensor(env_rewards))
        begun = obs.copy() if ended.any() else None
        if begun is not None:
            _check_finite(begun)
        self._steps.append(_Step(arrived.copy(), env_rewards.copy(), ended.copy(), begun))

    @torch.inference_mode()
    def take(self) -> StepReward:
        """Return what the noted steps earned, oldest first; every part is [T, E].

        Raises:
            ProtocolError: no step was noted.
            DataError: NaN or inf in a score.
        """
        if not self._steps:
            raise ProtocolError("BulkReward.take was called, but no step was noted since the last time.")
        steps, self._steps = self._steps, []
        ended = torch.from_numpy(np.stack([step.ended for step in steps]))
        begun = [step.begun[step.ended] for step in steps if step.begun is not None]
        features = self._encode(as_tensor(np.concatenate([step.arrived for step in steps] + begun)))
        self._taken = windows = self._windows(features, ended)
        score = torch.cat([self._score(windows.gather(part)) for part in torch.arange(len(windows)).split(1024)])
        score = self._smooth(score.view(ended.shape), ended).flatten()
        p_value = self.model.calibration.p_value(score)
        env_reward = as_tensor(np.concatenate([step.env_rewards for step in steps]))
        reward = self.model.mode(score, p_value, env_reward)
        parts = (reward, score, p_value, score > self.model.mode.threshold)
        return StepReward(*(part.view(ended.shape) for part in parts))

    def taken_windows(self) -> Tensor:
        """Return the feature windows [T · E, K, D] of the steps of the last `take`, oldest first.

        Raises:
            ProtocolError: before `take`.
        """
        if self._taken is None:
            raise ProtocolError("BulkReward.taken_windows was called before take.")
        return self._taken.gather(torch.arange(len(self._taken)))

    def _windows(self, features: Tensor, ended: Tensor) -> WindowSet:
        """Return the window of every step, and keep what the windows of later steps reach back to.

        `features` are those of all arrivals [T · E] and, after them, of the observations at which episodes began. The
        store holds, environment by environment: what was kept, then every arrival, each end followed by a beginning.
        """
        (steps, num_envs), window, frame_skip = ended.shape, self.model.window, self.model.frame_skip
        kept = torch.tensor([len(rows) for rows in self._before])
        size = kept + steps + ended.sum(0)
        border = size.cumsum(0)
        offset = border - size
        last = offset + kept + torch.arange(steps)[:, None] + ended.cumsum(0) - ended.long()  # [T, E]
        # Where the episode begins that runs after each step, and so the one that each step belongs to.
        after = torch.where(ended, last + 1, offset).cummax(0).values
        first = torch.cat([offset[None], after[:-1]])
        store = features.new_empty(int(border[-1]), *features.shape[1:])
        for start, rows in zip(offset.tolist(), self._before, strict=True):
            store[start : start + len(rows)] = rows
        store[last.flatten()] = features[: steps * num_envs]
        store[(last + 1)[ended]] = features[steps * num_envs :]
        since = torch.maximum(after[-1], border - (window - 1) * frame_skip)
        self._before = [store[a:b].clone() for a, b in zip(since.tolist(), border.tolist(), strict=True)]
        return WindowSet(store, last.flatten(), first.flatten(), window, frame_skip)

    def _smooth(self, scores: Tensor, ended: Tensor) -> Tensor:
        share = self.model.mode.options.smoothing
        if share == 0:
            return scores
        smoothed = torch.empty_like(scores)
        for step, score in enumerate(scores):
            smoothed[step] = smooth_step(self._smoothed, score, share)
            self._smoothed = torch.where(ended[step], torch.nan, smoothed[step])
        return smoothed


class _Step(NamedTuple):
    arrived: np.ndarray
    env_rewards: np.ndarray
    ended: np.ndarray
    begun: np.ndarray | None
    """Observations [E, *obs] of which those of ended environments begin an episode; None where none ended."""


def _check_finite(obs: np.ndarray) -> None:
    if obs.dtype.kind == "f" and not np.isfinite(obs).all():
        bad = np.flatnonzero(~np.isfinite(obs.reshape(len(obs), -1)).all(1)).tolist()
        raise DataError(f"Environment(s) {bad[:5]} gave NaN or inf in the observation: reset or repair them.")
