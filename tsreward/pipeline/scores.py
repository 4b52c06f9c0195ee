"""Scores as columns: of episodes, and of a log that comes in chunks, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.stream import RewardStream
from tsreward.sequences.columns import ordered
from tsreward.sequences.episodes import Episode
from tsreward.sequences.frames import is_frame, read_frame


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


def score_episodes(model: RewardModel, episodes: Sequence[Episode]) -> Scores:
    """Score every transition; environment rewards are not needed.

    Raises:
        ShapeError: observations of another shape than the model's.
        DataError: NaN or inf in an observation.
    """
    lengths = [len(episode) for episode in episodes]
    score = torch.cat(model.score(episodes))
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    return Scores(
        episode=np.repeat(np.arange(len(episodes)), lengths),
        step=np.concatenate([np.arange(length) for length in lengths]),
        score=score.numpy(),
        p_value=model.calibration.p_value(score).numpy(),
        is_anomaly=(score > model.mode.threshold).numpy().astype(np.int8),
        label=(np.concatenate(costs) > 0).astype(np.int8) if len(costs) == len(episodes) else None,
        missing_first=_missing_first(model, episodes, lengths),
    )


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
    """The state of one log, whose rows are pushed in chunks; columns in `ignore` are left out of DataFrames."""

    def __init__(self, model: RewardModel, ignore: Sequence[str] = ()) -> None:
        self.model, self.rows, self.ignore = model, 0, ignore
        self._stream = RewardStream(model, 1)

    def push(self, chunk: Any) -> Scores:
        """Return the scores of the next rows, an array [T, D] or a DataFrame; `step` counts on from chunk to chunk.

        Raises:
            ShapeError: rows of another shape than the model's.
            DataError: NaN or inf in a row.
        """
        values = self._checked(chunk)
        earned = self.reward(values, torch.zeros(len(values), dtype=torch.float64))
        step = np.arange(self.rows - len(values), self.rows)
        return Scores(
            episode=np.zeros(len(values), dtype=np.int64),
            step=step,
            score=earned.score.numpy(),
            p_value=earned.p_value.numpy(),
            is_anomaly=earned.is_anomaly.numpy().astype(np.int8),
            label=None,
            index=getattr(chunk, "index", None),
        )

    def reward(self, values: Tensor, env_reward: Tensor | None) -> StepReward:
        """Return what arriving at the next rows [T, *obs] earned, where the environment paid `env_reward` [T].

        Raises:
            DataError: NaN or inf among them.
        """
        if not self.rows:  # the first row is arrived at from itself
            self._stream.start(values[:1])
        self.rows += len(values)
        self._stream.push_many(values[:, None], None if env_reward is None else env_reward[:, None])
        return StepReward(*(part[:, 0] for part in self._stream.flush()))

    def _checked(self, chunk: Any) -> Tensor:
        if is_frame(chunk):
            frame = read_frame(chunk, self.ignore)
            chunk = ordered(frame.values, frame.columns, self.model.columns, "the model", "The chunk")
        values = np.asarray(chunk)
        if values.ndim < 1 or values.shape[1:] != self.model.obs_shape or not len(values):
            expected = ", ".join(map(str, self.model.obs_shape))
            raise ShapeError(f"The model expects chunks [T, {expected}] of T > 0 rows, got {list(values.shape)}.")
        if values.dtype.kind not in "biuf":
            raise DataError(f"A chunk must hold real numbers, got {values.dtype}: convert its columns.")
        rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1))
        if len(rows):
            raise DataError(f"Row {self.rows + rows[0]} of the log (from 0) holds NaN or inf: fill or drop it first.")
        return as_tensor(values)


def stream_scores(model: RewardModel, chunks: Iterable[Any], ignore: Sequence[str] = ()) -> Iterator[Scores]:
    """Yield the scores of every chunk of one log, arrays [T, D] or DataFrames (their index is kept).

    They are those of `score_episodes` for the whole log, bit-identical on CPU, however it is cut.

    Args:
        model: a fitted model.
        chunks: arrays [T, D] or DataFrames, in order.
        ignore: columns of the DataFrames that are left out; all others must be those that the model was fitted on.

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
    stream = ScoreStream(model, ignore)
    for chunk in chunks:
        yield stream.push(chunk)
