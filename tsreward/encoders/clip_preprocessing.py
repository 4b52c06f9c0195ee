"""What pictures a CLIP wants: its preprocessor_config.json may be absent, but not damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tsreward.errors import DataError

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
    for option, name in (("mean", "image_mean"), ("std", "image_std")):
        if name in processor:
            found[option] = _three_numbers(path, name, processor[name])
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
