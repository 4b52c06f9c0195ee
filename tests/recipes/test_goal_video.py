"""Videos drawn from a model: they begin where they should, follow from the seed, and the likeliest is taken."""

from __future__ import annotations

import numpy as np
import pytest

from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.errors import OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.goal_video import imagine_video
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
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


def test_what_cannot_draw_is_refused(model: RewardModel) -> None:
    first = film(0)[0]
    with pytest.raises(ShapeError, match=r"expects a frame \[16, 16, 3\], got \[8, 8, 3\]"):
        imagine_video(model, first[:8, :8], 5)
    with pytest.raises(OptionError, match="steps >= 1 and samples >= 1, got 0 and 8"):
        imagine_video(model, first, 0)
    with pytest.raises(OptionError, match="got KNN over Identity"):
        imagine_video(RewardModel(KNN(2), Likeness()), first, 5)
