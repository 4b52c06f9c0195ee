"""What a model is fitted through follows from what was recorded."""

import warnings

import numpy as np
import pytest

from tests.data.video.clips import moving
from tsreward.encoders.base import Identity
from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.errors import DataError, TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.recipes.fitting import encoder_for, warn_of_weak_scorer
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode


def test_numbers_go_in_as_they_are() -> None:
    for obs in (np.zeros((5, 3), np.float32), np.zeros((5, 128), np.uint8), np.zeros((5, 8, 8, 9), np.uint8)):
        assert isinstance(encoder_for([Episode(obs)]), Identity)


def test_models_of_pictures_take_bytes_and_say_what_scaled_ones_are() -> None:
    episodes = [Episode(moving(20, 12, 16)) for _ in range(4)]
    encoder = encoder_for(episodes)
    assert isinstance(encoder, PixelPCA)
    model = RewardModel(KNN(2), Likeness(), encoder)
    model.fit([episode.obs for episode in episodes])
    with pytest.raises(DataError, match=r"got float32 between 0 and 1.*\(255 \* frames\)"):
        relabel(model, [Episode(np.float32(episodes[0].obs) / 255)])


def test_a_scorer_that_hardly_knows_is_named() -> None:
    with pytest.warns(TSRewardWarning, match=r"ROC of the score against cost is 0.60 on 5 held-out episodes"):
        warn_of_weak_scorer(0.6, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_weak_scorer(0.7)
