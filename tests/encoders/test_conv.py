"""Random convolutions: weights from a seed, orthogonal, frozen."""

from __future__ import annotations

import pytest
import torch

from tests.encoders.test_frames import conv, frames
from tsreward.encoders.conv import ConvEncoder, ConvOptions, orthogonal
from tsreward.errors import OptionError


def test_the_seed_gives_the_weights_and_leaves_the_global_generator() -> None:
    before = torch.get_rng_state()
    first, second, other = conv(seed=1), conv(seed=1), conv(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first(frames(3)), second(frames(3)))
    assert not torch.equal(first(frames(3)), other(frames(3)))


@pytest.mark.parametrize("size", [(4, 9), (9, 4), (5, 5), (1, 3)])
def test_weights_are_orthogonal(size) -> None:
    matrix = orthogonal(*size)
    product = matrix @ matrix.T if size[0] <= size[1] else matrix.T @ matrix
    assert torch.allclose(product, torch.eye(min(size)), atol=1e-5)


def test_nothing_can_be_trained() -> None:
    encoder = conv()
    assert list(encoder.parameters()) == []
    assert set(encoder.state_dict()) == {"kernel0", "kernel1", "projection"}
    assert not encoder(frames(2)).requires_grad


def test_it_computes_the_layers_that_it_promises() -> None:
    encoder, obs = conv(), frames(2)
    layers = torch.nn.Sequential(*[torch.nn.Conv2d(3 if not i else 8, 8, 4, 2, 1, bias=False) for i in range(2)])
    with torch.no_grad():
        values = obs.permute(0, 3, 1, 2) / 255
        for index, layer in enumerate(layers):
            layer.weight.copy_(encoder.get_buffer(f"kernel{index}"))
            values = layer(values).relu()
        expected = values.flatten(1) @ encoder.projection.T
    torch.testing.assert_close(encoder(obs), expected)


@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 15, 1), (64, 8, 3)])
def test_odd_and_small_frames_fit(shape) -> None:
    assert ConvEncoder(shape)(frames(2, shape)).shape == (2, 128)


def test_frames_that_are_too_small_are_refused() -> None:
    with pytest.raises(OptionError, match="halves frames 3 times, and 7 x 20 pixels are too few"):
        ConvEncoder((7, 20, 3))
    assert ConvEncoder((7, 20, 3), ConvOptions(size=(16, 16))).dim == 128
