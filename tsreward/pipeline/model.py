"""`RewardModel`: encoder + scorer + calibration + reward mode; what is fitted, saved, loaded and shared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from tsreward.encoders.base import Encoder, Identity
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.arrays import as_array, is_array
from tsreward.functional.shaping import smooth_episodes
from tsreward.functional.tensors import WideBatches, as_tensor
from tsreward.pipeline.profile import DataProfile
from tsreward.rewards.base import RewardMode
from tsreward.rewards.calibration import Calibration
from tsreward.scorers.base import Scorer
from tsreward.scorers.closed_form import ClosedForm
from tsreward.sequences.columns import Columns, ordered
from tsreward.sequences.episodes import Episode, as_episodes
from tsreward.sequences.expectation import Expectation
from tsreward.sequences.frame_rows import FrameReader
from tsreward.sequences.frames import is_frame
from tsreward.sequences.parts import as_rows
from tsreward.sequences.row_options import RowKeywords, RowOptions
from tsreward.sequences.shards import Shards
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions

Windows = WindowSet | Sequence[Any]
"""Windows over raw observations; or episodes: arrays, tensors or DataFrames [T, *obs], or `Episode`s."""


_CALIBRATED = 1_000_000
"""Held-out windows of shards that are enough for a calibration."""


class StepReward(NamedTuple):
    """What steps earned; all parts have one shape, [E], [T] or [T, E]."""

    reward: Tensor
    """float64, higher is better."""
    score: Tensor
    """float32, higher is stranger; after smoothing."""
    p_value: Tensor
    """float32, conformal p-value of the score among normal ones, in (0, 1]."""
    is_anomaly: Tensor
    """bool, the score passes the threshold."""

    def cpu(self) -> StepReward:
        """Return the same on the CPU."""
        return StepReward(*(part.cpu() for part in self))


def _undone(data: Any, frames: FrameLayout) -> Any:
    """Return windows or episodes over the frames that stand in their observations."""
    if data is None:
        return None
    if isinstance(data, WindowSet):
        return data.map(frames.frames)
    rows = [getattr(episode, "obs", episode) for episode in data]
    return [frames.frames(part if isinstance(part, Tensor) else as_tensor(as_rows(part))) for part in rows]


def _stretches(data: Any, options: RowOptions, where: str) -> tuple[list[Any], Columns | None]:
    """Return the rows [T, *obs] of an episode in stretches without gaps, and the names of their columns."""
    if isinstance(data, Episode):
        data = data.without(options.ignore, where)
        return [part.obs for part in data.stretches()], data.columns
    data = as_rows(data)
    if not is_frame(data) and options == RowOptions():
        return [data], None
    rows = FrameReader(options, where).read(data)
    borders = [int(row) for row in np.flatnonzero(rows.starts) if row]
    return np.split(rows.values, borders), rows.columns


class RewardModel(nn.Module):
    """A pipeline from observations to rewards.

    `encoder` defaults to the identity, which takes the shape of an observation from the data at `fit`. Encoding and
    scoring always run in batches of `chunk` rows, padded, so that step-by-step and bulk rewards are bit-identical on
    CPU; None takes the scorer's smallest safe number.
    """

    def __init__(
        self,
        scorer: Scorer,
        mode: RewardMode,
        encoder: Encoder | None = None,
        frame_skip: int = 1,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Identity() if encoder is None else encoder
        if scorer.dim is not None and self.encoder.dim is None:
            self.encoder.adopt_shape((scorer.dim,))
        if scorer.dim not in (None, self.encoder.dim):
            raise ShapeError(
                f"The encoder gives {self.encoder.dim} features but the scorer was made for {scorer.dim}: give the "
                f"encoder that it was fitted with, or a new scorer."
            )
        if self.encoder.codes is not None:
            scorer.adopt_codes(self.encoder.codes, self.encoder.labelled)
        if self.encoder.frame_shape is not None:
            scorer.adopt_frames(self.encoder.frame_shape)
        if not scorer.causal:
            raise OptionError(
                f"{type(scorer).__name__} scores a step by those behind it, and a reward must not see the future: take "
                f"its causal form, or score recorded data with scorer.score_all."
            )
        chunk = scorer.chunk if chunk is None else chunk
        if frame_skip < 1 or chunk < 1:
            raise OptionError(
                f"RewardModel needs frame_skip >= 1 and chunk >= 1, got frame_skip={frame_skip}, chunk={chunk}."
            )
        self.scorer, self.mode, self.calibration = scorer, mode, Calibration()
        self.frame_skip, self.chunk = frame_skip, chunk
        self.profile = DataProfile()
        self.columns: Columns | None = None
        """Names of the columns that it was fitted on, by which other data is matched; None where they had none."""
        self.expected: Expectation | None = None
        """What is expected of missing values; None before the fit, and for observations that are not [D]."""
        self.frames: FrameLayout | None = None
        """How frames stood in the observations of the fit, where that was told; others are read so, see `layout`."""
        self._wide_encoder, self._wide_scorer = WideBatches(), WideBatches()

    def with_mode(self, mode: RewardMode) -> RewardModel:
        """Return the same model with another reward mode; everything else is shared."""
        other = copy.copy(self)
        other._modules = {**self._modules, "mode": mode}
        return other

    @property
    def window(self) -> int:
        """Steps K in a window."""
        return self.scorer.window

    @property
    def device(self) -> torch.device:
        """Where the model lies: `model.to("cuda")` moves all of it, and observations are brought there."""
        return self.calibration.scores.device

    @property
    def constant_columns(self) -> tuple[str, ...]:
        """Features that had one value in all data of the fit, by name where they have one, else counted from 0.

        Raises:
            NotFittedError: the model is not fitted.
        """
        names = None if self.columns is None or len(self.columns) != self.scorer.dim else self.columns.names
        return tuple(str(place) if names is None else names[place] for place in self.scorer.constant)

    @property
    def obs_shape(self) -> tuple[int, ...]:
        """Shape of one observation.

        Raises:
            NotFittedError: the model has not met any.
        """
        if self.encoder.obs_shape is None:
            raise NotFittedError("RewardModel is not fitted: call model.fit(...) or load a fitted one first.")
        return self.encoder.obs_shape

    def fit(
        self,
        normal: Windows,
        negative: Windows | None = None,
        rewards: np.ndarray | Tensor | None = None,
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        calibration_fraction: float = 0.25,
        report: Report | None = None,
        probes: Windows | None = None,
        frames: FrameLayout | None = None,
        **rows: Unpack[RowKeywords],
    ) -> Self:
        """Fit scorer, calibration and reward mode, and return the model.

        A fraction of the normal episodes is never shown to the scorer: calibration and thresholds come from it.

        Args:
            normal: windows over raw observations, or episodes [T, *obs] that are all normal. Of DataFrames, the names
                of the columns are kept in `columns`.
            negative: the same of known anomalous behaviour, for scorers that learn from it.
            rewards: environment rewards of any shape; their mean absolute value is the unit of a penalty.
            options: how networks are trained.
            calibration_fraction: the fraction of the episodes that is held out.
            report: called after every epoch.
            probes: windows of behaviour that must not be rewarded, from which some modes take their scale; None takes
                the negatives.
            frames: how frames stand in all these observations, where the model reads single ones; it is kept in
                `frames`, for all that the model reads later. None takes them as they are.
            rows: what is done about the rows of frames and arrays, see `RowOptions`: `ignore` leaves columns out,
                `missing`, `gap`, `time`, ...

        Raises:
            DataError: too little or damaged data, or columns that differ.
            ShapeError: observations of another shape than the encoder's.
        """
        self.columns = self.expected = None
        if frames is not None:
            normal, negative, probes = (_undone(data, frames) for data in (normal, negative, probes))
            self.frames = frames
        normal = self.windows(normal, **rows)
        self.meet(normal)
        negative, probes = (None if data is None else self.windows(data, **rows) for data in (negative, probes))
        learned, held = self.features(normal).split(calibration_fraction, options.seed + 1)
        bad = None if negative is None else self.features(negative)
        probe = bad if probes is None else self.features(probes)
        probe = probe if self.mode.uses_probes else None
        self._wide_encoder, self._wide_scorer = WideBatches(), WideBatches()
        self.scorer.fit(learned, bad, options, report)
        self.scorer.to("cpu")
        self._calibrate(normal, self._smoothed(held), probe, rewards)
        return self

    def fit_shards(
        self,
        normal: Sequence[Windows],
        negative: Windows | None = None,
        rewards: np.ndarray | Tensor | None = None,
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        calibration_fraction: float = 0.25,
        report: Report | None = None,
        sample: int = 500_000,
    ) -> Self:
        """Fit on data that memory does not hold at once, and return the model; one shard is held at a time.

        Scorers in closed form (Mahalanobis, PCA, RidgeVAR) learn from all of the data, as `fit` does up to rounding.
        All others learn from `sample` windows, drawn from all shards in blocks of 256. A fraction of the shards is
        never shown to the scorer: calibration comes from their first million windows, in the order that they are drawn.

        Args:
            normal: shards, two or more, each what `fit` takes: windows, or episodes [T, *obs]. A shard is read several
                times, so a sequence that reads files when they are asked for is meant, such as `Shards`.
            negative: windows or episodes of known anomalous behaviour, for scorers that learn from it.
            rewards: environment rewards; their mean absolute value is the unit of a penalty.
            options: how networks are trained.
            calibration_fraction: the fraction of the shards that is held out.
            report: called after every epoch.
            sample: windows that scorers learn from which are not in closed form, and that what is known of the
                observations (`profile`, `expected`) comes from.

        Raises:
            DataError: fewer than two shards, too little or damaged data, or columns that differ.
            ShapeError: observations of another shape than the encoder's.
        """
        self.columns = self.expected = None
        shards = Shards(len(normal), lambda place: self.windows(normal[place]))
        learned, held = shards.split(calibration_fraction, options.seed + 1)
        self.columns = shards[0].columns
        drawn = learned.sample(sample, options.seed)
        self.meet(drawn)
        self._wide_encoder, self._wide_scorer = WideBatches(), WideBatches()
        bad = None if negative is None else self.features(self.windows(negative))
        if isinstance(self.scorer, ClosedForm):
            self.scorer.fit_shards(learned.map(self.features), options)
        else:
            self.scorer.fit(self.features(drawn), bad, options, report)
        self.scorer.to("cpu")
        scores: list[Tensor] = []
        for shard in held.map(self.features):
            scores.append(self._smoothed(shard))
            if sum(map(len, scores)) >= _CALIBRATED:
                break
        self._calibrate(drawn, torch.cat(scores), bad if self.mode.uses_probes else None, rewards)
        return self

    def calibrate(
        self,
        normal: Windows,
        rewards: np.ndarray | Tensor | None = None,
        probes: Windows | None = None,
        frames: FrameLayout | None = None,
        **rows: Unpack[RowKeywords],
    ) -> Self:
        """Fit calibration and reward mode on other normal data, leave the scorer as it is, and return the model.

        The data must not be what the scorer learned from: scores of those are lower than those of other normal data.

        Args:
            normal: windows over raw observations, or episodes [T, *obs] that are all normal.
            rewards: environment rewards of any shape; their mean absolute value is the unit of a penalty.
            probes: windows of behaviour that must not be rewarded, from which some modes take their scale.
            frames: how frames stand in all these observations, where the model reads single ones; kept as by `fit`.
            rows: what is done about the rows of frames and arrays, see `RowOptions`.

        Raises:
            NotFittedError: the scorer has learned nothing yet.
            DataError: too little or damaged data, or columns that differ.
            ShapeError: observations of another shape than the encoder's.
        """
        if not self.scorer.fitted:
            raise NotFittedError("RewardModel.calibrate needs a scorer that was fitted: call fit first.")
        if frames is not None:
            normal, probes = (_undone(data, frames) for data in (normal, probes))
            self.frames = frames
        normal = self.windows(normal, **rows)
        if self.encoder.obs_shape is None or self.expected is None:
            self.meet(normal)
        probe = self.features(self.windows(probes, **rows)) if probes is not None and self.mode.uses_probes else None
        self._calibrate(normal, self._smoothed(self.features(normal)), probe, rewards)
        return self

    def _calibrate(
        self, normal: WindowSet, scores: Tensor, probe: WindowSet | None, rewards: np.ndarray | Tensor | None
    ) -> None:
        """Fit calibration on scores [N] of held-out windows, and the mode."""
        self.calibration.fit(scores)
        unit = None if rewards is None else float(torch.as_tensor(as_array(rewards), dtype=torch.float64).abs().mean())
        self.mode.fit(self.calibration, unit, None if probe is None else self.score_windows(probe))
        self.profile.fit(normal.store[normal.last], rewards)

    def _smoothed(self, windows: WindowSet) -> Tensor:
        return self.smooth(self.score_windows(windows), windows.first)

    def meet(self, normal: WindowSet) -> None:
        """Take the shape of observations, the names of columns and what is expected of missing values from normal data.

        Args:
            normal: windows over raw observations.
        """
        self.encoder.adopt_shape(normal.store.shape[1:])
        self.columns = normal.columns
        self.expected = None
        if normal.store.ndim == 2:
            self.expected = Expectation(normal.store.shape[1]).fit(normal.store)

    def windows(self, windows: Windows, **rows: Unpack[RowKeywords]) -> WindowSet:
        """Return windows over raw observations, of such windows or of episodes [T, *obs].

        Args:
            windows: windows, or episodes: arrays, tensors, DataFrames or objects `Episode`.
            rows: what is done about the rows of frames and arrays, see `RowOptions`.

        Raises:
            DataError: damaged episodes, or none; columns that the model was not fitted on.
            ShapeError: windows of another length K or frame_skip than the model's.
        """
        if not isinstance(windows, WindowSet):
            windows = self._windows_of(windows, RowOptions.of(rows))
        windows = windows.in_order(self.columns, "the model", "The data")
        if self.layout(windows.store.shape[1:], windows.store.is_floating_point()) is not None:
            windows = windows.map(self.seen)
        if windows.window != self.window or windows.frame_skip != self.frame_skip:
            raise ShapeError(
                f"RewardModel reads windows of {self.window} steps with frame_skip {self.frame_skip}, got "
                f"{windows.window} and {windows.frame_skip}: build the WindowSet with the model's."
            )
        return windows

    def _windows_of(self, data: Any, options: RowOptions) -> WindowSet:
        episodes = [data] if isinstance(data, (Episode, Mapping)) or is_frame(data) else data
        parts: list[Any] = []
        columns = self.columns
        for index, episode in enumerate(episodes):
            where = f"Episode {index}"
            stretches, own = _stretches(episode, options, where)
            if own is not None:
                who = "the first episode" if self.columns is None else "the model"
                columns = columns or own
                stretches = [ordered(part, own, columns, who, where) for part in stretches]
            parts += stretches
        if options.missing == "mask":
            whole = np.concatenate(parts)
            expected = self.expected or Expectation(whole.shape[1]).fit(whole[~np.isnan(whole).any(1)])
            parts = [expected.fill(part) for part in parts]
        return WindowSet.from_episodes(parts, self.window, self.frame_skip).named(columns)

    def layout(
        self, obs_shape: Sequence[int], floating: bool | None = None, told: FrameLayout | None = None
    ) -> FrameLayout | None:
        """Return how what the model reads stands in observations: as told, else as in its fit, where that fits them.

        Args:
            obs_shape: of one observation.
            floating: whether they hold floating-point numbers; None where that is not known.
            told: the layout, where it is known.
        """
        own = self.frames
        if told is not None or own is None or self.encoder.obs_shape is None:
            return told
        return own if floating in (None, own.scaled) and own.gives(obs_shape, self.encoder.obs_shape) else None

    def shape_read(
        self, obs_shape: Sequence[int], floating: bool | None = None, told: FrameLayout | None = None
    ) -> tuple[int, ...]:
        """Return the shape of what the model reads of observations of this shape, see `layout`.

        Raises:
            ShapeError: they cannot have the layout that is told.
        """
        layout = self.layout(obs_shape, floating, told)
        return tuple(obs_shape) if layout is None else layout.frame_shape(obs_shape)

    def seen(self, obs: Tensor, told: FrameLayout | None = None) -> Tensor:
        """Return what the model reads of observations [B, *obs]: their newest frames, where a `layout` says so.

        Raises:
            ShapeError, DataError: they are not of the layout that is told.
        """
        layout = self.layout(obs.shape[1:], obs.is_floating_point(), told)
        return obs if layout is None else layout.frames(obs)

    def in_order(self, episode: Episode, where: str = "The data", told: FrameLayout | None = None) -> Episode:
        """Return an episode as the model reads it: its columns in order, the newest frames, nothing missing.

        Columns without names stay as they are. Values that are missing where the episode says so are replaced by what
        the model expects (`Expectation`).

        Args:
            episode: what is about to be encoded.
            where: what it is called in messages.
            told: how frames stand in its observations, see `layout`.

        Raises:
            DataError: a column is missing, or one is there that the model was not fitted on.
            ShapeError: it is not of the layout that is told.
        """
        obs = episode.obs
        if (layout := self.layout(obs.shape[1:], obs.dtype.kind == "f", told)) is not None:
            return replace(episode, obs=layout.frames_of(obs), columns=None)
        episode = episode.in_order(self.columns, "the model", where)
        if episode.missing is None or not np.isnan(episode.obs).any():
            return episode
        if self.expected is None:
            raise DataError(f"{where} has masked values, but the model reads {list(self.obs_shape)}: --missing drop.")
        return replace(episode, obs=self.expected.fill(episode.obs))

    def features(self, windows: Windows) -> WindowSet:
        """Return windows of features, of windows over raw observations or of episodes [T, *obs]; each row encoded once.

        Raises:
            DataError: damaged episodes, or none.
            ShapeError: observations of another shape than the encoder's, or windows of another length.
            NotFittedError: the encoder has not met any observation yet.
        """
        return self.windows(windows).map(lambda store: torch.cat([self.encoder(part) for part in store.split(4096)]))

    @torch.inference_mode()
    def encode(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs], each encoded once."""
        return self._wide_encoder(self.encoder, obs.to(self.device), self.chunk)

    @torch.inference_mode()
    def score_windows(self, windows: Tensor | WindowSet) -> Tensor:
        """Return scores [B] (float32, higher is stranger) of feature windows [B, K, D], not smoothed over time."""
        if isinstance(windows, WindowSet):
            return torch.cat([self.score_windows(batch) for batch in windows.batches(1024)])
        return self._wide_scorer(self.scorer, windows.to(self.device), self.chunk)

    def score(self, data: Any, frames: FrameLayout | None = None, **rows: Unpack[RowKeywords]) -> Any:
        """Return scores (float32, higher is stranger) of what people have.

        Args:
            data: feature windows [B, K, D] or a `WindowSet` of features, for scores [B], not smoothed; or what
                `tsreward.relabel` takes, for smoothed scores [T] of every step, in a list where a list was given.
            frames: how frames stand in the observations, where the model reads single ones; None reads them as the fit
                was told (`layout`).
            rows: what is done about the rows of frames and arrays, see `RowOptions`: `ignore` leaves columns out, all
                others must be those that the model was fitted on, in any order; `missing`, `gap`, `time`, ... With
                missing="drop", the scores are those of the rows that are left.

        Raises:
            ShapeError: windows or observations of another shape than the model's.
            DataError: something else, NaN or inf, or a column that is missing or unknown.
        """
        if isinstance(data, WindowSet):
            return self.score_windows(data)
        if is_array(data) and not is_frame(data):
            data = as_array(data)
        shape = tuple(getattr(data, "shape", ()))[1:]
        if shape == (self.window, self.scorer.dim) != self.obs_shape:
            return self.score_windows(as_tensor(data))
        episodes, alone = as_episodes(data, **rows)
        if not episodes:
            return []
        lengths = [len(episode) for episode in episodes]
        episodes = [self.in_order(part, told=frames) for episode in episodes for part in episode.stretches()]
        features = [self.encode(as_tensor(episode.obs)) for episode in episodes]
        scores = self.score_episodes(features).split(lengths)
        return scores[0] if alone else list(scores)

    @torch.inference_mode()
    def score_episodes(self, features: Sequence[Tensor]) -> Tensor:
        """Return the smoothed scores [N] of all N transitions of episodes of features [T + 1, D]."""
        windows = WindowSet.of_arrivals(features, self.window, self.frame_skip)
        return self.smooth(self.score_windows(windows), windows.first)

    @torch.inference_mode()
    def smooth(self, scores: Tensor, episode: Tensor) -> Tensor:
        """Return the mode's moving average of scores [B] in order, begun anew where `episode` [B] changes."""
        return smooth_episodes(scores, episode, self.mode.options.smoothing)

    @torch.inference_mode()
    def rate(self, scores: Tensor, env_reward: Tensor | None = None, steps: Tensor | None = None) -> StepReward:
        """Return what scores [B] earn, smoothed ones where the mode smooths: the one place where scores become rewards.

        Args:
            scores: scores [B], or feature windows [B, K, D], which are scored first and not smoothed.
            env_reward: what the environment paid [B]; a likeness does without.
            steps: how many steps of its episode each window ends after [B], from 1 on, for a mode that pays at every
                so many steps only; None pays all.

        Raises:
            OptionError: the mode lowers the environment's rewards, and none are given.
        """
        return self._rate(scores, lambda scores, p_value: self.mode(scores, p_value, env_reward), steps)

    @torch.inference_mode()
    def rate_alone(self, scores: Tensor, steps: Tensor | None = None) -> StepReward:
        """Return `rate` of scores [B] or windows [B, K, D] with the mode's own reward: of a penalty, what it adds."""
        return self._rate(scores, self.mode.own_reward, steps)

    def _rate(self, scores: Tensor, reward: Callable[[Tensor, Tensor], Tensor], steps: Tensor | None) -> StepReward:
        scores = self.score_windows(scores) if scores.ndim == 3 else scores
        p_value = self.calibration.p_value(scores)
        paid = reward(scores, p_value)
        if steps is not None and self.mode.every > 1:
            paid = torch.where(steps % self.mode.every == 0, paid, 0.0)
        return StepReward(paid, scores, p_value, scores > self.mode.threshold)
