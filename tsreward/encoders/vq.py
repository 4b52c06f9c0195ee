"""Vector-quantised frames: a small autoencoder turns every picture into a grid of tokens (VQ-VAE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pad

from tsreward.encoders.base import ENCODERS
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.errors import DataError, NotFittedError, OptionError
from tsreward.functional.seeding import seeded
from tsreward.functional.tensors import ReadOnce, as_tensor
from tsreward.options import option
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions, train

LEAST_USED = 0.05
"""Fraction of the codes that training frames must use."""
_COMMITMENT = 0.25
_DECAY = 0.99
_DEAD = 0.03  # a code that takes less than this fraction of its share of the vectors is moved to one of them
_MOVING = 20.0  # how much more a pixel that varies most counts than one that never does


@dataclass(frozen=True)
class VQOptions(FrameOptions):
    """Options of `VQTokenizer`."""

    grid: int = option(4, high=32)
    """Rows and columns of tokens; the frame's height and width are this times a power of two."""
    codes: int = option(256, low=2, high=2**16)
    """Size V of the codebook: a token is a number below it."""
    task: int | None = option(None, low=0, high=4095)
    """A class that follows the tokens of every frame as one more feature, see `VQTokenizer.for_task`."""
    channels: int = 32
    """Width of the convolutions."""
    code_dim: int = 32
    """Dimensions of a code."""
    epochs: int = 30
    """Epochs at most of `fit`."""
    frames_per_epoch: int = 3_200
    batch_size: int = 64
    learning_rate: float = option(1e-3, above=0, below=1)
    seed: int = option(0, low=0, high=2**63 - 2)
    """Where the weights come from."""


@ENCODERS.register("vq")
class VQTokenizer(FrameEncoder[VQOptions]):
    """Tokens [grid²] of a frame, each the number of the nearest code, in raster order: features for `VideoLikelihood`.

    A VQ-VAE (van den Oord et al. 2017) whose codes are moving averages of what they stand for. Three things keep the
    codebook from collapsing on pictures with a still background: codes start at k-means of a first batch, a code that
    nobody takes is moved to a vector of the batch, and pixels count by how much they vary in the data. `fit` freezes
    it; from then on a frame always has the same tokens.

    >>> frames = torch.randint(0, 256, (40, 8, 8, 1), dtype=torch.uint8)
    >>> encoder = VQTokenizer((8, 8, 1), VQOptions(grid=2, codes=4, channels=4, epochs=1, frames_per_epoch=40))
    >>> encoder.fit([frames])(frames).shape
    torch.Size([40, 4])
    """

    Options = VQOptions
    codebook: Tensor
    weight: Tensor
    taken: Tensor
    summed: Tensor
    started: Tensor
    fitted: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: VQOptions = VQOptions()) -> None:
        super().__init__(obs_shape, options)
        halvings = math.log2(self.height / options.grid) if self.height >= options.grid else 0.0
        if self.height != self.width or not halvings.is_integer() or halvings < 1:
            raise OptionError(
                f"VQTokenizer makes a grid of {options.grid} x {options.grid} tokens of frames whose side is that "
                f"times a power of two, got {self.height} x {self.width}: give VQOptions.size or another grid."
            )
        self.dim, depth = options.grid**2 + (options.task is not None), self.stack * self.channels
        self.codes, self.labelled = options.codes, options.task is not None
        with seeded(options.seed):
            self.into = _downwards(depth, options, int(halvings))
            self.outof = _upwards(depth, options, int(halvings))
            self.register_buffer("codebook", torch.randn(options.codes, options.code_dim))
        self.register_buffer("weight", torch.ones(depth, self.height, self.width))
        self.register_buffer("taken", torch.ones(options.codes))
        self.register_buffer("summed", torch.zeros(options.codes, options.code_dim))
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("fitted", torch.tensor(False))
        self._is_fitted = ReadOnce()
        self.requires_grad_(False)
        self.eval()

    @property
    def chunk(self) -> int:
        return 8 if self.device.type == "cpu" else 256

    @property
    def device(self) -> torch.device:
        return self.codebook.device

    def fit(self, episodes: Sequence[np.ndarray | Tensor]) -> Self:
        """Learn codes from uint8 frames [T, *obs] of normal and of other behaviour, and return the encoder.

        Codes of expert frames alone have no token for what experts never show.

        Raises:
            ShapeError: frames of another shape.
            DataError: other values than bytes, no frames, or frames that use fewer than 5 % of the codes.
        """
        frames = [each if isinstance(each, Tensor) else as_tensor(each) for each in episodes]
        for each in frames:
            self.check_bytes(each)
        small = [self._pixels(each) for each in frames]
        windows = WindowSet.from_episodes(small, window=1)
        self._weigh(windows.store)
        parts = windows.split(0.1, self.options.seed)
        options = self.options
        settings = TrainOptions(
            epochs=options.epochs,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            windows_per_epoch=options.frames_per_epoch,
            seed=options.seed,
        )
        self._forget()
        self.requires_grad_(True)
        try:
            train(self, self._loss, parts, None, settings)
        finally:
            self.requires_grad_(False)
            self.eval()
        self.fitted.fill_(True)
        self._check_use(windows.store)
        return self

    def for_task(self, task: int) -> Self:
        """Return an encoder of the same weights whose features end with a task's number.

        One `VideoLikelihood` with `classes` learns several tasks from such features, and is then calibrated for each:
        see `RewardModel.calibrate`.
        """
        other = type(self)(self.obs_shape, replace(self.options, task=task))
        other.load_state_dict(self.state_dict())
        return other

    def features(self, frames: Tensor) -> Tensor:
        if not self._is_fitted(self.fitted):
            raise NotFittedError("VQTokenizer was used before it was fitted: call fit with frames first.")
        tokens = self._nearest(self.into(_scaled(_channels_first(frames)))).flatten(1).float()
        return tokens if self.options.task is None else pad(tokens, (0, 1), value=self.options.task)

    def decode(self, tokens: Tensor) -> Tensor:
        """Return uint8 frames [B, *obs] that tokens [B, grid²] stand for, of the prepared size; a task is left out."""
        grid = self.options.grid
        codes = self.codebook[tokens[:, : grid**2].long()]
        values = self.outof(codes.unflatten(1, (grid, grid)).permute(0, 3, 1, 2))
        pixels = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        stacked = pixels.unflatten(1, (self.stack, self.channels)).permute(0, 1, 3, 4, 2)
        return stacked if len(self.obs_shape) == 4 else stacked[:, 0]

    def _pixels(self, obs: Tensor) -> Tensor:
        """Return prepared frames [T, S · C, H, W] of bytes."""
        prepared = self.options.prepare(obs.reshape(-1, *self.obs_shape[-3:]))
        return _channels_first(prepared.reshape(len(obs), self.stack, *prepared.shape[1:]))

    def _weigh(self, pixels: Tensor) -> None:
        """Let pixels that vary count more: 1 + 20 σ / max σ, with mean 1."""
        mean = torch.zeros_like(self.weight, dtype=torch.float64)
        square = torch.zeros_like(mean)
        for part in pixels.split(1024):
            wide = part.double()
            mean += wide.sum(0) / len(pixels)
            square += wide.square().sum(0) / len(pixels)
        deviation = (square - mean.square()).clamp_min(0).sqrt()
        weight = 1 + _MOVING * deviation / deviation.max().clamp_min(1e-9)
        self.weight.copy_(weight / weight.mean())

    def _forget(self) -> None:
        with seeded(self.options.seed):
            for module in (self.into, self.outof):
                module.apply(_start_anew)
        self.started.fill_(False)

    def _loss(self, frames: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        wanted = _scaled(frames[:, 0])
        vectors = self.into(wanted)
        flat = vectors.permute(0, 2, 3, 1).flatten(0, 2)
        if self.training:
            self._move_codes(flat.detach(), noise)
        tokens = self._nearest(vectors)
        codes = self.codebook[tokens].permute(0, 3, 1, 2)
        made = self.outof(vectors + (codes - vectors).detach())  # straight through
        return (self.weight * (made - wanted).square()).mean() + _COMMITMENT * mse_loss(vectors, codes)

    def _nearest(self, vectors: Tensor) -> Tensor:
        """Return the numbers [B, grid, grid] of the codes nearest to vectors [B, code_dim, grid, grid]."""
        flat = vectors.permute(0, 2, 3, 1)
        distance = self.codebook.square().sum(1) - 2 * flat @ self.codebook.T
        return distance.argmin(-1)

    @torch.no_grad()
    def _move_codes(self, vectors: Tensor, noise: torch.Generator) -> None:
        """Move codes towards the vectors [N, code_dim] that take them (exponential moving averages)."""
        if not self.started:
            self.codebook.copy_(_k_means(vectors, len(self.codebook), noise))
            self.summed.copy_(self.codebook)
            self.taken.fill_(1.0)
            self.started.fill_(True)
        nearest = (self.codebook.square().sum(1) - 2 * vectors @ self.codebook.T).argmin(1)
        count = torch.bincount(nearest, minlength=len(self.codebook)).float()
        total = torch.zeros_like(self.summed).index_add_(0, nearest, vectors)
        self.taken.lerp_(count, 1 - _DECAY)
        self.summed.lerp_(total, 1 - _DECAY)
        self.codebook.copy_(self.summed / self.taken.clamp_min(1e-5)[:, None])
        dead = self.taken < _DEAD * len(vectors) / len(self.codebook)
        if dead.any():
            drawn = torch.randint(len(vectors), (int(dead.sum()),), generator=noise)
            self.codebook[dead] = vectors[drawn]
            self.summed[dead] = vectors[drawn]
            self.taken[dead] = 1.0

    def _check_use(self, pixels: Tensor) -> None:
        used = torch.cat([self._nearest(self.into(_scaled(part))).unique() for part in pixels.split(256)]).unique()
        if len(used) < LEAST_USED * len(self.codebook):
            raise DataError(
                f"VQTokenizer uses {len(used)} of {len(self.codebook)} codes, so frames look alike to it: give frames "
                f"of more kinds of behaviour, fewer codes, or a finer grid."
            )


def _downwards(depth: int, options: VQOptions, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(_widths(depth, options.channels, halvings)):
        layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(
        *layers, _Residual(options.channels), nn.Conv2d(options.channels, options.code_dim, 1), _Normal()
    )


def _upwards(depth: int, options: VQOptions, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(options.code_dim, options.channels, 1), _Residual(options.channels)]
    for wide, narrow in pairwise(_widths(depth, options.channels, halvings)[::-1]):
        layers += [nn.ReLU(), nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)]
    return nn.Sequential(*layers)


def _widths(depth: int, channels: int, halvings: int) -> list[int]:
    """Return the channels before and behind every halving; the first, on the largest pictures, has half as many."""
    return [depth, *([max(1, channels // 2)] * (halvings > 1)), *[channels] * (halvings - (halvings > 1))]


def _start_anew(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        layer.reset_parameters()


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 1)

    def forward(self, values: Tensor) -> Tensor:
        return values + self.narrow(self.wide(values.relu()).relu())


class _Normal(nn.Module):
    """Vectors of mean 0 and standard deviation 1 over their dimensions, so that no code is out of reach."""

    def forward(self, vectors: Tensor) -> Tensor:
        centred = vectors - vectors.mean(1, keepdim=True)
        return centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()


def _k_means(vectors: Tensor, count: int, noise: torch.Generator, rounds: int = 10) -> Tensor:
    """Return centres [count, D] of vectors [N, D], begun at some of them."""
    drawn = torch.randperm(len(vectors), generator=noise)
    centres = vectors[drawn[torch.arange(count) % len(vectors)]].clone()
    for _ in range(rounds):
        nearest = (centres.square().sum(1) - 2 * vectors @ centres.T).argmin(1)
        number = torch.bincount(nearest, minlength=count).float()
        total = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        centres = torch.where(number[:, None] > 0, total / number.clamp_min(1)[:, None], centres)
    return centres


def _channels_first(frames: Tensor) -> Tensor:
    """Return [B, S · C, H, W] of frames [B, S, H, W, C]."""
    return frames.permute(0, 1, 4, 2, 3).flatten(1, 2)


def _scaled(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1
