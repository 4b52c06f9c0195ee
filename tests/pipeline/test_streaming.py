"""A log in chunks is scored as at once, bit for bit, however it is cut."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from tests.scripted import small_model
from tsreward.errors import DataError, ShapeError
from tsreward.pipeline.scores import ScoreStream, score_episodes, stream_scores
from tsreward.sequences.episodes import Episode


@pytest.fixture(scope="module")
def values(seed):
    return np.random.default_rng(seed).normal(size=(301, 3)).astype(np.float32)


def cut(values, cuts):
    return [part for part in np.split(values, sorted(cuts)) if len(part)]


@pytest.mark.parametrize("mode", ["penalty", "likeness"])
@pytest.mark.parametrize("smoothing", [0.0, 0.9])
@pytest.mark.parametrize(("window", "frame_skip"), [(4, 1), (1, 1), (3, 5)])
def test_chunks_are_bit_equal_with_the_whole(values, mode, smoothing, window, frame_skip, seed):
    model = small_model(mode=mode, smoothing=smoothing, window=window, frame_skip=frame_skip)
    whole = score_episodes(model, [Episode(np.concatenate([values[:1], values]))])
    rng = np.random.default_rng(seed)
    for cuts in ([], range(301), [1], [2, 3, 300], rng.integers(0, 302, 9), [16, 32, 48]):
        parts = list(stream_scores(model, cut(values, cuts)))
        for name in ("episode", "step", "score", "p_value", "is_anomaly"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name))
            assert joined.dtype == getattr(whole, name).dtype


def test_the_index_of_a_frame_is_kept(values):
    model = small_model()
    frame = pandas.DataFrame(values, index=pandas.date_range("2020", periods=len(values), freq="min"))
    parts = list(stream_scores(model, (frame[start : start + 100] for start in range(0, len(frame), 100))))
    assert parts[0].index.append([part.index for part in parts[1:]]).equals(frame.index)
    (whole,) = stream_scores(model, [values])
    np.testing.assert_array_equal(np.concatenate([part.score for part in parts]), whole.score)
    assert whole.index is None


def test_what_comes_is_not_changed_and_no_history_is_a_view(values):
    model, chunk = small_model(smoothing=0.5), values[:50].copy()
    stream = ScoreStream(model)
    stream.push(chunk)
    np.testing.assert_array_equal(chunk, values[:50])
    chunk[:] = 1e6  # the caller reuses its buffer
    (expected,) = stream_scores(model, [values[:100]])
    np.testing.assert_array_equal(stream.push(values[50:100]).score, expected.score[50:])


@pytest.mark.parametrize(
    ("chunk", "error", "message"),
    [
        (np.ones((4, 2)), ShapeError, r"expects chunks \[T, 3\] of T > 0 rows, got \[4, 2\]"),
        (np.ones(3), ShapeError, r"expects chunks \[T, 3\] of T > 0 rows, got \[3\]"),
        (np.ones((0, 3)), ShapeError, r"got \[0, 3\]"),
        (np.array([[1, 2, 3], [1, np.nan, 3]]), DataError, r"The log: row 11 \(from 0\) holds NaN or inf"),
        (pandas.DataFrame({"a": ["x"], "b": [1], "c": [2]}), DataError, "Column 'a' holds str, not numbers"),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused(values, chunk, error, message):
    stream = ScoreStream(small_model())
    stream.push(values[:10])
    with pytest.raises(error, match=message):
        stream.push(chunk)
