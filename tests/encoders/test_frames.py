"""What encoders of pictures share: bytes only, masks, every distinct frame once, the same bits in every batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.errors import DataError, OptionError, ShapeError

SHAPE = (20, 24, 3)


def frames(number: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (number, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def conv(shape: tuple[int, ...] = SHAPE, **options) -> ConvEncoder:
    return ConvEncoder(shape, ConvOptions(channels=(8, 8), **{"dim": 10, **options}))


def pca(shape: tuple[int, ...] = SHAPE, **options) -> PixelPCA:
    encoder = PixelPCA(shape, PixelPCAOptions(**{"dim": 5, "side": 8, **options}))
    encoder.fit([frames(40, shape, seed=9)])
    return encoder


class Looking(FrameEncoder[FrameOptions]):
    """Counts what it looks at."""

    Options = FrameOptions
    dim = 1
    seen = 0
    device = torch.device("cpu")

    @property
    def chunk(self) -> int:
        return 1

    def features(self, frames: Tensor) -> Tensor:
        self.seen += len(frames)
        return frames.float().mean((1, 2, 3, 4))[:, None]


@pytest.mark.parametrize("make", [conv, pca])
@pytest.mark.parametrize("shape", [SHAPE, (20, 24, 1), (4, 20, 24, 3), (2, 20, 24, 1)])
def test_frames_and_stacks_become_rows_of_numbers(make, shape) -> None:
    encoder, obs = make(shape), frames(3, shape)
    before = obs.clone()
    features = encoder(obs)
    assert features.shape == (3, encoder.dim) and features.dtype == torch.float32
    assert torch.isfinite(features).all() and len(features.unique(dim=0)) == 3
    assert torch.equal(obs, before)


@pytest.mark.parametrize("make", [conv, pca])
@pytest.mark.parametrize("dim", [1, 2, 3, 10])
@pytest.mark.parametrize("batch", [1, 2, 7, 16, 33])
def test_bits_do_not_depend_on_the_batch(make, dim, batch) -> None:
    encoder, obs = make(dim=dim), frames(50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(batch))
    assert torch.equal(torch.cat([encoder(part) for part in obs[order].split(batch)]), encoder(obs)[order])


def test_equal_neighbours_are_encoded_once() -> None:
    encoder = Looking(SHAPE, FrameOptions())
    pictures = frames(3)
    features = encoder(pictures[[0, 0, 0, 1, 1, 0, 2, 2]])
    assert encoder.seen == 4
    assert torch.equal(features, encoder(pictures)[[0, 0, 0, 1, 1, 0, 2, 2]])


@pytest.mark.parametrize("make", [conv, pca])
def test_what_a_mask_hides_changes_nothing(make) -> None:
    masks = ((0, 0, 4, 24), (10, 3, 12, 9))
    encoder, obs = make(masks=masks), frames(6)
    other = obs.clone()
    other[:, :4] = 99
    other[:, 10:12, 3:9] = frames(1, (2, 6, 3), seed=5)
    assert torch.equal(encoder(obs), encoder(other))
    other[:, 12] = 0
    assert not torch.equal(encoder(obs), encoder(other))


def test_an_encoder_sees_what_the_options_prepare() -> None:
    options = {"masks": ((0, 0, 5, 24),), "size": (10, 11)}
    prepared = FrameOptions(**options).prepare(frames(4))
    assert prepared.shape == (4, 10, 11, 3) and prepared.dtype == torch.uint8
    assert torch.equal(conv(**options)(frames(4)), conv((10, 11, 3))(prepared))


@pytest.mark.parametrize(
    ("obs", "error", "message"),
    [
        (frames(2).float(), DataError, "expects frames of uint8, 0 to 255, got float32: give the environment's bytes"),
        (frames(2).permute(0, 3, 1, 2), ShapeError, r"expects observations \[B, 20, 24, 3\], got \[B, 3, 20, 24\]"),
    ],
)
def test_other_pictures_are_refused(obs, error, message) -> None:
    with pytest.raises(error, match=message):
        conv()(obs)


@pytest.mark.parametrize("shape", [(3, 20, 24), (20, 24), (20, 24, 4), (4, 84, 84), (1, 1, 4, 20, 24, 3)])
def test_shapes_that_are_no_frames_are_refused(shape) -> None:
    with pytest.raises(OptionError, match=r"needs frames \(H, W, C\) or stacks \(S, H, W, C\) with 1 or 3 channels"):
        conv(shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": ((0, 0, 21, 5),)}, r"mask \(0, 0, 21, 5\) lies outside frames of 20 x 24"),
        ({"masks": ((3, 0, 3, 5),)}, "must be rectangles .top, left, bottom, right."),
        ({"masks": ((-1, 0, 3, 5),)}, "must be rectangles .top, left, bottom, right."),
        ({"masks": (0, 0, 3, 5)}, "masks must be rectangles .top, left, bottom, right. in pixels, got .0"),
        ({"masks": ((0.0, 0.0, 3.5, 5.0),)}, "must be rectangles .top, left, bottom, right. in pixels, got"),
        ({"size": (0, 4)}, "size must be .height, width."),
        ({"size": 64}, "size must be .height, width. in pixels, .*, got 64"),
        ({"dim": 0}, "dim must be an integer >= 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message) -> None:
    for make in (conv, pca):
        with pytest.raises(OptionError, match=message):
            make(**options)
