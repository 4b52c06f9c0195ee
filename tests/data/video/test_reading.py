"""What every source of frames has in common: masks, sizes, skips, batches, and what is no source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tsreward.data.memory import max_memory
from tsreward.data.video.reading import frame_batches, read_frames
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, OptionError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames = np.random.default_rng(0).integers(0, 256, (11, 12, 14, 3), dtype=np.uint8)
    np.savez(tmp_path / "clip.npz", frames=frames)
    return tmp_path / "clip.npz"


def test_every_skip_th_frame_is_kept(clip: Path) -> None:
    assert np.array_equal(read_frames(clip, frame_skip=4), read_frames(clip)[[0, 4, 8]])


def test_frames_read_with_an_encoder_s_options_are_what_it_sees(clip: Path) -> None:
    options = ConvOptions(dim=5, channels=(4,), masks=((0, 0, 3, 14),), size=(8, 9))
    raw, prepared = read_frames(clip), read_frames(clip, options)
    assert prepared.shape == (11, 8, 9, 3) and prepared.dtype == np.uint8
    assert np.array_equal(prepared, options.prepare(torch.from_numpy(raw)).numpy())
    online = ConvEncoder((12, 14, 3), options)
    small = ConvEncoder((8, 9, 3), ConvOptions(dim=5, channels=(4,)))
    assert torch.equal(online(torch.from_numpy(raw)), small(torch.from_numpy(prepared)))


@pytest.mark.parametrize("batch", [1, 4, 11, 64])
def test_batches_are_the_frames_in_pieces(clip: Path, batch: int) -> None:
    batches = list(frame_batches(clip, frame_skip=2, batch=batch))
    assert all(len(each) == batch for each in batches[:-1]) and 1 <= len(batches[-1]) <= batch
    assert np.array_equal(np.concatenate(batches), read_frames(clip, frame_skip=2))


def test_more_than_memory_is_refused(clip: Path) -> None:
    with max_memory(3000), pytest.raises(DataError, match="would take 0 MiB of memory, and 0 MiB are let"):
        read_frames(clip)
    with max_memory(11 * 12 * 14 * 3 + 1000):
        assert len(read_frames(clip, FrameOptions(size=(4, 4)))) == 11


def test_options_that_do_not_fit_are_refused(clip: Path) -> None:
    with pytest.raises(OptionError, match="lies outside frames of 12 x 14"):
        read_frames(clip, FrameOptions(masks=((0, 0, 13, 1),)))
    with pytest.raises(OptionError, match="needs frame_skip >= 1"):
        read_frames(clip, frame_skip=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mp4", None, "There is no file or folder of frames at"),
        ("empty.mp4", b"", r"is empty \(0 bytes\)"),
        ("empty.npz", b"", r"is empty \(0 bytes\)"),
        ("frames.txt", b"x", "does not end in .mp4"),
        ("frames.npz", b"x", "is damaged or not an NPY or NPZ"),
    ],
)
def test_what_holds_no_frames_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{message}"):
        read_frames(tmp_path / name)


FRAMES = np.random.default_rng(0).integers(0, 256, (3, 5, 6, 4), dtype=np.uint8)


@pytest.mark.parametrize("frames", [FRAMES[..., 0], FRAMES[..., :1], FRAMES[..., :3]])
@pytest.mark.parametrize("name", ["obs", "image", "frames"])
def test_arrays_of_bytes_are_frames(tmp_path: Path, frames: np.ndarray, name: str) -> None:
    np.savez(tmp_path / "a.npz", **{name: frames, "reward": np.zeros(3)})
    expected = frames if frames.ndim == 4 else frames[..., None]
    assert np.array_equal(read_frames(tmp_path / "a.npz"), np.broadcast_to(expected, (3, 5, 6, 3)))


def test_black_lies_behind_transparent_pixels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FRAMES)
    expected = np.rint(FRAMES[..., :3] * (FRAMES[..., 3:] / 255))
    assert np.array_equal(read_frames(tmp_path / "a.npy"), expected)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"frames": FRAMES[..., :3] / 255}, r"'frames' is float64, and frames are bytes \(uint8\) from 0 to 255"),
        ({"frames": FRAMES[..., :3].transpose(0, 3, 1, 2)}, r"channels first: save array.transpose\(0, 2, 3, 1\)"),
        ({"frames": FRAMES[..., :2]}, "with 1, 3 or 4 channels"),
        ({"frames": FRAMES[:0]}, "with 1, 3 or 4 channels"),
        ({"frames": FRAMES, "obs": FRAMES}, "one array must be named"),
        ({"a": np.zeros(3)}, "holds a: one array must be named"),
    ],
)
def test_arrays_that_are_no_frames_are_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=f"a.npz.*{message}"):
        read_frames(tmp_path / "a.npz")
