"""Features on disk: every frame is encoded once, however often a data set is fitted on.

A file is an NPY array [T, D], float32 or the bytes of frames, with a SHA-256 of itself behind it, named after what went
in: the digest of the data, of the encoder with its weights, and of what computed it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsreward.data.video.pictures import in_order
from tsreward.data.video.reading import check_rate, frame_batches
from tsreward.encoders.base import Encoder, weights_digest
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError
from tsreward.files import make_folder, open_atomic
from tsreward.functional.tensors import as_tensor
from tsreward.sequences.episodes import Episode

_HEADER, _DIGEST, _ROWS, _PIECE = 128, 32, 256, 2**20


def encode_episodes(encoder: Encoder, episodes: Sequence[Episode], folder: str | Path) -> list[Episode]:
    """Return the episodes with features [T + 1, D] for observations, out of `folder` where they are there already.

    The features are mapped from the files, not loaded, and are bit-identical on CPU with those of `RewardModel.encode`.
    A file that is damaged is made again.

    Raises:
        ShapeError: observations of another shape than the encoder's.
        DataError: the folder cannot be written.
    """
    return [replace(episode, obs=_encode_array(encoder, episode.obs, Path(folder))) for episode in episodes]


def encode_video(
    encoder: Encoder,
    path: str | Path,
    folder: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
) -> np.ndarray:
    """Return the features [T, D] of what `read_frames` reads, which is never in memory as a whole.

    Raises:
        DataError: as for `read_frames`; or the folder cannot be written.
        ShapeError: frames of another shape than the encoder's.
    """
    path = Path(path)
    if rate is not None:
        check_rate(path, frame_skip, rate)
    what = ["video", _digest_files(path), asdict(options), frame_skip]
    return _cached(encoder, what, lambda: frame_batches(path, options, frame_skip, _ROWS), Path(folder))


def _encode_array(encoder: Encoder, obs: np.ndarray, folder: Path) -> np.ndarray:
    digest = hashlib.sha256()
    for start in range(0, len(obs), _ROWS):
        digest.update(np.ascontiguousarray(obs[start : start + _ROWS]).data)
    what = ["array", str(obs.dtype), list(obs.shape), digest.hexdigest()]
    return _cached(encoder, what, lambda: (obs[start : start + _ROWS] for start in range(0, len(obs), _ROWS)), folder)


def _cached(encoder: Encoder, what: list[Any], batches: Callable[[], Iterable[np.ndarray]], folder: Path) -> np.ndarray:
    described = [type(encoder).__name__, encoder.obs_shape, asdict(encoder.options)]
    weights = weights_digest([*described, torch.__version__, _device(encoder)], encoder.state_dict())
    key = hashlib.sha256(json.dumps([what, weights], sort_keys=True).encode()).hexdigest()
    make_folder(folder)
    path = folder / f"{key}.npy"
    kind = np.dtype("<f4" if encoder.frame_shape is None else "|u1")
    if not _is_whole(path, encoder.dim, kind):
        _write(path, encoder.dim, kind, _features(encoder, kind, batches()))
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _device(encoder: Encoder) -> str:
    """Return the kind of device that computes: a GPU's bits are not a CPU's."""
    return next((buffer.device.type for buffer in encoder.buffers()), "cpu")


@torch.no_grad()
def _features(encoder: Encoder, kind: np.dtype, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for batch in batches:
        yield encoder(as_tensor(batch)).cpu().numpy().astype(kind, copy=False)


def _write(path: Path, dim: int, kind: np.dtype, parts: Iterable[np.ndarray]) -> None:
    with open_atomic(path) as file:
        file.seek(_HEADER)  # it holds the number of rows, which is known at the end
        rows, digest = 0, hashlib.sha256()
        for part in parts:
            data = np.ascontiguousarray(part).tobytes()
            file.write(data)
            digest.update(data)
            rows += len(part)
        header = _header(rows, dim, kind)
        digest.update(header)
        file.write(digest.digest())
        file.seek(0)
        file.write(header)


def _header(rows: int, dim: int, kind: np.dtype) -> bytes:
    """Return the first 128 bytes of an NPY file, version 1.0."""
    text = f"{{'descr': '{kind.str}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}".encode()
    return b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + text.ljust(_HEADER - 11) + b"\n"


def _is_whole(path: Path, dim: int, kind: np.dtype) -> bool:
    """Tell whether the file is there with the digest of what it holds."""
    try:
        size = path.stat().st_size - _HEADER - _DIGEST
        rows, rest = divmod(size, kind.itemsize * dim)
        if rows < 1 or rest:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            header = file.read(_HEADER)
            while size:
                piece = file.read(min(_PIECE, size))
                if not piece:
                    return False
                digest.update(piece)
                size -= len(piece)
            digest.update(header)
            return header == _header(rows, dim, kind) and file.read() == digest.digest()
    except OSError:
        return False


def _digest_files(path: Path) -> list[str]:
    """Return the names and SHA-256 of a file, or of all pictures in a folder."""
    found = []
    for each in in_order(path) if path.is_dir() else [path]:
        try:
            with each.open("rb") as file:
                found += [each.suffix if each == path else each.name, hashlib.file_digest(file, "sha256").hexdigest()]
        except OSError as error:
            raise DataError(f"There is no file or folder of frames at {each} ({error.strerror}).") from error
    return found
