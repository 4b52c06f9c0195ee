"""Convolutions that learn with a scorer see what random ones do not, and are ordinary encoders afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import tsreward
from tsreward.detection.metrics import roc_auc
from tsreward.encoders.base import Identity
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.pipeline.encoder_training import train_encoder
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.knn import KNN
from tsreward.training import TrainOptions

SHAPE = (12, 12, 1)
QUICK = TrainOptions(epochs=3, batch_size=32, windows_per_epoch=640, learning_rate=3e-3)


def noisy(episodes: int, seed: int, mark: int) -> list[Tensor]:
    """Return frames of loud noise, with a faint patch that alone tells good from bad."""
    draw = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 200, (episodes, 30, *SHAPE), dtype=torch.uint8, generator=draw)
    frames[:, :, 4:7, 4:7] = mark
    return list(frames)


def model(**options) -> RewardModel:
    encoder = ConvEncoder(SHAPE, ConvOptions(dim=4, channels=(4,)))
    return RewardModel(DeepSVDD(2, DeepSVDDOptions(**options)), Likeness(), encoder)


def separation(fitted: RewardModel) -> float:
    windows = [fitted.features(noisy(4, 9, mark)) for mark in (40, 160)]
    scores = torch.cat([fitted.scorer.score_all(part) for part in windows])
    return roc_auc([0] * len(windows[0]) + [1] * len(windows[1]), scores)


@pytest.mark.parametrize("options", [{}, {"negative_loss": "least_squares", "gradient_penalty": 1.0}])
def test_it_finds_what_random_weights_nearly_drown(options) -> None:
    good, bad = noisy(6, 0, 40), noisy(6, 1, 160)
    plain, trained = model(**options), model(**options)
    train_encoder(trained, good, bad, QUICK)
    for each in (plain, trained):
        each.fit(good, bad, options=QUICK)
    assert separation(trained) > 0.999 > 0.98 > separation(plain)


def test_the_same_seed_gives_the_same_weights_and_the_scorer_stays_unfitted() -> None:
    good, bad = noisy(3, 0, 40), noisy(1, 1, 160)
    options = TrainOptions(epochs=1, windows_per_epoch=64, seed=3)
    first, second, untouched = model(), model(), model()
    state = torch.get_rng_state()
    for each in (first, second):
        train_encoder(each, good, bad, options)
    assert torch.equal(torch.get_rng_state(), state)
    assert not first.scorer.fitted
    for name, buffer in first.encoder.named_buffers():
        assert torch.equal(buffer, second.encoder.get_buffer(name))
        assert not torch.equal(buffer, untouched.encoder.get_buffer(name))
    assert list(first.encoder.parameters()) == []


def test_what_was_trained_is_saved(tmp_path: Path) -> None:
    trained, good, bad = model(), noisy(3, 0, 40), noisy(3, 1, 160)
    train_encoder(trained, good, bad, TrainOptions(epochs=1, windows_per_epoch=64))
    trained.fit(good, bad, options=TrainOptions(epochs=1, windows_per_epoch=64))
    tsreward.save(trained, tmp_path / "model.safetensors")
    again = tsreward.load(tmp_path / "model.safetensors")
    assert torch.equal(again.encode(good[0]), trained.encode(good[0]))


def test_what_cannot_be_trained_is_refused() -> None:
    good, bad = noisy(2, 0, 40), noisy(2, 1, 160)
    with pytest.raises(OptionError, match="trains a ConvEncoder, and the model has Identity"):
        train_encoder(RewardModel(DeepSVDD(2), Likeness(), Identity((4,))), good, bad)
    encoder = ConvEncoder(SHAPE, ConvOptions(dim=4, channels=(4,)))
    with pytest.raises(OptionError, match="a loss to differentiate, got KNN: use DeepSVDD"):
        train_encoder(RewardModel(KNN(2), Likeness(), encoder), good, bad)
    with pytest.raises(ShapeError, match=r"expects observations \[B, 12, 12, 1\]"):
        train_encoder(model(), [torch.zeros(9, 8, 8, 1, dtype=torch.uint8)], bad)
    with pytest.raises(DataError):
        train_encoder(model(), good, [])
