"""Principal components of pictures, against scikit-learn-like arithmetic in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.encoders.test_frames import frames, pca
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError


def test_features_are_the_largest_components() -> None:
    obs = frames(60, (16, 16, 1))
    encoder = PixelPCA((16, 16, 1), PixelPCAOptions(dim=6, side=8))
    encoder.fit([obs[:25].numpy(), obs[25:]])
    small = (obs[..., 0].double() / 255).reshape(60, 8, 2, 8, 2).mean((2, 4)).flatten(1).numpy()
    centred = small - small.mean(0)
    values = np.linalg.svd(centred, compute_uv=False)[:6]
    features = encoder(obs).double().numpy()
    np.testing.assert_allclose(np.linalg.norm(features, axis=0), values, rtol=1e-4)
    np.testing.assert_allclose(features.T @ features, np.diag(values**2), atol=1e-3 * values[0] ** 2)


def test_colours_count_by_their_brightness() -> None:
    encoder = pca((8, 8, 3))
    colour = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    colour[..., 1] = 200
    level = torch.full((1, 8, 8, 3), round(200 * 0.587), dtype=torch.uint8)
    torch.testing.assert_close(encoder(colour), encoder(level), atol=0.02, rtol=0)


def test_a_moving_square_is_found_again() -> None:
    """Neighbouring places give neighbouring features, which random pixels would not."""
    clip = torch.zeros(30, 32, 32, 1, dtype=torch.uint8)
    for time in range(30):
        clip[time, 10:16, time : time + 3] = 255
    encoder = PixelPCA((32, 32, 1), PixelPCAOptions(dim=8, side=16))
    encoder.fit([clip])
    distance = torch.cdist(encoder(clip), encoder(clip)).fill_diagonal_(torch.inf)
    assert ((distance.argmin(1) - torch.arange(30)).abs() == 1).all()


def test_it_must_be_fitted_on_enough_frames_of_its_shape() -> None:
    encoder = PixelPCA((20, 24, 3), PixelPCAOptions(dim=5, side=8))
    with pytest.raises(NotFittedError, match="call fit with frames first"):
        encoder(frames(1))
    with pytest.raises(DataError, match="needs more than 5 frames for its components, got 5"):
        encoder.fit([frames(5)])
    with pytest.raises(ShapeError, match=r"expects frames \[T, 20, 24, 3\], episode 1 is .*the channels come first"):
        encoder.fit([frames(9), frames(9).permute(0, 3, 1, 2)])
    with pytest.raises(DataError, match=r"expects frames of uint8.*got float32 between 0 and 1: .*as uint8"):
        encoder.fit([frames(9), frames(9) / 255])
    with pytest.raises(OptionError, match="has 64 grey values and cannot keep 65"):
        PixelPCA((20, 24, 3), PixelPCAOptions(dim=65, side=8))
