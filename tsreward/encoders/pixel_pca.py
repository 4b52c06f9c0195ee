"""Principal components of small grey pictures: features that are fitted in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from tsreward.encoders.base import ENCODERS
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.moments import mean_and_covariance, principal_components
from tsreward.functional.pixels import area_mean, grey
from tsreward.functional.tensors import ReadOnce, as_tensor
from tsreward.options import option


@dataclass(frozen=True)
class PixelPCAOptions(FrameOptions):
    """Options of `PixelPCA`."""

    dim: int = 32
    """Components D that are kept."""
    side: int = option(32, high=128)
    """Height and width that grey frames are shrunk to."""


@ENCODERS.register("pixel_pca")
class PixelPCA(FrameEncoder[PixelPCAOptions]):
    """Grey frames, shrunk by area mean and projected onto their principal components.

    Call `fit` with frames of normal and other behaviour before the model is fitted: components of expert frames alone
    do not show what experts never do.

    >>> frames = torch.randint(0, 256, (40, 8, 8, 1), dtype=torch.uint8)
    >>> encoder = PixelPCA((8, 8, 1), PixelPCAOptions(dim=4, side=8)).fit([frames])
    >>> encoder(frames).shape
    torch.Size([40, 4])
    """

    Options = PixelPCAOptions
    centre: Tensor
    directions: Tensor
    fitted: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: PixelPCAOptions = PixelPCAOptions()) -> None:
        super().__init__(obs_shape, options)
        self.dim = options.dim
        pixels = self.stack * options.side**2
        if options.dim > pixels:
            raise OptionError(f"PixelPCA has {pixels} grey values and cannot keep {options.dim} components.")
        self.register_buffer("centre", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(pixels, options.dim))
        self.register_buffer("fitted", torch.tensor(False))
        self._is_fitted = ReadOnce()

    @property
    def chunk(self) -> int:
        return 1 if self.device.type == "cpu" else 256  # shrinking is most of the work, and gains little from company

    @property
    def device(self) -> torch.device:
        return self.centre.device

    def fit(self, episodes: Sequence[np.ndarray | Tensor]) -> Self:
        """Take the components from uint8 frames [T, *obs] of one or more episodes, and return the encoder.

        Raises:
            ShapeError: frames of another shape.
            DataError: other values than bytes, or no more frames than components.
        """
        tensors = [each if isinstance(each, Tensor) else as_tensor(each) for each in episodes]
        count = sum(map(len, tensors))
        if count <= self.options.dim:
            raise DataError(f"PixelPCA needs more than {self.options.dim} frames for its components, got {count}.")
        for index, frames in enumerate(tensors):
            if tuple(frames.shape[1:]) != self.obs_shape:
                remedy = picture_remedy(self.obs_shape, frames.shape[1:]) or "give frames of one shape"
                raise ShapeError(
                    f"PixelPCA expects frames [T, {', '.join(map(str, self.obs_shape))}], episode {index} is "
                    f"{list(frames.shape)}: {remedy}."
                )
            self.check_bytes(frames)
        batches = (self._pixels(batch) for frames in tensors for batch in frames.split(256))
        mean, covariance = mean_and_covariance(batches)
        _, directions = principal_components(covariance)
        self.centre.copy_(mean)
        self.directions.copy_(directions[:, : self.options.dim])
        self.fitted.fill_(True)
        return self

    def features(self, frames: Tensor) -> Tensor:
        if not self._is_fitted(self.fitted):
            raise NotFittedError("PixelPCA was used before it was fitted: call fit with frames first.")
        return (self._shrink(frames) - self.centre) @ self.directions

    def _pixels(self, obs: Tensor) -> Tensor:
        prepared = self.options.prepare(obs.reshape(-1, *self.obs_shape[-3:]))
        return self._shrink(prepared.reshape(len(obs), self.stack, *prepared.shape[1:]))

    def _shrink(self, frames: Tensor) -> Tensor:
        """Return the small grey pixels [B, P] of prepared frames [B, S, height, width, C]."""
        small = area_mean(grey(frames.flatten(0, 1))[..., None], (self.options.side, self.options.side))
        return small.reshape(len(frames), -1)
