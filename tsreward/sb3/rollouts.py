"""`LearnedRollouts`: puts lazy rewards into the rollouts of PPO and A2C, before the agent learns from them."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from tsreward.errors import ProtocolError
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.sb3.vec_env import LearnedRewardVecEnv

_IN_ORDER = (
    "stable_baselines3.common.on_policy_algorithm",
    "sbx.common.on_policy_algorithm",
    "sb3_contrib.ppo_mask.ppo_mask",
    "sb3_contrib.ppo_recurrent.ppo_recurrent",
)
"""Modules whose `collect_rollouts` lets callbacks see a step's rewards before it stores them, and values the rollout
with `compute_returns_and_advantage` when all of it is stored."""


_VALUE = "compute_returns_and_advantage"


class RecentWindows:
    """The latest windows of an agent, from which a learner draws, and how many refreshes are due."""

    def __init__(self, options: ActiveLearnerOptions, draw: torch.Generator) -> None:
        self._every, self._recent, self._draw = options.every, options.recent, draw
        self._parts: deque[Tensor] = deque()
        self._waiting = 0
        """Decisions since the last refresh."""

    def keep(self, windows: Tensor) -> int:
        """Keep these windows [T · E, K, D] and, of those before, no more than are recent; return the refreshes due."""
        self._parts.append(windows[-self._recent :])
        while sum(map(len, self._parts)) - len(self._parts[0]) >= self._recent:
            self._parts.popleft()
        due, self._waiting = divmod(self._waiting + len(windows), self._every)
        return due

    def state(self) -> dict[str, Any]:
        """Return the windows and what is due, as arrays by name."""
        windows = {"windows": torch.cat(list(self._parts)).numpy()} if self._parts else {}
        return {**windows, "sizes": np.array([len(part) for part in self._parts], np.int64), "waiting": self._waiting}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if "windows" in state:
            self._parts = deque(torch.from_numpy(state["windows"]).split(state["sizes"].tolist()))
        self._waiting = state["waiting"]

    def draw(self, number: int) -> Tensor:
        """Return windows [number, K, D], drawn from the recent ones."""
        sizes = np.array([len(part) for part in self._parts])
        most = min(int(sizes.sum()), self._recent)
        place = int(sizes.sum()) - 1 - torch.randint(most, (number,), generator=self._draw).numpy()
        part = np.searchsorted(sizes.cumsum(), place, side="right")
        start = sizes.cumsum() - sizes
        return torch.stack([self._parts[p][i] for p, i in zip(part, place - start[part], strict=True)])


class LearnedRollouts:
    """Fills the rollouts of `algorithm` with the rewards of the lazy `venv`; then learner and bonus learn from them.

    What the agent learns from is bit-identical with rewards in every step: `normaliser` sees the learned rewards, and
    the value that is added where an episode is truncated stays. The rewards are those of the model before the
    refreshes, of which there is one for every `learner.options.every` decisions; negatives are the latest windows, of
    as many rollouts as hold `learner.options.recent`. A bonus is added as it was before the rollout, and then learns
    from its windows, in batches of 256.

    Raises:
        ProtocolError: the algorithm collects rollouts in a way of its own.
    """

    def __init__(
        self,
        algorithm: OnPolicyAlgorithm,
        venv: LearnedRewardVecEnv,
        normaliser: VecNormalize | None,
        learner: ActiveLearner | None,
        recent: RecentWindows,
    ) -> None:
        if type(algorithm).collect_rollouts.__module__ not in _IN_ORDER:
            raise ProtocolError(
                f"{type(algorithm).__name__} collects rollouts in a way of its own, and may value them before the lazy "
                f"rewards are there: use LearnedRewardVecEnv(venv, model, lazy=False)."
            )
        self._algorithm, self._venv, self._learner = algorithm, venv, learner
        self._statistics = None if normaliser is None else WaitingStatistics(normaliser)
        self._ended: list[np.ndarray] = []
        self._recent = recent
        if venv.pending:  # an interrupted training left them behind
            venv.take()

    def start(self) -> None:
        """Begin a rollout."""
        if self._statistics is not None:
            self._statistics.hold()
        # Some algorithms value a rollout before they tell their callbacks that it has ended.
        vars(self._algorithm.rollout_buffer)[_VALUE] = self._pay_and_value

    def step(self, found: dict[str, Any]) -> None:
        """Take away the rewards of a step; `found` is what the algorithm tells its callbacks."""
        # What the algorithm adds to these zeros, the value where an episode is truncated, is then all that its buffer
        # holds; and 0 + value, learned reward + that is the same sum as learned reward + value.
        found["rewards"][:] = 0.0
        self._ended.append(found["dones"].copy())

    def end(self) -> None:
        """End the rollout, which was paid when it was valued."""
        vars(self._algorithm.rollout_buffer).pop(_VALUE, None)

    def stop(self) -> None:
        """End the training, perhaps within a rollout."""
        self.end()
        if self._ended:
            self._take()

    def _pay_and_value(self, last_values: Any, dones: np.ndarray) -> None:
        """Put the learned rewards into the rollout, and value it, in place of the buffer's own method."""
        self.end()
        buffer = self._algorithm.rollout_buffer
        buffer.rewards += self._take()
        buffer.compute_returns_and_advantage(last_values, dones)

    def _take(self) -> np.ndarray:
        """Return the rewards [T, E] of the steps since the rollout started, as the outermost wrapper gives them."""
        rewards, earned = self._venv.take()
        logger = self._algorithm.logger
        ended, self._ended = np.stack(self._ended), []
        if len(rewards) != len(ended):
            raise ProtocolError(
                f"LearnedRewardVecEnv was stepped {len(rewards)} times in a rollout of {len(ended)} steps: let nothing "
                f"but the training step it."
            )
        rewards = self._learned_from(rewards, logger)
        logger.record("rollout/learned_reward", float(rewards.mean()))
        logger.record("rollout/is_anomaly", float(earned.is_anomaly.float().mean()))
        return rewards if self._statistics is None else self._statistics.replay(rewards, ended)

    def _learned_from(self, rewards: np.ndarray, logger: Logger) -> np.ndarray:
        """Return the rewards [T, E] with the bonus, after bonus and learner have learned from the rollout."""
        bonus, learner = self._venv.bonus, self._learner
        if bonus is None and learner is None:
            return rewards
        windows = self._venv.windows()
        if bonus is not None:
            seen = self._venv.model.scorer.standardise(windows)
            rewards = rewards + bonus(seen).view(rewards.shape).numpy().astype(np.float32)
            for batch in seen.split(256):
                bonus.update(batch)
        if learner is not None:
            for _ in range(self._recent.keep(windows)):
                learner.refresh(self._recent.draw)
            logger.record("active/refreshes", learner.refreshes)
            logger.record("active/loss", learner.loss)
        return rewards


class WaitingStatistics:
    """Keeps the reward statistics of `normaliser` still during a rollout, and moves them when its rewards are known.

    What `replay` gives and leaves behind is bit-identical with what VecNormalize would have with these rewards in its
    steps.
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
