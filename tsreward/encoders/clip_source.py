"""Where CLIP's weights come from: a local folder or the Hugging Face hub, .safetensors only, and no code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tsreward.encoders.clip_preprocessing import read_preprocessing
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
    if Path(place.source).is_dir():
        remedy = " Put config.json and model.safetensors there, as save_pretrained of a CLIP writes them."
    elif place.local_only:
        remedy = f" Only this machine was searched: {place.call} may download it."
    else:
        remedy = " Check the name; without a network, download it elsewhere and give its folder."
    reason = str(error).strip().splitlines()
    return DataError(
        f"No CLIP with .safetensors weights can be read from {place.source} "
        f"({type(error).__name__}: {reason[0] if reason else ''}).{remedy}"
    )
