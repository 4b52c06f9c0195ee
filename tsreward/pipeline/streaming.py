"""The scores of a log that comes in chunks: bit-equal with scoring it at once, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.shaping import smooth_episodes
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import Scores
from tsreward.sequences.windows import WindowSet

_ELEMENTS = 2**24
"""Numbers in the windows that are gathered at once: 64 MiB."""


class ScoreStream:
    """The state of one log: the rows that the next windows reach back to, and the smoothed score."""

    def __init__(self, model: RewardModel) -> None:
        self.model, self.rows = model, 0
        self._history: Tensor | None = None
        self._smoothed: Tensor | None = None

    @torch.inference_mode()
    def push(self, chunk: Any) -> Scores:
        """Return the scores of the next rows, an array [T, D] or a DataFrame; `step` counts on from chunk to chunk.

        Raises:
            ShapeError: rows of another shape than the model's.
            DataError: NaN or inf in a row.
        """
        model = self.model
        features = model.encode(self._checked(chunk))
        back = (model.window - 1) * model.frame_skip
        if self._history is None:  # short history repeats the first row
            self._history = features[:1].expand(back, -1)
        store = torch.cat([self._history, features])
        last = torch.arange(back, len(store))
        windows = WindowSet(store, last, torch.zeros_like(last), model.window, model.frame_skip)
        size = min(1024, max(model.chunk, _ELEMENTS // (model.window * store.shape[1])))
        score = self._smooth(torch.cat([model.score(batch) for batch in windows.batches(size)]))
        self._history = store[len(store) - back :].clone()
        step = np.arange(self.rows, self.rows + len(score))
        self.rows += len(score)
        return Scores(
            episode=np.zeros(len(score), dtype=np.int64),
            step=step,
            score=score.numpy(),
            p_value=model.calibration.p_value(score).numpy(),
            is_anomaly=(score > model.mode.threshold).numpy().astype(np.int8),
            label=None,
            index=getattr(chunk, "index", None),
        )

    def _checked(self, chunk: Any) -> Tensor:
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

    def _smooth(self, score: Tensor) -> Tensor:
        share = self.model.mode.options.smoothing
        if not share:
            return score
        # The smoothed score so far stands in front, and begins the average anew with its own value.
        before = score[:0] if self._smoothed is None else self._smoothed
        joined = torch.cat([before, score])
        smoothed = smooth_episodes(joined, torch.zeros(len(joined), dtype=torch.long), share)[len(before) :]
        self._smoothed = smoothed[-1:].clone()
        return smoothed


def stream_scores(model: RewardModel, chunks: Iterable[Any]) -> Iterator[Scores]:
    """Yield the scores of every chunk of one log, arrays [T, D] or DataFrames (their index is kept).

    They are those of `score_episodes` for the whole log, bit for bit on CPU, however it is cut.

    Raises:
        ShapeError: rows of another shape than the model's.
        DataError: NaN or inf in a row.

    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> log = np.random.default_rng(0).normal(size=(60, 2))
    >>> model = RewardModel(Mahalanobis(3, 2), Likeness())
    >>> model.fit([log])
    >>> parts = [scores.score for scores in stream_scores(model, np.split(log, 4))]
    >>> bool((np.concatenate(parts) == next(stream_scores(model, [log])).score).all())
    True
    """
    stream = ScoreStream(model)
    for chunk in chunks:
        yield stream.push(chunk)
