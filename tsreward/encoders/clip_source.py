"""Where CLIP's weights come from: a local folder or the Hugging Face hub, .safetensors only, and no code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tsreward.encoders.digests import weights_digest
from tsreward.errors import DataError, missing_extra

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

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
_STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")


class Description(NamedTuple):
    """What the source says about its tower and about the pictures it wants."""

    tower: dict[str, Any]
    preprocessing: dict[str, Any]


def locate(source: str) -> str:
    """Return the full path of a folder, or a name on the hub as it is.

    Raises:
        DataError: it can be neither.
    """
    if source and Path(source).is_dir():
        return str(Path(source).resolve())
    if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", source, re.ASCII) or ".." in source:
        raise DataError(f"{source!a} is neither a folder nor a name on the hub like openai/clip-vit-base-patch16.")
    return source


def read_description(source: str, revision: str | None, local_only: bool) -> Description:
    """Return what config.json and preprocessor_config.json say; without the second, CLIP's own values.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: a file is missing or damaged, or does not describe a CLIP.
    """
    try:
        from transformers import CLIPImageProcessorPil, CLIPVisionConfig
    except ImportError as error:
        raise missing_extra("transformers", "pixels") from error
    where: dict[str, Any] = {"revision": revision or "main", "local_files_only": local_only}
    try:
        config, _ = CLIPVisionConfig.get_config_dict(source, **where)
    except Exception as error:  # transformers and the hub's client raise many types for the ways to be missing
        raise _unreadable(source, local_only, error) from error
    if config.get("model_type") == "clip":  # both towers: the vision tower's part
        config = {"projection_dim": config.get("projection_dim"), **config.get("vision_config", {})}
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
    try:
        processor, _ = CLIPImageProcessorPil.get_image_processor_dict(source, **where)
    except OSError:
        processor = {}
    except Exception as error:
        raise _unreadable(source, local_only, error) from error
    return Description(tower, _preprocessing(source, processor, tower))


def read_tower(
    source: str, revision: str | None, local_only: bool, description: Description
) -> tuple[CLIPVisionModelWithProjection, str]:
    """Return (the frozen vision tower in float32 on the CPU, the SHA-256 of its shape and weights).

    Raises:
        DataError: there are no whole .safetensors weights for this tower.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    try:
        loaded: Any = CLIPVisionModelWithProjection.from_pretrained(
            source,
            config=CLIPVisionConfig(**description.tower),
            revision=revision or "main",
            local_files_only=local_only,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        tower, report = loaded
    except Exception as error:
        raise _unreadable(source, local_only, error) from error
    absent = sorted(map(str, report["missing_keys"])) + sorted(map(str, report["mismatched_keys"]))
    if absent or report["error_msgs"]:
        raise DataError(f"{source} lacks weights of a CLIP vision tower, or they do not fit: {', '.join(absent[:3])}.")
    tower.requires_grad_(False).eval()
    return tower, weights_digest(description.tower, tower.state_dict())


def _preprocessing(source: str, processor: dict[str, Any], tower: dict[str, Any]) -> dict[str, Any]:
    size, crop = processor.get("size", tower["image_size"]), processor.get("crop_size", tower["image_size"])
    shortest = size.get("shortest_edge") if isinstance(size, dict) else size
    crops = (crop.get("height"), crop.get("width")) if isinstance(crop, dict) else (crop, crop)
    plain = all(processor.get(step, True) is True for step in _STEPS) and processor.get("resample", 3) == 3
    if not plain or crops != (tower["image_size"],) * 2 or type(shortest) is not int:
        raise DataError(
            f"{source} wants other pictures than CLIP does (resized bicubic by the shorter side, the centre of "
            f"{tower['image_size']} pixels, normalised): {processor}."
        )
    found: dict[str, Any] = {"dim": tower["projection_dim"], "shortest": shortest, "crop": tower["image_size"]}
    for option, name in (("mean", "image_mean"), ("std", "image_std")):
        if name in processor:
            found[option] = tuple(map(float, processor[name]))
    return found


def _unreadable(source: str, local_only: bool, error: Exception) -> DataError:
    if local_only:
        remedy = " Only this machine was searched: connect(local_only=False) may download it."
    elif Path(source).is_dir():
        remedy = " Put config.json and model.safetensors there, as save_pretrained of a CLIP writes them."
    else:
        remedy = " Check the name; without a network, download it elsewhere and give its folder."
    reason = str(error).strip().splitlines()
    return DataError(
        f"No CLIP with .safetensors weights can be read from {source} "
        f"({type(error).__name__}: {reason[0] if reason else ''}).{remedy}"
    )
