"""Frozen CLIP features of pictures (Radford et al. 2021) through Hugging Face transformers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tsreward.encoders.base import ENCODERS, weights_digest
from tsreward.encoders.frames import FrameEncoder, FrameOptions, Rectangle
from tsreward.errors import DataError, missing_extra
from tsreward.functional.pixels import clip_pixels
from tsreward.options import option
from tsreward.pretrained import check_digest, locate, unreadable

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection


_STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
_LIMITS = {"image_mean": (-1e3, 1e3), "image_std": (1e-6, 1e3)}


def read_preprocessing(source: str, own: str | None, nested: str | None, tower: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `CLIPEncoder` that a source's files give; without a file, CLIP's own are left.

    `own` is the path of preprocessor_config.json. The newer processor_config.json, `nested`, holds its content under
    "image_processor", and then goes first, as in transformers.

    Raises:
        DataError: a file is damaged, or asks for other pictures than CLIP's.
    """
    path, processor = own, None
    if nested is not None:
        path, processor = nested, _object(nested, _content(nested)).get("image_processor")
    if processor is None:
        path, processor = own, {} if own is None else _content(own)
    path = path or source
    processor = _object(path, processor)
    found = {"dim": tower["projection_dim"], **_sizes(path, processor, tower["image_size"])}
    for part, name in (("mean", "image_mean"), ("std", "image_std")):
        if name in processor:
            found[part] = _three_numbers(path, name, processor[name])
    return found


def _content(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"cannot be read as JSON ({type(error).__name__}: {error})") from error


def _object(path: str, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _damaged(path, f"describes pictures by names with values, got {content!r:.60}")
    return content


def _sizes(path: str, processor: dict[str, Any], side: int) -> dict[str, Any]:
    size, crop = processor.get("size", side), processor.get("crop_size", side)
    shortest = size.get("shortest_edge") if isinstance(size, dict) else size
    crops = (crop.get("height"), crop.get("width")) if isinstance(crop, dict) else (crop, crop)
    plain = all(processor.get(step, True) is True for step in _STEPS) and processor.get("resample", 3) == 3
    if not plain or crops != (side, side) or type(shortest) is not int or not 1 <= shortest <= 2048:
        raise DataError(
            f"{path} wants other pictures than CLIP does (resized bicubic by the shorter side, the centre of "
            f"{side} pixels, normalised): {processor}."
        )
    return {"shortest": shortest, "crop": side}


def _three_numbers(path: str, name: str, values: Any) -> tuple[float, ...]:
    low, high = _LIMITS[name]
    numbers = isinstance(values, list) and all(type(each) in (int, float) and low <= each <= high for each in values)
    if not numbers or len(values) != 3:
        raise _damaged(path, f"needs {name} of three numbers from {low:g} to {high:g}, got {values!r:.60}")
    return tuple(map(float, values))


def _damaged(path: str, wrong: str) -> DataError:
    return DataError(f"{path} {wrong}: copy or download it again.")


# All that shapes the tower. Whatever else a configuration asks for (quantised layers, code of its own) is left aside.
_TOWER = {
    "hidden_size": int,
    "intermediate_size": int,
    "num_hidden_layers": int,
    "num_attention_heads": int,
    "num_channels": int,
    "image_size": int,
    "patch_size": int,
    "projection_dim": int,
    "layer_norm_eps": float,
    "hidden_act": str,
}


class Place(NamedTuple):
    """Where a CLIP is looked for."""

    source: str
    """Folder, or name on the hub."""
    revision: str | None
    """Commit or branch on the hub."""
    local_only: bool
    """Whether nothing may be downloaded."""
    call: str
    """The call that would allow the download."""


class Description(NamedTuple):
    """What the source says about its tower and about the pictures it wants."""

    tower: dict[str, Any]
    preprocessing: dict[str, Any]


def read_description(place: Place) -> Description:
    """Return what config.json and preprocessor_config.json say; without the second, CLIP's own values.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: a file is missing or damaged, or does not describe a CLIP.
    """
    try:
        from transformers import CLIPVisionConfig
        from transformers.utils.hub import cached_file
    except ImportError as error:
        raise missing_extra("transformers", "pixels") from error
    source, where = place.source, _where(place)
    try:
        config, _ = CLIPVisionConfig.get_config_dict(source, **where)
    except Exception as error:  # transformers and the hub's client raise many types for the ways to be missing
        raise _unreadable(place, error) from error
    config = config if isinstance(config, dict) else {}
    if config.get("model_type") == "clip":  # both towers: the vision tower's part
        vision = config.get("vision_config", {})
        if not isinstance(vision, dict):
            raise DataError(f"{source} has vision_config {vision!r:.60} in its config.json, which no CLIP has.")
        config = {"projection_dim": config.get("projection_dim"), **vision}
    elif config.get("model_type") != "clip_vision_model":
        found = f"a {config['model_type']!r}" if config.get("model_type") else "no config.json of a model"
        raise DataError(
            f"{source} holds {found} and no CLIP: give a folder that save_pretrained of a CLIP has written."
        )
    whole = CLIPVisionConfig().to_dict() | {name: value for name, value in config.items() if value is not None}
    tower = {name: whole[name] for name in _TOWER}
    for name, kind in _TOWER.items():
        if type(tower[name]) is not kind or (kind is int and not 1 <= tower[name] <= 2**16):
            raise DataError(f"{source} has {name} {tower[name]!r} in its config.json, which no CLIP has.")
    where["_raise_exceptions_for_missing_entries"] = False  # then a file that is not there is None
    try:
        own, nested = (cached_file(source, f"{name}_config.json", **where) for name in ("preprocessor", "processor"))
    except Exception as error:
        raise _unreadable(place, error) from error
    return Description(tower, read_preprocessing(source, own, nested, tower))


def read_tower(place: Place, description: Description) -> tuple[CLIPVisionModelWithProjection, str]:
    """Return (the frozen vision tower in float32 on the CPU, the SHA-256 of its shape and weights).

    Raises:
        DataError: there are no whole .safetensors weights for this tower.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    try:
        loaded: Any = CLIPVisionModelWithProjection.from_pretrained(
            place.source,
            config=CLIPVisionConfig(**description.tower),
            **_where(place),
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        tower, report = loaded
    except Exception as error:
        raise _unreadable(place, error) from error
    absent = sorted(map(str, report["missing_keys"])) + sorted(map(str, report["mismatched_keys"]))
    if absent or report["error_msgs"]:
        raise DataError(
            f"{place.source} lacks weights of a CLIP vision tower, or they do not fit: {', '.join(absent[:3])}."
        )
    for weight in tower.parameters():
        weight.data = weight.data.clone()  # from where the file lay in memory: products round by the address
    tower.requires_grad_(False).eval()
    return tower, weights_digest(description.tower, tower.state_dict())


def _where(place: Place) -> dict[str, Any]:
    return {"revision": place.revision or "main", "local_files_only": place.local_only}


def _unreadable(place: Place, error: Exception) -> DataError:
    content = "config.json and model.safetensors there, as save_pretrained of a CLIP writes them"
    return unreadable("CLIP", place.source, content, place.call if place.local_only else None, error)


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
    shortest: int = option(224, high=2048)
    """Pixels that the shorter side of a frame is resized to."""
    crop: int = option(224, high=2048)
    """Height and width of the centre that is kept."""
    mean: tuple[float, float, float] = option((0.48145466, 0.4578275, 0.40821073), low=-math.inf)
    """Mean that is subtracted from red, green and blue in [0, 1]."""
    std: tuple[float, float, float] = option((0.26862954, 0.26130258, 0.27577711), above=0)
    """Standard deviation that red, green and blue are then divided by."""


@ENCODERS.register("clip")
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

        Args:
            obs_shape: (H, W, C) of a frame, or (S, H, W, C) of a stack.
            source: a folder that `save_pretrained` of a CLIP has written, or a name on the Hugging Face hub.
            revision: commit or branch on the hub; None is main.
            precision: dtype of the tower on a GPU; on a CPU it is float32.
            masks: rectangles of the original frame that are blanked, see `FrameOptions.masks`.
            local_only: never download.

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
        check_digest(source, digest, self.options.digest)
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
