"""`LearnedRewardCallback`: what moves while an agent trains on learned rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

from tsreward.errors import OptionError, ProtocolError
from tsreward.functional.seeding import generator
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.sb3.replay_buffer import LearnedReplayBuffer, learned_buffer
from tsreward.sb3.returns import log_returns
from tsreward.sb3.rollouts import LearnedRollouts, RecentWindows
from tsreward.sb3.vec_env import LearnedRewardVecEnv


class LearnedRewardCallback(BaseCallback):
    """Let an algorithm of Stable-Baselines3 or sbx learn from the rewards of `venv`.

    `PPO("MlpPolicy", VecNormalize(venv)).learn(steps, callback=LearnedRewardCallback(venv))`, or any other algorithm:
    it finds out what is to be done.

    - Lazy rewards are put into every rollout of an on-policy algorithm (PPO, A2C) before the agent learns from it. An
      off-policy one (SAC, TD3) gets a `LearnedReplayBuffer`. Agents are bit-identical with rewards in every step.
    - The `learner` gets a refresh every `learner.options.every` decisions, on the agent's latest windows, and from then
      on rewards are those of the new scorer: of the next rollout, or of every sample. A bonus of `venv` learns when the
      learner does (without one, every 32 decisions), from every window that the agent has been in since, once.
    - A mode that moves while an agent trains (`Lagrangian`) is moved every `mode_every` decisions, with the flag rate
      and the mean length of the episodes that ended since.

    The logger gets `rollout/ep_learned_rew_mean` and `rollout/ep_true_rew_mean`, the mean returns of the latest 100
    episodes by the learned and by the environment's reward; `rollout/learned_reward` and `rollout/is_anomaly` of lazy
    rollouts; and `active/refreshes` and `active/loss` of a learner. `rollout/ep_rew_mean` is the environment's, from a
    Monitor inside. Callbacks that come after this one find zeros in `locals["rewards"]` of lazy rollouts. After the
    training the replay buffer is plain again, with all rewards; only where rewards change it stays, so that training
    may go on.

    Args:
        venv: the environments that the algorithm trains on, perhaps inside VecNormalize and the like.
        learner: lets the scorer of the model go on learning; for lazy rewards.
        mode_every: decisions between two moves of the reward mode.

    Raises:
        OptionError: a learner, or a bonus to learn, for rewards that are not lazy; or, when training starts, smoothed
            scores where rewards change.
        ProtocolError: the learner has another model than `venv`; or, when training starts, `venv` is not what the
            algorithm trains on, a wrapper outside of it would miss lazy rewards, the algorithm collects rollouts in a
            way of its own, or its replay buffer is not a plain one (and empty, where rewards change).
    """

    def __init__(self, venv: LearnedRewardVecEnv, learner: ActiveLearner | None = None, mode_every: int = 2048) -> None:
        super().__init__()
        if learner is not None and learner.model is not venv.model:
            raise ProtocolError(
                "LearnedRewardCallback got a learner of another model than its venv's: give both the same."
            )
        if not venv.lazy and (learner is not None or venv.bonus is not None):
            raise OptionError(
                "A scorer or a bonus that learns needs lazy rewards: use LearnedRewardVecEnv(venv, model, lazy=True), "
                "with a mode that stays the same."
            )
        self._venv, self._learner, self._episodes = venv, learner, 0
        if learner is not None and venv.stream.monitor is not None:
            venv.stream.monitor.learning = True
        self._options = ActiveLearnerOptions() if learner is None else learner.options
        self._draw = generator(self._options.seed, 3)
        self._recent = RecentWindows(self._options, self._draw)
        self._rollouts: LearnedRollouts | None = None
        self._replay: _Replay | None = None
        self._mode = _MovingMode(venv, mode_every) if venv.model.mode.moves_while_training else None

    def state(self) -> dict[str, Any]:
        """Return what changes while an agent trains, as arrays by name; model, learner and bonus are apart."""
        state = {
            "draw": self._draw.get_state().numpy(),
            "recent": self._recent.state(),
            "episodes": self._venv.episodes,
            "finished": np.array(self._venv.finished).reshape(-1, 2),
        }
        if self._replay is not None:
            state["replay"] = self._replay.state()
        if self._mode is not None:
            state["mode"] = self._mode.state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, in a training that has begun."""
        self._draw.set_state(torch.from_numpy(state["draw"]))
        self._recent.restore(state["recent"])
        self._venv.episodes = self._episodes = state["episodes"]
        self._venv.finished.extend((float(learned), float(true)) for learned, true in state["finished"])
        if self._replay is not None:
            self._replay.restore(state["replay"])
        if self._mode is not None:
            self._mode.restore(state["mode"])

    def _on_training_start(self) -> None:
        algorithm, venv = self.model, self._venv
        normaliser = _outer_normaliser(self.training_env, venv)
        self._rollouts = self._replay = None
        if venv.lazy and isinstance(algorithm, OffPolicyAlgorithm):
            check_stores_in_order(algorithm)
            self._replay = _Replay(self, algorithm, venv, normaliser, self._learner, self._options, self._draw)
        elif venv.lazy and isinstance(algorithm, OnPolicyAlgorithm):
            self._rollouts = LearnedRollouts(algorithm, venv, normaliser, self._learner, self._recent)
        elif venv.lazy:
            raise ProtocolError(
                f"Lazy rewards are for on-policy and off-policy algorithms of Stable-Baselines3, got "
                f"{type(algorithm).__name__}: use LearnedRewardVecEnv(venv, model, lazy=False)."
            )
        venv.driven = True

    def _on_rollout_start(self) -> None:
        if self._rollouts is not None:
            self._rollouts.start()

    def _on_step(self) -> bool:
        if self._rollouts is not None:
            self._rollouts.step(self.locals)
        if self._replay is not None:
            self._replay.step()
        self._log_returns()
        if self._mode is not None:
            self._mode.step([info["is_anomaly"] for info in self.locals["infos"]], self.locals["dones"])
        return True

    def _on_rollout_end(self) -> None:
        if self._rollouts is not None:
            self._rollouts.end()
        self._log_returns()

    def _log_returns(self) -> None:
        if self._venv.episodes != self._episodes:
            self._episodes = self._venv.episodes
            log_returns(self.logger, self._venv.finished)

    def _on_training_end(self) -> None:
        if self._rollouts is not None:
            self._rollouts.stop()
        if self._replay is not None:
            self._replay.stop()
        self._venv.driven = False


_IN_ORDER = ("stable_baselines3.common.off_policy_algorithm", "sbx.common.off_policy_algorithm")
"""Modules whose `collect_rollouts` stores every step once, after the callbacks."""


def check_stores_in_order(algorithm: OffPolicyAlgorithm) -> None:
    """Check that an algorithm stores transitions as those of Stable-Baselines3 do.

    Raises:
        ProtocolError: it has a way of its own.
    """
    if type(algorithm).collect_rollouts.__module__ not in _IN_ORDER:
        raise ProtocolError(
            f"{type(algorithm).__name__} collects rollouts in a way of its own, and may store them before the lazy "
            f"rewards are there: use LearnedRewardVecEnv(venv, model, lazy=False)."
        )


class _Replay:
    """Puts a `LearnedReplayBuffer` in place of the algorithm's own, and refreshes what learns from it."""

    def __init__(
        self,
        callback: BaseCallback,
        algorithm: OffPolicyAlgorithm,
        venv: LearnedRewardVecEnv,
        normaliser: VecNormalize | None,
        learner: ActiveLearner | None,
        options: ActiveLearnerOptions,
        draw: torch.Generator,
    ) -> None:
        if normaliser is not None and normaliser.norm_reward:
            raise ProtocolError(
                "LearnedRewardCallback got a VecNormalize that normalises rewards, with statistics of rewards that are "
                "not known yet: use VecNormalize(venv, norm_reward=False), or LearnedRewardVecEnv(..., lazy=False)."
            )
        self._callback, self._algorithm, self._venv, self._learner = callback, algorithm, venv, learner
        self._every, self._recent, self._draw = options.every, options.recent, draw
        self._changes = learner is not None or venv.bonus is not None
        self._buffer = self._installed()
        self._buffer.renew()
        self._last, self._seen = callback.num_timesteps, self._buffer.added

    def state(self) -> dict[str, Any]:
        """Return when the last refresh was."""
        return {"last": self._last, "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._last, self._seen = state["last"], state["seen"]

    def step(self) -> None:
        """Refresh learner and bonus when it is time."""
        # This step's transition is stored after the callbacks.
        due = self._callback.num_timesteps - self._last >= self._every
        if self._changes and due and self._buffer.size():
            self._last = self._callback.num_timesteps
            self._refresh()

    def stop(self) -> None:
        """Compute all rewards, and give the algorithm its own buffer back, unless they may still change."""
        self._buffer.settle()
        if not self._changes:
            self._algorithm.replay_buffer = self._buffer.plain()

    def _installed(self) -> LearnedReplayBuffer:
        buffer, venv = self._algorithm.replay_buffer, self._venv
        if isinstance(buffer, LearnedReplayBuffer):  # of the training before
            if buffer.is_for(venv, self._changes):
                buffer.drop_early()
                return buffer
            buffer = buffer.plain()
        plain = type(buffer) in (ReplayBuffer, DictReplayBuffer)
        if buffer is None or not plain or (self._changes and buffer.size()):
            rows = 0 if buffer is None else buffer.size()
            raise ProtocolError(
                f"LearnedRewardCallback fills a plain ReplayBuffer{' that is empty' if self._changes else ''}, got "
                f"{type(buffer).__name__} with {rows} rows: make the algorithm anew, without a buffer of its own, or "
                f"use LearnedRewardVecEnv(venv, model, lazy=False)."
            )
        if venv.pending:
            venv.take()
        self._algorithm.replay_buffer = installed = learned_buffer(buffer, venv, self._changes)
        return installed

    def _refresh(self) -> None:
        buffer, learner, bonus = self._buffer, self._learner, self._venv.bonus
        if bonus is not None and buffer.added > self._seen:
            bonus.update(self._venv.model.scorer.standardise(buffer.latest(buffer.added - self._seen)))
        self._seen = buffer.added
        if learner is not None:
            learner.refresh(lambda number: buffer.recent(number, self._recent, self._draw))
            buffer.renew()
            self._callback.logger.record("active/refreshes", learner.refreshes)
            self._callback.logger.record("active/loss", learner.loss)


class _MovingMode:
    """Moves a reward mode with the flag rate and the mean length of episodes, after every `every` decisions."""

    def __init__(self, venv: LearnedRewardVecEnv, every: int) -> None:
        self._venv, self._every = venv, every
        self._flags: list[float] = []
        self._lengths: list[int] = []

    def state(self) -> dict[str, Any]:
        """Return what was counted since the last move."""
        return {"flags": np.array(self._flags, float), "lengths": np.array(self._lengths, np.int64)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._flags, self._lengths = state["flags"].tolist(), state["lengths"].tolist()

    def step(self, flags: list[bool], dones: np.ndarray) -> None:
        """Count one step of E environments."""
        self._flags += map(float, flags)
        self._lengths += (self._venv.age[dones] + 1).tolist()
        if len(self._flags) >= self._every:
            lengths = self._lengths
            self._venv.model.mode.update(float(np.mean(self._flags)), float(np.mean(lengths)) if lengths else None)
            self._flags, self._lengths = [], []


_HARMLESS = (VecCheckNan, VecFrameStack, VecTransposeImage, VecVideoRecorder)
"""They leave rewards alone and do not look at them."""


def _outer_normaliser(env: VecEnv, venv: LearnedRewardVecEnv) -> VecNormalize | None:
    """Return the VecNormalize between an algorithm's `env` and `venv`, or None where there is none.

    Raises:
        ProtocolError: `venv` is not inside `env`; or its rewards are lazy, and there are two VecNormalize or a wrapper
            that would miss the learned rewards.
    """
    found: VecNormalize | None = None
    outer: VecEnv | None = env
    while outer is not venv:
        if isinstance(outer, LearnedRewardVecEnv) or not isinstance(outer, VecEnvWrapper):
            raise ProtocolError(
                "The algorithm's environment is not the LearnedRewardVecEnv that its callback was given, nor round it: "
                "give the callback the one that the algorithm trains on."
            )
        if isinstance(outer, VecNormalize) and found is None:
            found = outer
        elif venv.lazy and not isinstance(outer, _HARMLESS):
            raise ProtocolError(
                f"{type(outer).__name__} stands outside of LearnedRewardVecEnv and would see the environment's rewards "
                f"instead of the learned ones: put it inside, or use LearnedRewardVecEnv(venv, model, lazy=False)."
            )
        outer = outer.venv
    return found
