"""`RewardStream`: the rewards of running episodes, read step by step or many steps at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import DataError, ProtocolError, ShapeError
from tsreward.functional.shaping import smooth_step
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.monitor import Monitor
from tsreward.rewards.exploration import ExplorationBonus

_NUMBERS = 2**24
"""Most numbers in the windows that are gathered at once: 64 MiB."""


class RewardStream:
    """State of E running episodes: `start` begins them, `push` notes a step, `flush` gives what the noted steps earned.

    `step` is both at once, and what every step costs in an environment. Rewards are bit-identical on CPU however often
    they are read, as long as the model stays the same between two readings.

    Args:
        model: a fitted model.
        num_envs: E, the number of episodes that run side by side.
        bonus: its value for every window is added to the reward.
        frames: how frames stand in the observations, where the model reads single ones; None takes them as they are.
    """

    def __init__(
        self,
        model: RewardModel,
        num_envs: int,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
    ) -> None:
        self.model, self.num_envs, self.bonus, self.frames = model, num_envs, bonus, frames
        self._back = (model.window - 1) * model.frame_skip
        """Steps that a window reaches back."""
        self._history: Tensor | None = None
        """Features [E, back, D] of the steps before the next one, the first of the episode repeated on the left."""
        self._smoothed = torch.full((num_envs,), torch.nan, device=model.device)
        """Smoothed score [E] of the step before; NaN where an episode has just begun."""
        self._age = torch.zeros(num_envs, dtype=torch.long, device=model.device)
        """Steps [E] of the running episodes, counted for a mode that does not pay in all of them."""
        self._noted: list[_Steps] = []
        self._begun: list[_Begun] = []
        self._windows: tuple[Tensor, Tensor | None] | None = None
        self.monitor: Monitor | None = None
        """Looks at the first observations, and at what they earned."""

    def state(self) -> dict[str, Tensor]:
        """Return what is carried from step to step, by name, so that another process can go on: see `restore`.

        `history` [E, (K - 1) · frame_skip, D], float32 features; `smoothed` [E], float32; `age` [E], int64, all on
        the CPU. Model, bonus and monitor are not in it.

        Raises:
            ProtocolError: before `start`, or steps that were noted are not read yet.
        """
        if self._history is None or self._noted:
            raise ProtocolError(
                "RewardStream.state: begin the episodes with start(), and read pushed steps by flush()."
            )
        carried = {"history": self._history, "smoothed": self._smoothed, "age": self._age}
        return {name: values.to("cpu", copy=True) for name, values in carried.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave, with the same model: rewards are bit-identical with those of that stream.

        Raises:
            ShapeError: it is of another model, or of another number of environments.

        >>> from tsreward.rewards.likeness import Likeness
        >>> from tsreward.scorers.mahalanobis import Mahalanobis
        >>> model = RewardModel(Mahalanobis(3), Likeness())
        >>> _ = model.fit([torch.randn(60, 2, generator=torch.Generator().manual_seed(0))])
        >>> first, second = RewardStream(model, 1), RewardStream(model, 1)
        >>> first.start(torch.zeros(1, 2))
        >>> second.restore(first.state())
        >>> bool(first.step(torch.ones(1, 2)).reward == second.step(torch.ones(1, 2)).reward)
        True
        """
        features = None if self._history is None else list(self._history.shape[2:])
        history = state["history"]
        wanted = [self.num_envs, self._back, *(features or list(history.shape[2:]))]
        if list(history.shape) != wanted or any(len(state[name]) != self.num_envs for name in ("smoothed", "age")):
            raise ShapeError(
                f"RewardStream.restore expects a history {wanted}, got {list(history.shape)}: give the state of a "
                f"stream of the same model with {self.num_envs} environments."
            )
        parts = (history, state["smoothed"], state["age"])
        self._history, self._smoothed, self._age = (part.to(self.model.device, copy=True) for part in parts)
        self._noted, self._begun = [], []

    @property
    def pending(self) -> int:
        """Steps that were noted since the last reading."""
        return sum(len(steps.obs) for steps in self._noted)

    @torch.inference_mode()
    def start(self, obs: Tensor, mask: Tensor | None = None) -> None:
        """Begin episodes at observations [E, *obs], only where `mask` [E] is true.

        Raises:
            ShapeError: observations of another number or shape.
            DataError: NaN or inf in an observation.
        """
        obs, mask = self._here(obs, mask)
        self._check(obs)
        obs = self._seen(obs)
        if self._noted:
            self._begun.append(_Begun(self.pending, obs.clone(), None if mask is None else mask.clone()))
            return
        features = self._encode(obs, mask)
        filled = features[:, None].expand(-1, self._back, *features.shape[1:])
        if self._history is None or mask is None:
            self._history = filled.clone()
        else:
            self._history = torch.where(_as_column(mask, filled), filled, self._history)
        self._forget(torch.ones(self.num_envs, dtype=torch.bool, device=obs.device) if mask is None else mask)

    def push(self, obs: Tensor, env_reward: Tensor | None = None, mask: Tensor | None = None) -> None:
        """Note a step that arrived at observations [E, *obs] and that the environments paid `env_reward` [E].

        Where `mask` [E] is false an environment did not move: its state stays, and its entries mean nothing.

        Raises:
            ProtocolError: before `start`.
            ShapeError: observations or rewards of another number or shape.
            DataError: NaN or inf in an observation or a reward.
        """
        obs, env_reward, mask = self._here(obs, env_reward, mask)
        self._check_step(obs, env_reward, mask)
        paid = None if env_reward is None else env_reward.clone()[None]
        seen = self._seen(obs).clone()[None]
        self._noted.append(_Steps(seen, paid, None if mask is None else mask.clone()[None]))

    def push_many(self, obs: Tensor, env_reward: Tensor | None = None) -> None:
        """Note T steps at once: observations [T, E, *obs] and rewards [T, E], as T times `push`.

        Raises:
            ProtocolError, ShapeError, DataError: as `push`.
        """
        obs, env_reward = self._here(obs, env_reward)
        self._check_step(obs.flatten(0, 1), None if env_reward is None else env_reward.flatten(), None, steps=len(obs))
        seen = self._seen(obs.flatten(0, 1)).unflatten(0, obs.shape[:2])
        self._noted.append(_Steps(seen, env_reward, None))

    @torch.inference_mode()
    def step(self, obs: Tensor, env_reward: Tensor | None = None, mask: Tensor | None = None) -> StepReward:
        """Return what the step that arrived at observations [E, *obs] earned, every part [E]; see `push`.

        Raises:
            ProtocolError: before `start`, or steps that were noted are not read yet.
            ShapeError, DataError: as `push`.
        """
        obs, env_reward, mask = self._here(obs, env_reward, mask)
        self._check_step(obs, env_reward, mask)
        if self._noted:
            raise ProtocolError("RewardStream.step: steps that were pushed are not read yet: call flush() first.")
        assert self._history is not None
        seen = self._seen(obs)
        store = torch.cat([self._history, self._encode(seen, mask)[:, None]], 1)
        windows, history = store[:, :: self.model.frame_skip], store[:, 1:]
        self._history = history if mask is None else torch.where(_as_column(mask, history), history, self._history)
        self._windows = windows, None
        score = self._smooth(self.model.score_windows(windows), mask)
        steps = self._count(mask) if self.model.mode.every > 1 else None
        earned = self._rate(score, env_reward, windows, steps)
        self._watch(seen, earned, env_reward, mask)
        return earned

    @torch.inference_mode()
    def flush(self) -> StepReward:
        """Return what the steps noted since the last reading earned, oldest first, every part [T, E].

        Raises:
            ProtocolError: no step was noted.
            DataError: NaN or inf in a score.
        """
        if not self._noted:
            raise ProtocolError("RewardStream.flush: no step was pushed since the last reading.")
        noted, begun, self._noted, self._begun = self._noted, self._begun, [], []
        rows, index, restarted = self._lay_out(noted, begun)
        self._windows = rows, index
        size = min(1024, max(self.model.chunk, _NUMBERS // max(1, index.shape[1] * rows[0].numel())))
        score = torch.cat([self.model.score_windows(rows[part]) for part in index.split(size)])
        moved = _joined([steps.mask for steps in noted], [len(steps.obs) for steps in noted])
        shape = (len(index) // self.num_envs, self.num_envs)
        score, steps = self._in_order(score.view(shape), moved, restarted)
        paid = [steps.env_reward for steps in noted]
        env_reward = None if any(part is None for part in paid) else torch.cat([p for p in paid if p is not None])
        paid_flat = None if env_reward is None else env_reward.flatten()
        earned = self._rate(score.flatten(), paid_flat, None, steps)
        if self.monitor is not None:
            obs = torch.cat([steps.obs for steps in noted]).flatten(0, 1)
            self._watch(obs, earned, paid_flat, None if moved is None else moved.flatten())
        return StepReward(*(part.view(shape) for part in earned))

    def windows(self) -> Tensor:
        """Return the feature windows [T · E, K, D] of the last reading, oldest step first.

        Raises:
            ProtocolError: before the first reading.
        """
        if self._windows is None:
            raise ProtocolError("RewardStream.windows: nothing was read yet: call step or flush first.")
        rows, index = self._windows
        return rows if index is None else rows[index]

    def arrivals(self) -> Tensor:
        """Return the features [T · E, D] at which the steps of the last reading arrived, oldest first.

        Raises:
            ProtocolError: before the first reading.
        """
        if self._windows is None:
            raise ProtocolError("RewardStream.arrivals: nothing was read yet: call step or flush first.")
        rows, index = self._windows
        return rows[:, -1] if index is None else rows[index[:, -1]]

    def _lay_out(self, noted: list[_Steps], begun: list[_Begun]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return rows of features, the rows [T · E, K] of every window, and after which steps [T, E] episodes began.

        Rows hold, environment by environment, the history and then every arrival; behind them stand the observations at
        which episodes began. A window that would reach back beyond its episode's beginning reads that row instead.
        """
        assert self._history is not None
        num_envs, back = self.num_envs, self._back
        moved = _joined([steps.mask for steps in noted], [len(steps.obs) for steps in noted])
        obs = torch.cat([steps.obs for steps in noted])  # [T, E, *obs]
        total = len(obs)
        first = [item.obs if item.mask is None else item.obs[item.mask] for item in begun]
        arrived = obs.flatten(0, 1) if moved is None else obs[moved]
        features = self.model.encode(torch.cat([arrived, *first]))
        width = back + total
        offset = torch.arange(num_envs, device=obs.device) * width
        count = torch.arange(1, total + 1, device=obs.device)[:, None] if moved is None else moved.cumsum(0)
        last = offset + back - 1 + count  # [T, E], the row at which each environment stands after each step
        store = features.new_empty(num_envs, width, *features.shape[1:])
        store[:, :back] = self._history
        rows = torch.cat([store.flatten(0, 1), features[len(arrived) :]])
        rows[last.flatten() if moved is None else last[moved]] = features[: len(arrived)]
        border, head, restarted = self._beginnings(begun, last, num_envs * width)
        reach = torch.arange(self.model.window - 1, -1, -1, device=obs.device) * self.model.frame_skip
        index = _within(last[:, :, None] - reach, border[:total], head[:total])
        reach = torch.arange(back - 1, -1, -1, device=obs.device)
        self._history = rows[_within(last[-1][:, None] - reach, border[total], head[total])]
        return rows, index.flatten(0, 1), restarted

    def _beginnings(self, begun: list[_Begun], last: Tensor, at: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return, before every step and after the last, the border [T + 1, E] of the episode and its first row."""
        total, num_envs = last.shape
        border = torch.zeros(total + 1, num_envs, dtype=torch.long, device=last.device)
        head = torch.zeros_like(border)
        if not begun:
            return border, head, None
        restarted = torch.zeros(total, num_envs, dtype=torch.bool, device=last.device)
        for item in begun:
            everyone = torch.arange(num_envs, device=last.device)
            envs = everyone if item.mask is None else everyone[item.mask]
            border[item.after, envs] = last[item.after - 1, envs] + 1
            head[item.after, envs] = at + everyone[: len(envs)]
            restarted[item.after - 1, envs] = True
            at += len(envs)
        return border.cummax(0).values, head.cummax(0).values, restarted

    def _smooth(self, score: Tensor, mask: Tensor | None) -> Tensor:
        fraction = self.model.mode.options.smoothing
        if fraction == 0:
            return score
        smoothed = smooth_step(self._smoothed, score, fraction)
        self._smoothed = smoothed if mask is None else torch.where(mask, smoothed, self._smoothed)
        return smoothed

    def _count(self, mask: Tensor | None) -> Tensor:
        """Return how many steps [E] of their episodes are done with this one."""
        self._age = self._age + (1 if mask is None else mask.long())
        return self._age

    def _in_order(self, scores: Tensor, moved: Tensor | None, restarted: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return smoothed scores [T, E], and the number [T · E] of every step where that matters."""
        mode = self.model.mode
        if mode.options.smoothing == 0 and mode.every == 1:
            return scores, None
        smoothed, steps = torch.empty_like(scores), torch.empty(scores.shape, dtype=torch.long, device=scores.device)
        for step, score in enumerate(scores):
            mask = None if moved is None else moved[step]
            smoothed[step], steps[step] = self._smooth(score, mask), self._count(mask)
            if restarted is not None:
                self._forget(restarted[step])
        return smoothed, steps.flatten()

    def _forget(self, mask: Tensor) -> None:
        """Begin anew, where `mask` [E] is true, what is carried from step to step of an episode."""
        self._smoothed = torch.where(mask, torch.nan, self._smoothed)
        self._age = torch.where(mask, 0, self._age)

    def _rate(
        self, score: Tensor, env_reward: Tensor | None, windows: Tensor | None, steps: Tensor | None
    ) -> StepReward:
        earned = self.model.rate(score, env_reward, steps)
        if self.bonus is None:
            return earned
        seen = self.model.scorer.standardise(self.windows() if windows is None else windows)
        return earned._replace(reward=earned.reward + self.bonus(seen))

    def _here(self, *given: Any) -> Any:
        """Return tensors, or None, on the model's device."""
        return [None if part is None else part.to(self.model.device) for part in given]

    def _seen(self, obs: Tensor) -> Tensor:
        """Return what the model reads of observations [B, *obs]."""
        return self.model.seen(obs, self.frames)

    def _watch(self, obs: Tensor, earned: StepReward, env_reward: Tensor | None, mask: Tensor | None) -> None:
        """Let the monitor look at a step's rows [B], until it has seen enough."""
        if self.monitor is None:
            return
        if mask is not None and not mask.all():
            obs, earned = obs[mask], StepReward(*(part[mask] for part in earned))
            env_reward = None if env_reward is None else env_reward[mask]
        self.monitor.see(obs.cpu(), earned.cpu(), None if env_reward is None else env_reward.cpu())
        if self.monitor.done:
            self.monitor = None

    def _encode(self, obs: Tensor, mask: Tensor | None) -> Tensor:
        """Return features [E, D], zeros where `mask` is false: what stands there is encoded when its turn comes."""
        if mask is None or mask.all():
            return self.model.encode(obs)
        features = self.model.encode(obs[mask])
        return features.new_zeros(len(obs), *features.shape[1:]).index_put_((mask,), features)

    def _check_step(self, obs: Tensor, env_reward: Tensor | None, mask: Tensor | None, steps: int = 1) -> None:
        if self._history is None:
            raise ProtocolError("RewardStream got a step before start: begin the episodes first.")
        self._check(obs, steps)
        if env_reward is None:
            return
        if env_reward.shape != (steps * self.num_envs,):
            raise ShapeError(f"RewardStream expects rewards [{self.num_envs}], got {list(env_reward.shape)}.")
        checked_rewards(env_reward if mask is None else env_reward[mask])

    def _check(self, obs: Tensor, steps: int = 1) -> None:
        if len(obs) != steps * self.num_envs:
            raise ShapeError(f"RewardStream serves {self.num_envs} environments, got observations {list(obs.shape)}.")
        # One sum sees every NaN and inf; only where it is not finite does a second look tell which rows they are in.
        if obs.is_floating_point() and not math.isfinite(obs.sum().item()) and not torch.isfinite(obs).all():
            bad = (~torch.isfinite(obs.flatten(1)).all(1)).nonzero().flatten()
            raise DataError(
                f"Environment(s) {(bad % self.num_envs).tolist()[:5]} gave NaN or inf in the observation: reset or "
                f"repair them."
            )


class _Steps(NamedTuple):
    """Steps that were noted."""

    obs: Tensor
    """[T, E, *obs]."""
    env_reward: Tensor | None
    """[T, E]."""
    mask: Tensor | None
    """[T, E], which environments moved; None where all did."""


class _Begun(NamedTuple):
    """Episodes that began behind so many of the noted steps."""

    after: int
    obs: Tensor
    """[E, *obs]."""
    mask: Tensor | None
    """[E]."""


def checked_rewards(rewards: Tensor) -> Tensor:
    """Return the environment's rewards as they are.

    Raises:
        DataError: NaN or inf among them.
    """
    if not math.isfinite(rewards.sum().item()) and not torch.isfinite(rewards).all():
        bad = (~torch.isfinite(rewards)).nonzero().flatten().tolist()
        raise DataError(f"The environment's reward is NaN or inf at {bad[:5]}: repair the environment.")
    return rewards


def _joined(masks: list[Tensor | None], lengths: list[int]) -> Tensor | None:
    """Return the masks [T, E] of all steps; None where all environments moved in all of them."""
    given = next((mask for mask in masks if mask is not None), None)
    if given is None:
        return None
    full = given.new_ones(1, given.shape[1])
    return torch.cat(
        [full.expand(length, -1) if mask is None else mask for mask, length in zip(masks, lengths, strict=True)]
    )


def _within(rows: Tensor, border: Tensor, head: Tensor) -> Tensor:
    """Return rows [..., K], the one at `head` [...] in place of those before `border` [...]."""
    return torch.where(rows < border[..., None], head[..., None], rows)


def _as_column(mask: Tensor, steps: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (steps.ndim - 1))
