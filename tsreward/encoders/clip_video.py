"""Frozen video networks that turn a clip into one vector: VideoMAE, V-JEPA 2, X-CLIP, and CogVideoX's autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tsreward.encoders.base import ENCODERS, weights_digest
from tsreward.encoders.frames import FrameEncoder, FrameOptions, Rectangle
from tsreward.errors import DataError, OptionError, missing_extra, shown
from tsreward.functional.pixels import area_mean, clip_pixels
from tsreward.named_warnings import warn
from tsreward.options import option
from tsreward.pretrained import check_digest, locate, unreadable


class Network(NamedTuple):
    """One kind of video network: where it comes from, and what it makes of a clip."""

    package: str
    extra: str
    model: str
    """Class of the package whose `from_pretrained` reads it."""
    described: Callable[[Any], tuple[int, int | None]]
    """Its configuration -> (side of the frames, how many it takes; None is any)."""
    encode: Callable[[nn.Module, Tensor], Tensor]
    """The network and pixels [B, T, 3, H, W] -> features [B, Z]."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


def _x_clip(model: Any, pixels: Tensor) -> Tensor:
    found = model.get_video_features(pixels)
    return found if isinstance(found, Tensor) else found.pooler_output


def _autoencoder(model: Any, pixels: Tensor) -> Tensor:
    return model.encode(pixels.transpose(1, 2)).latent_dist.mode().flatten(1)


NETWORKS: dict[str, Network] = {
    "videomae": Network(
        "transformers",
        "pixels",
        "VideoMAEModel",
        lambda config: (config.image_size, config.num_frames),
        lambda model, pixels: model(pixels).last_hidden_state.mean(1),
    ),
    "vjepa2": Network(
        "transformers",
        "pixels",
        "VJEPA2Model",
        lambda config: (config.crop_size, None),
        lambda model, pixels: model(pixels, skip_predictor=True).last_hidden_state.mean(1),
    ),
    "xclip": Network(
        "transformers",
        "pixels",
        "XCLIPModel",
        lambda config: (config.vision_config.image_size, config.vision_config.num_frames),
        _x_clip,
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
    "cogvideox": Network(
        "diffusers",
        "diffusion",
        "AutoencoderKLCogVideoX",
        lambda config: (config["sample_height"], None),
        _autoencoder,
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    ),
}
"""What a clip can be encoded by, besides the frames themselves (`frames`)."""


@dataclass(frozen=True)
class ClipVideoOptions(FrameOptions):
    """Options of `ClipVideoEncoder`; `ClipVideoEncoder.pretrained` finds the digest, the side and the features."""

    network: Literal["frames", "videomae", "vjepa2", "xclip", "cogvideox"] = "frames"
    """A pretrained network, or frames for the colours of small frames, without any."""
    source: str = ""
    """Folder, or name on the Hugging Face hub, that the weights come from."""
    subfolder: str = ""
    """Folder inside that, such as "vae" of a whole CogVideoX."""
    revision: str | None = None
    """Commit or branch on the hub."""
    digest: str = ""
    """SHA-256 of the network's weights: others are refused."""
    side: int = option(8, high=2048)
    """Height and width of the frames that are encoded."""
    dim: int = option(0, low=0, high=2**24)
    """Features D of a clip; 0 for frames, which follow from side and stack."""


@ENCODERS.register("clip_video")
class ClipVideoEncoder(FrameEncoder[ClipVideoOptions]):
    """A clip of S frames as one vector of unit length: stacks [S, H, W, C] in, D features out.

    Without a network the vector holds the colours of frames of side × side, with their mean over the clip's pixels
    taken off: it needs no download. With one, `ClipVideoEncoder.pretrained((16, 64, 64, 3), "videomae", folder)` reads
    its .safetensors weights; as with `CLIPEncoder` they are no part of a model's file, and are looked up again on this
    machine by source and digest. Frames are resized bicubic by the shorter side, and the centre is kept.

    >>> clips = torch.randint(0, 256, (2, 4, 16, 16, 3), dtype=torch.uint8)
    >>> encoder = ClipVideoEncoder((4, 16, 16, 3), ClipVideoOptions(side=2))
    >>> encoder(clips).shape
    torch.Size([2, 48])
    """

    Options = ClipVideoOptions
    mean: Tensor
    std: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: ClipVideoOptions = ClipVideoOptions()) -> None:
        super().__init__(obs_shape, options)
        if len(self.obs_shape) != 4:
            raise OptionError(f"ClipVideoEncoder encodes clips (S, H, W, C), got {self.obs_shape}: stack S frames.")
        if (options.network == "frames") == bool(options.source):
            raise OptionError(
                f"ClipVideoEncoder takes a network with a source, or frames without, got {options.network} and "
                f"{shown(options.source)}: use ClipVideoEncoder.pretrained."
            )
        self.dim = options.dim or self.stack * options.side**2 * self.channels
        network = NETWORKS.get(options.network)
        self.register_buffer("mean", torch.tensor((0.0,) * 3 if network is None else network.mean), persistent=False)
        self.register_buffer("std", torch.tensor((1.0,) * 3 if network is None else network.std), persistent=False)
        self._network: dict[str, Any] = {}  # in a dictionary, modules are no part of the state

    @classmethod
    def pretrained(
        cls,
        obs_shape: tuple[int, ...],
        network: str,
        source: str,
        subfolder: str = "",
        revision: str | None = None,
        masks: tuple[Rectangle, ...] = (),
        local_only: bool = False,
    ) -> ClipVideoEncoder:
        """Return an encoder with the weights of a folder, or of a name on the hub, which may be downloaded.

        Args:
            obs_shape: (S, H, W, C) of a clip.
            network: videomae, vjepa2, xclip or cogvideox.
            source: a folder that `save_pretrained` has written, or a name on the Hugging Face hub.
            subfolder: folder inside that.
            revision: commit or branch on the hub; None is main.
            masks: rectangles of the original frame that are blanked, see `FrameOptions.masks`.
            local_only: never download.

        Raises:
            MissingExtraError: transformers, or diffusers for cogvideox, is not installed.
            DataError: the hub cannot be reached, there is no such folder or name, it is another network, or there are
                no whole .safetensors weights.
            OptionError: an unknown network, or clips of another length than it takes.
        """
        if network not in NETWORKS:
            raise OptionError(f"Unknown network {shown(network)} of clips. Known: {', '.join(NETWORKS)}.")
        options = ClipVideoOptions(masks, None, network, locate(source), subfolder, revision)  # type: ignore[arg-type]
        model, digest = _read(options, local_only)
        side, length = NETWORKS[network].described(model.config)
        if length is not None and len(obs_shape) == 4 and obs_shape[0] != length:
            raise OptionError(f"The {network} of {source} takes clips of {length} frames, got {obs_shape[0]}.")
        blank = torch.zeros(1, obs_shape[0], 3, side, side)
        try:
            with torch.no_grad():
                dim = NETWORKS[network].encode(model, blank).shape[1]
        except (RuntimeError, ValueError, IndexError) as error:
            raise OptionError(
                f"The {network} of {source} cannot take clips of {obs_shape[0]} frames: {error}"
            ) from error
        encoder = cls(obs_shape, replace(options, digest=digest, side=side, dim=dim))
        encoder._network["model"] = model
        return encoder

    def connect(self, source: str | None = None, local_only: bool = True) -> None:
        """Load the weights, from another source than that in the options where one is given.

        Raises:
            MissingExtraError: the package of the network is not installed.
            DataError: the weights are not there, or have another digest.
        """
        options = self.options if source is None else replace(self.options, source=locate(source))
        model, digest = _read(options, local_only)
        check_digest(options.source, digest, self.options.digest)
        self._network["model"] = model

    @property
    def chunk(self) -> int:
        return 1

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def features(self, frames: Tensor) -> Tensor:
        flat, side = frames.flatten(0, 1), self.options.side
        if self.options.network == "frames":
            small = area_mean(flat.float() / 255, (side, side)).reshape(len(frames), -1)
            return normalize(small - small.mean(1, keepdim=True), dim=-1)
        if "model" not in self._network:
            self.connect()
        model = self._network["model"].to(self.device)
        pixels = clip_pixels(flat.expand(-1, -1, -1, 3), side, side, self.mean, self.std)
        clips = pixels.reshape(len(frames), self.stack, *pixels.shape[1:])
        return normalize(NETWORKS[self.options.network].encode(model, clips).float(), dim=-1)


def _read(options: ClipVideoOptions, local_only: bool) -> tuple[Any, str]:
    """Return (the frozen network in float32 on the CPU, the SHA-256 of its weights)."""
    network = NETWORKS[options.network]
    try:
        if network.package == "diffusers":
            import diffusers as package  # pyright: ignore[reportMissingImports]
        else:
            import transformers as package
    except ImportError as error:
        raise missing_extra(network.package, network.extra) from error
    model_class: Any = getattr(package, network.model)
    where: dict[str, Any] = {"local_files_only": local_only, "use_safetensors": True}
    if options.subfolder:
        where["subfolder"] = options.subfolder
    if options.revision:
        where["revision"] = options.revision
    try:
        model, report = model_class.from_pretrained(
            options.source, torch_dtype=torch.float32, output_loading_info=True, **where
        )
    except Exception as error:  # the packages and the hub's client raise many types for the ways to be missing
        content = "config.json and .safetensors weights there, as save_pretrained writes them"
        download = "connect(local_only=False)" if local_only else None
        raise unreadable(options.network, options.source, content, download, error) from error
    if absent := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise DataError(f"{options.source} lacks weights of a {options.network}, or they do not fit: {absent[0]}.")
    model.requires_grad_(False).eval()
    return model, weights_digest({"network": options.network}, model.state_dict())


def stack_clips(frames: np.ndarray, length: int, frame_skip: int = 1) -> np.ndarray:
    """Return, for each frame of a video [T, H, W, C], the clip [T, S, H, W, C] that ends with it.

    Clips have S = `length` frames, `frame_skip` apart; the first frame of the video repeats. They are what a
    `ClipVideoEncoder` reads, and what `gymnasium.wrappers.FrameStackObservation` gives where the skip is 1.

    Raises:
        DataError: no video, or one of one colour.
        OptionError: a length or a skip below 1.

    >>> stack_clips(np.arange(3, dtype=np.uint8)[:, None, None, None], 2)[..., 0, 0, 0].tolist()
    [[0, 0], [0, 1], [1, 2]]
    """
    if frames.ndim != 4 or not len(frames):
        raise DataError(f"stack_clips expects the frames [T, H, W, C] of a video, got {list(frames.shape)}.")
    if length < 1 or frame_skip < 1:
        raise OptionError(f"stack_clips needs length >= 1 and frame_skip >= 1, got {length} and {frame_skip}.")
    if (frames == frames[:1, :1, :1]).all():
        raise DataError("The video is of one colour: there is nothing in it to be like. Check the file.")
    if len(frames) > 1 and (frames == frames[:1]).all():
        warn("video stands still", "The video stands still: only its picture counts. Check the file.")
    rows = np.arange(len(frames))[:, None] - frame_skip * np.arange(length - 1, -1, -1)
    return frames[rows.clip(0)]
