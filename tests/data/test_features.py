"""Features on disk: the bits of the encoder, made once, made again where damaged, never another encoder's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders.test_frames import conv, pca
from tests.scripted import script
from tsreward.data.features import encode_episodes, encode_video
from tsreward.data.video.reading import read_frames
from tsreward.encoders.base import Identity
from tsreward.encoders.conv import ConvEncoder
from tsreward.encoders.frames import FrameOptions
from tsreward.encoders.raw_frames import RawFrames
from tsreward.errors import DataError, ShapeError
from tsreward.sequences.episodes import Episode

SHAPE = (20, 24, 3)


@pytest.fixture
def episodes(seed: int) -> list[Episode]:
    rng = np.random.default_rng(seed)
    return [script(rng, length, SHAPE, np.uint8) for length in (3, 9)]


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("make", [conv, pca])
def test_features_are_the_encoder_s_and_made_once(tmp_path: Path, episodes: list[Episode], make) -> None:
    encoder, folder = make(), tmp_path / "new" / "cache"
    found = encode_episodes(encoder, episodes, folder)
    for before, after in zip(episodes, found, strict=True):
        assert after.obs.dtype == np.float32
        assert np.array_equal(after.obs, encoder(torch.from_numpy(before.obs)).numpy())
        assert after.rewards is before.rewards and after.terminated == before.terminated
    written = files(folder)
    encoder.features = lambda _: pytest.fail("it was encoded again")
    again = encode_episodes(encoder, episodes, folder)
    assert files(folder) == written and len(written) == 2
    assert all(np.array_equal(one.obs, other.obs) for one, other in zip(found, again, strict=True))


def test_bytes_of_frames_stay_bytes(tmp_path: Path, episodes: list[Episode]) -> None:
    encoder = RawFrames(SHAPE, FrameOptions(size=(10, 12)))
    found, again = (encode_episodes(encoder, episodes, tmp_path) for _ in range(2))
    for before, one, other in zip(episodes, found, again, strict=True):
        assert one.obs.dtype == np.uint8 and np.array_equal(one.obs, other.obs)
        assert np.array_equal(one.obs, encoder(torch.from_numpy(before.obs)).numpy())


def test_long_episodes_are_encoded_in_pieces(tmp_path: Path) -> None:
    obs = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    found = encode_episodes(Identity((3,)), [Episode(obs)], tmp_path)[0].obs
    assert isinstance(found, np.memmap) and np.array_equal(found, obs)


def test_a_file_is_a_plain_array(tmp_path: Path, episodes: list[Episode]) -> None:
    encoder = conv()
    encode_episodes(encoder, episodes[:1], tmp_path)
    loaded = np.load(next(tmp_path.iterdir()), allow_pickle=False)
    assert np.array_equal(loaded, encoder(torch.from_numpy(episodes[0].obs)).numpy())


@pytest.mark.parametrize(
    "other",
    [
        lambda: conv(seed=1),
        lambda: conv(dim=11),
        lambda: conv(masks=((0, 0, 1, 1),)),
        lambda: ConvEncoder(SHAPE),
    ],
)
def test_another_encoder_has_other_features(tmp_path: Path, episodes: list[Episode], other) -> None:
    encode_episodes(conv(), episodes, tmp_path)
    encoder = other()
    found = encode_episodes(encoder, episodes, tmp_path)
    assert np.array_equal(found[0].obs, encoder(torch.from_numpy(episodes[0].obs)).numpy())


def test_other_weights_have_other_features(tmp_path: Path, episodes: list[Episode]) -> None:
    encoder = pca()
    first = encode_episodes(encoder, episodes, tmp_path)[0].obs
    encoder.fit([episodes[1].obs])
    second = encode_episodes(encoder, episodes, tmp_path)[0].obs
    assert not np.array_equal(first, second) and len(files(tmp_path)) == 4


def damaged(content: bytes) -> list[bytes]:
    """Return a cut, a flip in every part, a longer file, none at all, and a promise of more rows."""
    flips = [content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in (0, 70, 130, 170)]
    return [b"", content[:-1], content[:140], content + b"\0", content.replace(b"(4, ", b"(9, ", 1), *flips]


@pytest.mark.parametrize("case", range(9))
def test_a_damaged_file_is_made_again(tmp_path: Path, episodes: list[Episode], case: int) -> None:
    encoder = conv()
    expected = np.array(encode_episodes(encoder, episodes[:1], tmp_path)[0].obs)
    path = next(tmp_path.iterdir())
    whole = path.read_bytes()
    assert damaged(whole)[case] != whole
    path.write_bytes(damaged(whole)[case])
    assert np.array_equal(encode_episodes(encoder, episodes[:1], tmp_path)[0].obs, expected)
    assert path.read_bytes() == whole


def test_what_fails_leaves_nothing(tmp_path: Path, episodes: list[Episode]) -> None:
    with pytest.raises(ShapeError, match="draw or resize them to 21 x 24 pixels"):
        encode_episodes(conv((21, 24, 3)), episodes, tmp_path)
    assert files(tmp_path) == {}
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"The folder .* cannot be made"):
        encode_episodes(conv(), episodes, tmp_path / "file" / "cache")


def test_frames_of_a_video_are_encoded_as_they_are_read(tmp_path: Path) -> None:
    path, folder = tmp_path / "clip.npz", tmp_path / "cache"
    np.savez(path, frames=np.random.default_rng(0).integers(0, 256, (40, 22, 26, 3), dtype=np.uint8))
    options, encoder = FrameOptions(masks=((0, 0, 3, 3),), size=SHAPE[:2]), conv()
    found = encode_video(encoder, path, folder, options, frame_skip=3)
    expected = encoder(torch.from_numpy(read_frames(path, options, frame_skip=3)))
    assert np.array_equal(found, expected.numpy())
    assert np.array_equal(encode_video(encoder, path, folder, options, frame_skip=2)[::3], found[::2])
    np.savez(path, frames=np.zeros((4, *SHAPE), np.uint8))
    assert len(encode_video(encoder, path, folder)) == 4
    with pytest.raises(DataError, match="There is no file or folder of frames"):
        encode_video(encoder, tmp_path / "none.mp4", folder)
