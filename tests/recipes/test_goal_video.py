"""Videos drawn from a model: they begin where they should, follow from the seed, and the likeliest is taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.errors import OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.goal_video import imagine_video, imagine_videos
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


def film(start: int) -> np.ndarray:
    """Return frames [T, 16, 16, 3] of a bar that wanders round."""
    frames = np.full((40, 16, 16, 3), 20, np.uint8)
    for step, frame in enumerate(frames):
        left = (start + step) % 13
        frame[:, left : left + 3] = 230
    return frames


@pytest.fixture(scope="module")
def model() -> RewardModel:
    films = [film(start) for start in range(4)]
    tokenizer = VQTokenizer((16, 16, 3), VQOptions(codes=16, epochs=2)).fit(films)
    scorer = VideoLikelihood(3, VideoLikelihoodOptions(width=16, layers=1, heads=2, feed_forward=16))
    options = TrainOptions(epochs=3, windows_per_epoch=256)
    return RewardModel(scorer, Likeness(), tokenizer).fit(films, options=options)


def test_the_likeliest_of_several_videos_is_taken(model: RewardModel) -> None:
    first = film(0)[0]
    video, nats = imagine_video(model, first, steps=5, samples=6, seed=1)
    assert video.shape == (6, 16, 16, 3)
    assert video.dtype == np.uint8
    again, same = imagine_video(model, first, steps=5, samples=6, seed=1)
    assert np.array_equal(video, again)
    assert nats == same
    ones = [imagine_video(model, first, steps=5, samples=1, seed=seed)[1] for seed in range(8)]
    assert nats < np.mean(ones)


def test_all_videos_come_in_the_order_of_their_likelihood(model: RewardModel) -> None:
    first = film(0)[0]
    videos, nats = imagine_videos(model, first, steps=5, samples=6, seed=1)
    assert videos.shape == (6, 6, 16, 16, 3)
    assert (np.diff(nats) >= 0).all() and nats[0] < nats[-1]
    best, least = imagine_video(model, first, steps=5, samples=6, seed=1)
    assert np.array_equal(videos[0], best) and nats[0] == least
    assert all(np.array_equal(video[0], best[0]) for video in videos)


def flash(shade: int) -> np.ndarray:
    """Return frames [T, 16, 16, 3] that are grey, and then of one shade."""
    frames = np.full((8, 16, 16, 3), shade, np.uint8)
    frames[0] = 128
    return frames


def test_videos_are_of_the_task_that_is_asked_for() -> None:
    """Grey pictures become white in one task and black in the other."""
    kinds = [[flash(255)] * 3, [flash(0)] * 3]
    options = VQOptions(codes=4, grid=2, channels=8, code_dim=8, epochs=4, frames_per_epoch=512, learning_rate=1e-2)
    tokenizer = VQTokenizer((16, 16, 3), options).fit([*kinds[0], *kinds[1]])
    windows = [
        WindowSet.of_arrivals([tokenizer.for_task(task)(torch.from_numpy(each)) for each in films], 2)
        for task, films in enumerate(kinds)
    ]
    likelihood = VideoLikelihoodOptions(classes=2, codes=4, width=16, layers=1, heads=2, feed_forward=16)
    scorer = VideoLikelihood(2, likelihood)
    training = TrainOptions(windows_per_epoch=512, epochs=40, patience=40, learning_rate=1e-2)
    scorer.fit(WindowSet.concat(windows), options=training)
    model = RewardModel(scorer, Likeness(), tokenizer.for_task(0)).calibrate(kinds[0])
    white, black = (imagine_video(model, flash(0)[0], 2, temperature=0, task=task)[0] for task in (0, 1))
    for video, films in zip((white, black), kinds, strict=True):
        assert np.array_equal(video, tokenizer.decode(tokenizer(torch.from_numpy(films[0][:3]))).numpy())
    assert not np.array_equal(white, black)
    assert np.array_equal(imagine_video(model, flash(0)[0], 2, temperature=0)[0], white)
    with pytest.raises(OptionError, match="got task 2, and the tasks of the model are 0 to 1"):
        imagine_video(model, flash(0)[0], 3, task=2)


def test_what_cannot_draw_is_refused(model: RewardModel) -> None:
    first = film(0)[0]
    with pytest.raises(ShapeError, match=r"expects a frame \[16, 16, 3\], got \[8, 8, 3\]"):
        imagine_video(model, first[:8, :8], 5)
    with pytest.raises(OptionError, match="steps >= 1 and samples >= 1, got 0 and 8"):
        imagine_video(model, first, 0)
    with pytest.raises(OptionError, match="got KNN over Identity"):
        imagine_video(RewardModel(KNN(2), Likeness()), first, 5)
    with pytest.raises(OptionError, match="got task 0, and the tasks of the model are none: it was fitted without"):
        imagine_video(model, first, 5, task=0)
