"""`DeviceStream`: the rewards of thousands of running episodes, on the model's device and with nothing read back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import DataError, NotFittedError, OptionError, ProtocolError, ShapeError
from tsreward.functional.shaping import smooth_step
from tsreward.functional.tensors import changes, in_chunks
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.monitor import Monitor
from tsreward.rewards.exploration import ExplorationBonus

_ROWS = 1024
"""Windows that are scored at once on a CPU: what a network holds between two layers then stays in the cache."""


class DeviceStream:
    """State of E running episodes as tensors on the device of the model, which all of E enter and leave at once.

    A step reads no number back from the device, so a GPU never waits. The rewards are those of `RewardStream` up to
    rounding: all E windows are scored in one batch (on a CPU, in batches of some 1,000), and the scores differ by no
    more than 1e-5 of their standard deviation. Memory grows with E · K · D only.

    NaN and inf cannot stop a step that nobody looks at. Where an observation in the window, the environment's reward or
    the score is not finite, the reward and the p-value are NaN and the step is flagged, and the environment is noted
    on the device. Every `check_every` steps these notes are read, and are an error.

    Args:
        model: a fitted model; `model.to("cuda")` puts it on a GPU.
        num_envs: E, the number of episodes that run side by side.
        check_every: steps between two readings of the notes; 0 never reads, and leaves that to `check`.
        bonus: its value for every window is added to the reward.
        frames: how frames stand in the observations, where the model reads single ones; None takes them as they are.

    Raises:
        NotFittedError: the model is not fitted.
        OptionError: fewer than one environment, or a negative `check_every`.

    >>> from tsreward import KNN, Likeness, RewardModel
    >>> rows = torch.randn(8, 40, 2, generator=torch.Generator().manual_seed(0))
    >>> model = RewardModel(KNN(window=3), Likeness()).fit(list(rows))
    >>> stream = DeviceStream(model, num_envs=8)
    >>> stream.start(rows[:, 0])
    >>> stream.step(rows[:, 1]).reward.shape
    torch.Size([8])
    """

    def __init__(
        self,
        model: RewardModel,
        num_envs: int,
        check_every: int = 64,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
    ) -> None:
        if num_envs < 1 or check_every < 0:
            raise OptionError(
                f"DeviceStream needs num_envs >= 1 and check_every >= 0, got {num_envs} and {check_every}: 0 never "
                f"looks for NaN by itself."
            )
        if not bool(model.scorer.fitted) or not int(model.calibration.count):
            raise NotFittedError("DeviceStream got a model that is not fitted: call fit or load a fitted one first.")
        self.model, self.num_envs, self.check_every = model, num_envs, check_every
        self.bonus, self.frames = bonus, frames
        self.monitor: Monitor | None = None
        """Looks at the first observations, and at what they earned; until it is done, these are read back."""
        device = model.device
        self._host = device.type == "cpu"
        """Whether the device is the host, where a number that is read makes nobody wait, and can save work."""
        self._back = (model.window - 1) * model.frame_skip
        self._batch = math.ceil(num_envs / math.ceil(num_envs / _ROWS)) if self._host else num_envs
        self._scales: tuple[Tensor, int] | None = None
        self._history: tuple[_Frames, _Frames] | None = None
        """Standardised features [E, back + 1, D], and which of them are finite [E, back + 1]."""
        self._smoothed = torch.full((num_envs,), torch.nan, device=device)
        self._age = torch.zeros(num_envs, dtype=torch.long, device=device)
        self._damaged = torch.zeros(num_envs, dtype=torch.bool, device=device)
        self._unread = 0

    @torch.no_grad()
    def start(self, obs: Tensor, mask: Tensor | None = None) -> None:
        """Begin episodes at observations [E, *obs], only where `mask` [E] is true.

        Raises:
            ShapeError: observations of another number or shape.
        """
        self._expect(obs)
        if mask is None or self._history is None:
            rows, sound = self._rows(obs)
            self._history = _Frames(rows, self._back + 1), _Frames(sound, self._back + 1)
            self._scales = self._present_scales()
            mask = torch.ones_like(self._damaged)
            self._damaged |= ~sound
        elif self._host:
            self._begin_some(obs, mask)
        else:
            mask = mask.to(self._damaged.device)
            rows, sound = self._rows(obs)
            for frames, new in zip(self._standing(), (rows, sound), strict=True):
                frames.fill(mask, new)
            self._damaged |= mask & ~sound
        self._smoothed = self._smoothed.masked_fill(mask, torch.nan)
        self._age = self._age.masked_fill(mask, 0)

    def _begin_some(self, obs: Tensor, mask: Tensor) -> None:
        """Begin episodes where `mask` [E] is true, and look at no other observation."""
        begun = mask.to(self._damaged.device).nonzero()[:, 0]
        if not len(begun):
            return
        rows, sound = self._rows(obs[begun])
        for frames, new in zip(self._standing(), (rows, sound), strict=True):
            frames.put(begun, new)
        self._damaged[begun] |= ~sound

    @torch.no_grad()
    def step(self, obs: Tensor, env_reward: Tensor | None = None) -> StepReward:
        """Return what the step that arrived at observations [E, *obs] earned, every part [E] on the model's device.

        Args:
            obs: of all environments; where an episode ended, its last observation.
            env_reward: what the environments paid [E]; a likeness does without.

        Raises:
            ProtocolError: before `start`, or the scorer was fitted again since.
            ShapeError: observations or rewards of another number or shape.
            DataError: every `check_every` steps, NaN or inf since the last reading.
            OptionError: the mode lowers the environment's rewards, and none are given.
        """
        if self._history is None:
            raise ProtocolError("DeviceStream got a step before start: begin the episodes first.")
        if env_reward is not None:
            if env_reward.numel() != self.num_envs:
                raise ShapeError(f"DeviceStream expects rewards [{self.num_envs}], got {list(env_reward.shape)}.")
            env_reward = env_reward.to(self._damaged.device).reshape(self.num_envs)
        model = self.model
        self._expect(obs)
        rows, whole = (frames.push(new) for frames, new in zip(self._standing(), self._rows(obs), strict=True))
        windows, sound = rows[:, :: model.frame_skip], whole[:, :: model.frame_skip].all(1)
        score = in_chunks(model.scorer.measure, windows, self._batch).masked_fill(~sound, torch.nan)
        if model.mode.options.smoothing:
            score = self._smoothed = smooth_step(self._smoothed, score, model.mode.options.smoothing)
        self._age = self._age + 1
        earned = model.rate(score, env_reward, self._age if model.mode.every > 1 else None)
        if self.bonus is not None:
            earned = earned._replace(reward=earned.reward + self.bonus(windows))
        earned = self._marked(earned)
        self._watch(obs, earned, env_reward)
        self._unread += 1
        if self.check_every and self._unread >= self.check_every:
            self.check()
        return earned

    @property
    def looked(self) -> bool:
        """Whether the last step, or `check`, has read what was noted."""
        return self._unread == 0

    def check(self) -> None:
        """Read from the device whether anything was NaN or inf since the last reading.

        Raises:
            DataError: it was, with the numbers of the environments.
        """
        steps, self._unread = self._unread, 0
        if bool(self._damaged.any()):
            found = self._damaged.nonzero().flatten().tolist()
            self._damaged = torch.zeros_like(self._damaged)
            raise DataError(
                f"Environment(s) {found[:5]} gave NaN or inf in an observation or a reward, or a score that is not "
                f"finite, within the last {steps} steps: reset or repair them; check_every=1 says in which step."
            )

    def _expect(self, obs: Tensor) -> None:
        if len(obs) != self.num_envs:
            raise ShapeError(f"DeviceStream serves {self.num_envs} environments, got observations {list(obs.shape)}.")

    def _rows(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardised features [B, D], and which are finite [B]; those that are not are 0 before that."""
        model = self.model
        features = model.encoder(model.seen(obs.to(self._damaged.device), self.frames))
        sound = torch.ones(len(features), dtype=torch.bool, device=features.device)
        if not features.is_floating_point():
            return model.scorer.standardise(features), sound
        unclipped = model.scorer.options.clip is None  # then what is finite in float64 may not be in float32
        if not self._host or unclipped or not math.isfinite(features.sum().item()):
            sound, features = _finite(features), features.nan_to_num(0, 0, 0)
        rows = in_chunks(model.scorer.standardise, features, min(len(features), self._batch))
        return (rows.nan_to_num(0, 0, 0), sound & _finite(rows)) if unclipped else (rows, sound)

    def _standing(self) -> tuple[_Frames, _Frames]:
        """Return the history.

        Raises:
            ProtocolError: the scorer has learned since, and standardises otherwise.
        """
        assert self._history is not None and self._scales is not None
        kept, now = self._scales, self._present_scales()
        if kept[0] is not now[0] or kept[1] != now[1]:
            raise ProtocolError(
                "DeviceStream: the scorer was fitted again, or moved, while episodes run: call start(obs) without a "
                "mask, or reset() of the wrapper, first."
            )
        return self._history

    def _present_scales(self) -> tuple[Tensor, int]:
        std = self.model.scorer.std
        return std, changes(std)

    def _marked(self, earned: StepReward) -> StepReward:
        """Note where a reward is not finite, and return what steps earned with NaN there instead of a number."""
        lost = earned.score.mul(0) + earned.reward.mul(0) != 0  # what is not finite times 0 is NaN
        self._damaged |= lost
        return StepReward(
            earned.reward.masked_fill(lost, torch.nan),
            earned.score,
            earned.p_value.masked_fill(lost, torch.nan),
            earned.is_anomaly | lost,
        )

    def _watch(self, obs: Tensor, earned: StepReward, env_reward: Tensor | None) -> None:
        """Let the monitor look at a step, until it has seen enough."""
        if self.monitor is None:
            return
        seen = self.model.seen(obs, self.frames).cpu()
        self.monitor.see(seen, earned.cpu(), None if env_reward is None else env_reward.cpu())
        if self.monitor.done:
            self.monitor = None


class _Frames:
    """The newest frames [E, T, ...] of E episodes, the oldest first, in a tensor of twice the length.

    A frame is written where it stays, behind the others, and only where the tensor ends are the others moved to its
    front. So a step asks for no memory, and moves one frame on average.
    """

    def __init__(self, first: Tensor, number: int) -> None:
        self._number = self._end = number
        self._all = first[:, None].repeat(1, 2 * number, *[1] * (first.ndim - 1))

    @property
    def _now(self) -> Tensor:
        return self._all[:, self._end - self._number : self._end]

    def push(self, newest: Tensor) -> Tensor:
        """Forget the oldest frame, and return all with `newest` [E, ...] behind them; good until the next call."""
        if self._end == self._all.shape[1]:
            back = self._number - 1
            self._all[:, :back] = self._all[:, self._end - back :]
            self._end = back
        self._all[:, self._end] = newest
        self._end += 1
        return self._now

    def put(self, places: Tensor, first: Tensor) -> None:
        """Put `first` [B, ...] in the place of all frames of the episodes `places` [B]."""
        self._now[places] = first[:, None]

    def fill(self, mask: Tensor, first: Tensor) -> None:
        """Put `first` [E, ...], which is finite, in the place of all frames where `mask` [E] is true."""
        mask = mask.view(-1, *[1] * (first.ndim - 1)).to(first.dtype)
        keep = 1 - mask if first.dtype != torch.bool else ~mask
        self._now.mul_(keep[:, None]).add_((first * mask)[:, None])  # a third of the time of torch.where on a CPU


def _finite(rows: Tensor) -> Tensor:
    """Return which rows [E, ...] hold finite numbers only: others times 0 are NaN."""
    return rows.mul(0).flatten(1).sum(1) == 0
