"""Frozen CLIP features of pictures (Radford et al. 2021) through Hugging Face transformers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tsreward.encoders.clip_source import Place, locate, read_description, read_tower
from tsreward.encoders.frames import FrameEncoder, FrameOptions, Rectangle
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.functional.clip_pixels import clip_pixels

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class CLIPOptions(FrameOptions):
    """Options of `CLIPEncoder`; `CLIPEncoder.pretrained` finds all but the first two."""

    source: str = ""
    """Folder, or name on the Hugging Face hub, that the weights come from."""
    precision: Precision = "float32"
    """Numbers that the tower computes with on a GPU; on a CPU it is always float32."""
    revision: str | None = None
    """Commit or branch on the hub."""
    digest: str = ""
    """SHA-256 of the tower and its weights: other weights are refused."""
    dim: int = 512
    """Features D of a frame."""
    shortest: int = 224
    """Pixels that the shorter side of a frame is resized to."""
    crop: int = 224
    """Height and width of the centre that is looked at."""
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    """What is taken from red, green and blue in [0, 1]."""
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    """What red, green and blue are then divided by."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision not in get_args(Precision):
            raise unknown_name("precision", str(self.precision), get_args(Precision))
        if self.dim < 1 or not (1 <= self.shortest <= 2048 and 1 <= self.crop <= 2048):
            raise OptionError(
                f"CLIPOptions needs dim >= 1 and 1 to 2048 pixels, got {self.dim}, {self.shortest} and {self.crop}."
            )
        if not all(map(math.isfinite, self.mean)) or not all(0 < value < math.inf for value in self.std):
            raise OptionError(f"CLIPOptions needs finite means and positive std, got {self.mean} and {self.std}.")


class CLIPEncoder(FrameEncoder[CLIPOptions]):
    """The image embedding of a CLIP vision tower, of unit length; stacked frames stand one after the other.

    `CLIPEncoder.pretrained((64, 64, 3), "openai/clip-vit-base-patch16")` makes one. The weights are no part of a
    model's file: it names their source and holds their SHA-256. What is loaded from a file therefore has no tower until
    it is first used; then the source is looked up on this machine only, never on the network, and weights of another
    digest are refused. `connect` says where they are on another machine, or allows the download.
    """

    Options = CLIPOptions
    mean: Tensor
    std: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: CLIPOptions) -> None:
        super().__init__(obs_shape, options)
        self.dim = self.stack * options.dim
        self.register_buffer("mean", torch.tensor(options.mean), persistent=False)
        self.register_buffer("std", torch.tensor(options.std), persistent=False)
        self._tower: dict[str, CLIPVisionModelWithProjection] = {}  # in a dictionary, modules are no part of the state

    @classmethod
    def pretrained(
        cls,
        obs_shape: tuple[int, ...],
        source: str,
        revision: str | None = None,
        precision: Precision = "float32",
        masks: tuple[Rectangle, ...] = (),
        local_only: bool = False,
    ) -> CLIPEncoder:
        """Return an encoder with the weights of a folder, or of a name on the hub, which may be downloaded.

        Only .safetensors files are read, and no code that comes with them.

        Raises:
            MissingExtraError: transformers is not installed.
            DataError: there is no such folder or name, it is no CLIP, a file is damaged, or weights are missing.
            OptionError: a precision that is none, or masks that do not fit.
        """
        place = Place(locate(source), revision, local_only, "pretrained(..., local_only=False)")
        options = CLIPOptions(masks, source=place.source, precision=precision, revision=revision)
        found = read_description(place)
        tower, digest = read_tower(place, found)
        encoder = cls(obs_shape, replace(options, digest=digest, **found.preprocessing))
        encoder._tower["tower"] = tower
        return encoder

    def connect(self, source: str | None = None, local_only: bool = True) -> None:
        """Load the weights, from another source than that in the options where one is given.

        Raises:
            MissingExtraError: transformers is not installed.
            DataError: the weights are not there, or have another digest.
        """
        source = locate(self.options.source if source is None else source)
        place = Place(source, self.options.revision, local_only, "connect(local_only=False)")
        tower, digest = read_tower(place, read_description(place))
        if digest != self.options.digest:
            raise DataError(
                f"The weights of {source} have SHA-256 {digest[:12]}..., and the encoder was made with "
                f"{self.options.digest[:12]}...: its scores would mean nothing. Call connect with the right folder."
            )
        self._tower["tower"] = tower

    @property
    def chunk(self) -> int:
        return 1 if self.device.type == "cpu" else 32

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def features(self, frames: Tensor) -> Tensor:
        tower = self._tower_here()
        pictures = frames.flatten(0, 1).expand(-1, -1, -1, 3)
        pixels = clip_pixels(pictures, self.options.shortest, self.options.crop, self.mean, self.std)
        embedded = tower(pixel_values=pixels.to(tower.dtype)).image_embeds
        return normalize(embedded.float(), dim=-1).reshape(len(frames), self.dim)

    def _tower_here(self) -> CLIPVisionModelWithProjection:
        wanted = torch.float32 if self.device.type == "cpu" else getattr(torch, self.options.precision)
        # Halved weights do not come back: a tower that was on a GPU is read again.
        if "tower" not in self._tower or self._tower["tower"].dtype not in (torch.float32, wanted):
            self.connect()
        tower = self._tower["tower"]
        if (tower.device, tower.dtype) != (self.device, wanted):
            tower.to(device=self.device, dtype=wanted)  # pyright: ignore[reportCallIssue]
        return tower
