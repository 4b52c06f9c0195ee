"""Model files: `save` and `load` of a `RewardModel`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsreward.encoders.base import ENCODERS, Encoder
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import CheckpointError, NotFittedError, OptionError, shown
from tsreward.io.manifest import columns_from, complete, list_columns
from tsreward.io.store import Kind, read, require, write
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.profile import DataProfile
from tsreward.registry import Registry
from tsreward.rewards.base import MODES, RewardMode
from tsreward.rewards.calibration import Calibration
from tsreward.scorers.base import SCORERS, Scorer
from tsreward.sequences.expectation import Expectation


def save(model: RewardModel, path: Path | str, note: dict[str, Any] | None = None) -> None:
    """Write a fitted model to one file, which `load` reads again with bit-identical scores.

    The bytes are read back before they replace the file at `path`, all at once, so a file that is there can be loaded.
    The same model, note and versions give the same bytes.

    Args:
        model: a fitted model.
        path: the file.
        note: kept in the file: e.g. the seed, the environment and a fingerprint of the data, as plain JSON values.

    Raises:
        NotFittedError: the model is not fitted.
        OptionError: a part of the model is not registered, or an option or the note is not plain JSON.
        CheckpointError: `load` would refuse the file, e.g. because a weight is NaN.
        DataError: the folder is missing or the disk is full; the previous file stays as it was.
    """
    if not model.scorer.fitted or not model.calibration.count:
        raise NotFittedError(f"The model is not fitted, so there is nothing to save to {path}: call fit first.")
    write(MODEL, path, describe_parts(model, note), model.state_dict())


def load(path: Path | str) -> RewardModel:
    """Return the model in a file that `save` wrote, on the CPU and ready to score.

    The SHA-256 digests in the file show damage: a flipped bit, a cut, a part of another file. They are no signature:
    who writes a file on purpose can write its digests too. Such a file is safe to open all the same, because nothing
    in it is run and no memory is taken for more than it holds, but its scores are only as good as its author.

    `path` may be a symbolic link to a regular file; devices, pipes and folders are refused.

    Raises:
        CheckpointError: no such file, damage, another kind of file, a newer version, or contents that no fitted model
            has.
    """
    return read(MODEL, path)


def describe_parts(model: RewardModel, note: dict[str, Any] | None) -> dict[str, Any]:
    """Return the manifest of `model`, without digests.

    Raises:
        OptionError: a part of the model is not registered, or an option or the note cannot be written as JSON.
    """
    scorer, encoder, mode = model.scorer, model.encoder, model.mode
    parts = {
        "encoder": {**_named(encoder, ENCODERS), "obs_shape": list(encoder.obs_shape)},
        "scorer": {**_named(scorer, SCORERS), "window": scorer.window, "dim": scorer.dim},
        "mode": _named(mode, MODES),
        "calibration": {"size": model.calibration.size},
        "profile": {"size": model.profile.size},
        "frame_skip": model.frame_skip,
        "chunk": model.chunk,
        "columns": list_columns(model.columns),
    }
    if model.frames is not None:
        parts["frames"] = model.frames.to_json()
    return complete(parts, note)


def _named(part: Any, registry: Registry[Any]) -> dict[str, Any]:
    """Return what a part is called, which package has it, and its options."""
    name = registry.name_of(type(part))
    return {"name": name, "package": registry.package(name), "options": part.options.to_json()}


def _make(manifest: dict[str, Any]) -> RewardModel:
    """Return the model with fresh weights."""
    encoder, scorer, mode = (manifest[part] for part in ("encoder", "scorer", "mode"))
    encoder_class, scorer_class, mode_class = _classes(manifest)
    built = scorer_class(scorer["window"], scorer_class.Options.from_json(scorer["options"]))
    built.materialise(scorer["dim"])  # first, for the model checks this against the encoder's features
    model = RewardModel(
        encoder=encoder_class(_obs_shape(encoder["obs_shape"]), encoder_class.Options.from_json(encoder["options"])),
        scorer=built,
        mode=mode_class(mode_class.Options.from_json(mode["options"])),
        frame_skip=manifest["frame_skip"],
        chunk=manifest["chunk"],
    )
    model.calibration = Calibration(manifest["calibration"]["size"])
    if len(model.obs_shape) == 1:
        model.expected = Expectation(model.obs_shape[0])
    model.profile = DataProfile(manifest["profile"]["size"])
    model.columns = columns_from(manifest["columns"], math.prod(model.obs_shape))
    if "frames" in manifest:
        model.frames = FrameLayout.from_json(manifest["frames"])
    return model.eval()


def _classes(manifest: dict[str, Any]) -> tuple[type[Encoder], type[Scorer], type[RewardMode]]:
    """Return the classes that a file names.

    Raises:
        CheckpointError: no installed package has one, or another package than when the file was written.
    """
    try:
        return (
            ENCODERS.find(manifest["encoder"]["name"], manifest["encoder"]["package"]),
            SCORERS.find(manifest["scorer"]["name"], manifest["scorer"]["package"]),
            MODES.find(manifest["mode"]["name"], manifest["mode"]["package"]),
        )
    except OptionError as error:
        raise CheckpointError(str(error)) from error


def _obs_shape(sizes: list[Any]) -> tuple[int, ...]:
    if not 1 <= len(sizes) <= 8 or not all(type(size) is int and 1 <= size <= 2**24 for size in sizes):
        raise CheckpointError(f"Its metadata has encoder.obs_shape {shown(sizes)}, not 1 to 8 sizes of at least 1.")
    return tuple(sizes)


def _check(tensors: dict[str, Tensor]) -> None:
    """Refuse a scale that is not positive, parts that are not fitted, a calibration that is empty or not sorted."""
    positive = ("mode.unit", "mode.scale", "expected.scale")
    modes = ("mode.multiplier", "mode.longest")
    own = ("scorer.std", "scorer.tolerance", "profile.count", "profile.std", "profile.reward")
    require(tensors, positive, (*own, *modes))
    if not tensors["scorer.fitted"]:
        raise CheckpointError("Its scorer was saved before it was fitted.")
    if "encoder.fitted" in tensors and not tensors["encoder.fitted"]:
        raise CheckpointError("Its encoder was saved before it was fitted.")
    _check_calibration(tensors["calibration.scores"], int(tensors["calibration.count"]))


def _check_calibration(scores: Tensor, count: int) -> None:
    if not 1 <= count <= len(scores):
        raise CheckpointError(f"Its calibration has count {count}, not 1 to {len(scores)}.")
    used, unused = scores[:count], scores[count:]
    if not torch.isfinite(used).all() or (unused != torch.inf).any() or (used.diff() < 0).any():
        raise CheckpointError(f"Its calibration must hold {count} finite scores in rising order, and then inf.")


MODEL: Kind[RewardModel] = Kind("model", _classes, _make, lambda model: model.state_dict(), _check)
