"""The frame of a goal video that shows the goal: the last, the most typical, or the one that fits a text best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tsreward.encoders.base import Encoder
from tsreward.encoders.clip import CLIPEncoder
from tsreward.errors import DataError, OptionError, missing_extra, shown
from tsreward.functional.tensors import as_tensor
from tsreward.pretrained import locate


def goal_frame(
    frames: np.ndarray,
    how: str = "last",
    encoder: Encoder | None = None,
    prompts: Sequence[str] = (),
    source: str = "",
) -> int:
    """Return which frame of a goal video [T, H, W, C] (uint8) is the goal.

    Args:
        frames: the video.
        how: last; medoid, the frame whose features are nearest to their mean; or text, the frame whose CLIP embedding
            is most like the mean of the prompts' embeddings (GenReward takes five of them).
        encoder: gives the features for medoid; without one, the pixels are taken.
        prompts: what the goal looks like, in words, for text.
        source: folder, or name on the hub, of a whole CLIP, for text.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: no frames, or no CLIP with a text tower in `source`.
        OptionError: an unknown `how`, or no prompts where they are needed.

    >>> video = np.zeros((5, 4, 4, 3), np.uint8)
    >>> video[2] = 9
    >>> goal_frame(video), goal_frame(video, "medoid")
    (4, 0)
    """
    if frames.ndim != 4 or not len(frames):
        raise DataError(f"goal_frame expects the frames [T, H, W, C] of a video, got {list(frames.shape)}.")
    if how == "last":
        return len(frames) - 1
    if how == "medoid":
        rows = as_tensor(frames).flatten(1).float() if encoder is None else encoder(as_tensor(frames)).float()
        return int((rows - rows.mean(0)).norm(dim=1).argmin())
    if how != "text":
        raise OptionError(f"goal_frame takes last, medoid or text, got {shown(how)}.")
    if not prompts or not source:
        raise OptionError("goal_frame finds a frame by text with prompts=[...] and source=the folder of a CLIP.")
    clip = CLIPEncoder.pretrained(frames.shape[1:], source)
    return int((clip(as_tensor(frames)) @ text_direction(prompts, source)).argmax())


def text_direction(prompts: Sequence[str], source: str) -> Tensor:
    """Return the mean [D] of the unit embeddings of texts by the text tower of a CLIP."""
    try:
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer
    except ImportError as error:
        raise missing_extra("transformers", "pixels") from error
    place = locate(source)
    try:
        words: Any = CLIPTokenizer.from_pretrained(place)
        tower: Any = CLIPTextModelWithProjection.from_pretrained(place, use_safetensors=True, dtype=torch.float32)
    except Exception as error:  # transformers and the hub's client raise many types for the ways to be missing
        remedy = "as save_pretrained writes them" if Path(place).is_dir() else "or without a network the folder of one"
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"No text tower of a CLIP can be read from {source} ({type(error).__name__}: {reason}): give one with its "
            f"tokenizer and .safetensors weights, {remedy}."
        ) from error
    with torch.no_grad():
        embedded = tower(**words(list(prompts), padding=True, return_tensors="pt")).text_embeds
    return normalize(embedded, dim=-1).mean(0)
