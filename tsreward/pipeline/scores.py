"""Scores as columns: of episodes, and of a log that comes in chunks, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.sequences.episodes import Episode
from tsreward.sequences.frame_rows import FrameReader, FrameRows
from tsreward.sequences.frames import is_frame
from tsreward.sequences.parts import as_rows
from tsreward.sequences.row_options import RowKeywords, RowOptions


@dataclass(frozen=True)
class Scores:
    """Columns [N] over all transitions of all episodes, in order."""

    episode: np.ndarray
    """int64, counted from 0."""
    step: np.ndarray
    """int64, counted from 0 in every episode."""
    score: np.ndarray
    """float32, higher is stranger; after smoothing."""
    p_value: np.ndarray
    """float32, conformal p-value of the score among normal ones."""
    is_anomaly: np.ndarray
    """int8, 1 where the score passes the threshold."""
    label: np.ndarray | None
    """int8, 1 where the transition has a cost; None where the episodes have none."""
    index: Any = None
    """The index of the DataFrame that was scored, if it was one."""
    missing_first: np.ndarray | None = None
    """int8, 1 where the window would hold the first observation of an episode, which was not recorded; None where all
    were."""
    missing: np.ndarray | None = None
    """int8, 1 where a value of the row was missing and is filled in or masked; None where no such rows are scored."""


def score_episodes(model: RewardModel, episodes: Sequence[Episode], monitor: Monitor | None = None) -> Scores:
    """Score every transition; environment rewards are not needed. A `monitor` looks at the first ones.

    Raises:
        ShapeError: observations of another shape than the model's.
        DataError: NaN or inf in an observation.
    """
    lengths = [len(episode) for episode in episodes]
    score = torch.cat(model.score(episodes))
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    scores = Scores(
        episode=np.repeat(np.arange(len(episodes)), lengths),
        step=np.concatenate([np.arange(length) for length in lengths]),
        score=score.numpy(),
        p_value=model.calibration.p_value(score).numpy(),
        is_anomaly=(score > model.mode.threshold).numpy().astype(np.int8),
        label=(np.concatenate(costs) > 0).astype(np.int8) if len(costs) == len(episodes) else None,
        missing_first=_missing_first(model, episodes, lengths),
    )
    if monitor is not None:
        watch_scores(monitor, model, episodes, scores)
    return scores


def watch_scores(monitor: Monitor, model: RewardModel, episodes: Sequence[Episode], scores: Scores) -> None:
    """Let a monitor look at the first rows of episodes and at their scores; flags count where nothing is labelled.

    Raises:
        StrictError: a warning where strict asks for an error.
    """
    rows = 0
    for episode in episodes:
        if monitor.done:
            break
        obs = as_tensor(model.in_order(episode).obs[1:])
        part = slice(rows, rows + len(obs))
        normal = None if scores.label is None else scores.label[part] == 0
        monitor.see_scores(obs, scores.score[part], scores.is_anomaly[part], normal)
        rows += len(obs)
    monitor.finish()


def _missing_first(model: RewardModel, episodes: Sequence[Episode], lengths: Sequence[int]) -> np.ndarray | None:
    if all(episode.first_known for episode in episodes):
        return None
    steps = [
        np.zeros(length, np.int8) if episode.first_known else reaches_first(model, np.arange(length))
        for episode, length in zip(episodes, lengths, strict=True)
    ]
    return np.concatenate(steps)


def reaches_first(model: RewardModel, step: np.ndarray) -> np.ndarray:
    """Return, int8, which windows hold the first observation: those of steps [N], counted from 0 in an episode.

    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> reaches_first(RewardModel(Mahalanobis(3), Likeness()), np.arange(4))
    array([1, 1, 0, 0], dtype=int8)
    """
    return (step < (model.window - 1) * model.frame_skip).astype(np.int8)


class ScoreStream:
    """The state of one log, whose rows are pushed in chunks.

    Args:
        model: a fitted model.
        monitor: looks at the first rows.
        rows: what is done about the rows, see `RowOptions`: `ignore` leaves columns of DataFrames out, all others must
            be those that the model was fitted on, in any order; `missing`, `gap`, `time`, ...
    """

    def __init__(self, model: RewardModel, monitor: Monitor | None = None, **rows: Unpack[RowKeywords]) -> None:
        self.model, self.rows = model, 0
        self._begun = False
        self._options = RowOptions.of(rows)
        self._reader = FrameReader(self._options, "The log")
        self._stream = RewardStream(model, 1)
        self._stream.monitor = monitor

    def begin(self, obs: np.ndarray) -> None:
        """Begin with what a reset gave, obs [*obs]: the next row is arrived at from it, as in an environment."""
        self._stream.start(as_tensor(obs[None]))
        self._begun = True

    def push(self, chunk: Any) -> Scores:
        """Return the scores of the next rows, an array [T, D] or a DataFrame; `step` counts on from chunk to chunk.

        With missing="interpolate", rows wait for the values that lines are drawn to, and come with a later chunk.

        Raises:
            ShapeError: rows of another shape than the model's.
            DataError: NaN or inf in a row; columns, time stamps or missing values that the options refuse.
        """
        chunk = as_rows(chunk)
        if not is_frame(chunk):
            self._check(chunk)
        return self.score_rows(self._reader.read(chunk, last=False))

    def finish(self) -> Scores:
        """Return the scores of rows that still wait when the log has ended, and say what was done about its rows.

        Raises:
            DataError: a column has no value at all, or no row is left.
        """
        return self.score_rows(self._reader.finish())

    def score_rows(self, rows: FrameRows) -> Scores:
        """Return the scores of the next rows, which are read and cleaned already.

        Raises:
            ShapeError: rows of another shape than the model's.
            DataError: other columns than the model's.
        """
        values = rows.values
        if len(values):
            whole = np.concatenate([values[:1], values])
            episode = Episode(whole, columns=rows.columns, missing=rows.missing)
            values = self.model.in_order(episode, "The log").obs[1:]
            self._check(values)
        earned = self.reward(as_tensor(values), torch.zeros(len(values), dtype=torch.float64), rows.starts)
        return Scores(
            episode=np.zeros(len(values), dtype=np.int64),
            step=rows.rows,
            score=earned.score.numpy(),
            p_value=earned.p_value.numpy(),
            is_anomaly=earned.is_anomaly.numpy().astype(np.int8),
            label=None,
            index=rows.index,
            missing=None if rows.missing is None else rows.missing.astype(np.int8),
        )

    def reward(self, values: Tensor, env_reward: Tensor | None, starts: np.ndarray | None = None) -> StepReward:
        """Return what arriving at the next rows [T, *obs] earned, where the environment paid `env_reward` [T].

        Windows begin anew at `starts` [T].

        Raises:
            DataError: NaN or inf among them.
        """
        if not len(values):
            none = torch.zeros(0)
            return StepReward(none.double(), none, none, none.bool())
        under_way = self.rows > 0 or self._begun
        borders = [] if starts is None else [int(row) for row in np.flatnonzero(starts) if row or under_way]
        if not under_way:
            borders = [0, *borders]
        self.rows += len(values)
        for start, stop in pairwise(sorted({0, *borders, len(values)})):
            if start in borders:  # the first row is arrived at from itself
                self._stream.start(values[start : start + 1])
            paid = None if env_reward is None else env_reward[start:stop, None]
            self._stream.push_many(values[start:stop, None], paid)
        return StepReward(*(part[:, 0] for part in self._stream.flush()))

    def _check(self, values: np.ndarray) -> None:
        if values.ndim < 1 or values.shape[1:] != self.model.obs_shape or not len(values):
            expected = ", ".join(map(str, self.model.obs_shape))
            raise ShapeError(f"The model expects chunks [T, {expected}] of T > 0 rows, got {list(values.shape)}.")
        if values.dtype.kind not in "biuf":
            raise DataError(f"A chunk must hold real numbers, got {values.dtype}: convert its columns.")


def stream_scores(
    model: RewardModel, chunks: Iterable[Any], *, strict: bool = False, **rows: Unpack[RowKeywords]
) -> Iterator[Scores]:
    """Yield the scores of every chunk of one log, arrays [T, D] or DataFrames (their index is kept).

    They are those of `score_episodes` for the whole log, bit-identical on CPU, however it is cut.

    Args:
        model: a fitted model.
        chunks: arrays [T, D] or DataFrames, in order.
        strict: raise an error where a warning would be given, because the first 1,000 rows are not what the model was
            fitted on.
        rows: what is done about the rows, see `ScoreStream`.

    Raises:
        ShapeError: rows of another shape than the model's.
        DataError: NaN or inf in a row, or a column that is missing or unknown.

    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> log = np.random.default_rng(0).normal(size=(60, 2))
    >>> model = RewardModel(Mahalanobis(3), Likeness())
    >>> _ = model.fit([log])
    >>> parts = [scores.score for scores in stream_scores(model, np.split(log, 4))]
    >>> bool((np.concatenate(parts) == next(stream_scores(model, [log])).score).all())
    True
    """
    monitor = Monitor(model, "stream_scores", strict)
    stream = ScoreStream(model, monitor, **rows)
    for chunk in chunks:
        scores = stream.push(chunk)
        if len(scores.score):
            yield scores
    scores = stream.finish()
    if len(scores.score):
        yield scores
    monitor.finish()
