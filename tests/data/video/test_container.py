"""Videos: every frame or an error; the catalogue of broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.video.clips import moving, places, turn, write, write_sound, write_two_sizes
from tsreward.data.video.reading import read_frames
from tsreward.errors import DataError, MissingExtraError

av = pytest.importorskip("av", reason="needs the extra 'pixels'")

EXPECTED = (np.arange(30) + 1) * 48 // 30 / 48


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", {}),
        ("a.mp4", {"pixels": "yuv444p"}),
        ("a.mp4", {"pixels": "yuv420p10le"}),
        ("a.mp4", {"bf": "2", "g": "12"}),
        ("a.webm", {}),
        ("a.webm", {"codec": "libvpx"}),
        ("a.gif", {}),
    ],
)
def test_every_frame_comes_in_order(tmp_path: Path, name: str, kind: dict) -> None:
    frames = read_frames(write(tmp_path / name, moving(), **kind))
    assert frames.shape == (30, 32, 48, 3) and frames.dtype == np.uint8
    np.testing.assert_allclose(places(frames), EXPECTED, atol=0.03)
    assert np.abs(frames[-1].mean((0, 1)) - (230, 200, 40)).max() < 25


def test_grey_pictures_have_three_equal_channels(tmp_path: Path) -> None:
    frames = read_frames(write(tmp_path / "a.mp4", moving(), pixels="gray"))
    assert np.abs(np.ptp(frames.astype(int), axis=3)).max() <= 2
    np.testing.assert_allclose(places(frames), EXPECTED, atol=0.03)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (15, 33), (33, 2)])
@pytest.mark.parametrize("kind", [("a.mp4", "yuv444p"), ("a.webm", "yuv420p"), ("a.gif", "rgb8")])
def test_odd_and_tiny_sizes_stay(tmp_path: Path, height: int, width: int, kind: tuple[str, str]) -> None:
    frames = np.full((4, height, width, 3), 200, np.uint8)
    found = read_frames(write(tmp_path / kind[0], frames, pixels=kind[1]))
    assert found.shape == frames.shape
    assert np.abs(found.astype(int) - 200).max() < 60


def test_a_turned_video_is_turned_back(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving())
    upright = read_frames(path)
    turned = read_frames(turn(path))
    assert turned.shape == (30, 48, 32, 3)
    assert np.array_equal(turned, np.rot90(upright, -1, axes=(1, 2)))


def test_a_variable_rate_gives_the_frames_that_there_are(tmp_path: Path) -> None:
    times = np.cumsum([1, 2, 9] * 10).tolist()
    frames = read_frames(write(tmp_path / "a.mp4", moving(), times=times))
    np.testing.assert_allclose(places(frames), EXPECTED, atol=0.03)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_cut_is_never_a_shorter_video(tmp_path: Path, name: str, share: float) -> None:
    path = write(tmp_path / name, moving())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=f"{name} .*(cut|damaged|begins)"):
        read_frames(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_no_frame_goes_missing_at_the_end(tmp_path: Path, name: str) -> None:
    """The end may be an index that nothing needs; where it is a frame, it is missed."""
    path = write(tmp_path / name, moving())
    whole, refused = path.read_bytes(), 0
    for missing in range(1, 260, 7):
        path.write_bytes(whole[:-missing])
        try:
            assert len(read_frames(path)) == 30
        except DataError:
            refused += 1
    assert refused > 5


def test_a_header_at_the_end_that_is_missing(tmp_path: Path) -> None:
    """Recorders write it last: what is left of a recording that was killed has none."""
    whole = write(tmp_path / "a.mp4", moving()).read_bytes()
    (tmp_path / "killed.mp4").write_bytes(whole.replace(b"moov", b"junk", 1))
    with pytest.raises(DataError, match=r"killed.mp4 is (damaged|cut off)"):
        read_frames(tmp_path / "killed.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_damage_changes_no_number_of_frames_unseen(tmp_path: Path, name: str) -> None:
    """A few flipped bits may change colours, for which videos have no checksum; frames never go missing."""
    path, rng = write(tmp_path / name, moving()), np.random.default_rng(0)
    whole, refused = path.read_bytes(), 0
    for _ in range(40):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            assert len(read_frames(path)) == 30
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused


def test_frames_that_an_edit_list_hides_are_not_left_out_unseen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving())
    data = path.read_bytes()
    start = data.index(b"elst") + 16  # where in the track it is to begin, in 1/12800 s
    path.write_bytes(data[:start] + (12800 // 5).to_bytes(4, "big") + data[start + 4 :])
    with pytest.raises(DataError, match="hides frames that it holds: write what is to be seen anew"):
        read_frames(path)


def noisy(number: int = 12, height: int = 48, width: int = 64) -> np.ndarray:
    """Return the frames of `moving` with a texture, whose pictures take many blocks of a GIF."""
    texture = np.random.default_rng(0).integers(0, 60, (height, width, 3), np.uint8)
    return np.minimum(moving(number, height, width), 195) + texture


def with_pillow(path: Path, frames: np.ndarray) -> Path:
    """Write a GIF with Pillow."""
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=40)
    return path


@pytest.mark.parametrize("writer", [write, with_pillow])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (48, 64), (300, 400)])
def test_whole_gifs_of_every_size_are_accepted(tmp_path: Path, writer: Callable, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    assert read_frames(writer(tmp_path / "a.gif", frames)).shape == frames.shape


@pytest.mark.parametrize("writer", [write, with_pillow])
def test_bytes_missing_inside_a_gif_take_no_pictures_away_unseen(tmp_path: Path, writer: Callable) -> None:
    """What follows a hole may still read as blocks, with a picture or two fewer."""
    path, refused = writer(tmp_path / "a.gif", noisy()), 0
    whole = path.read_bytes()
    for hole in (1, 20, 255):
        for place in range(1000, len(whole) - hole, len(whole) // 60):
            path.write_bytes(whole[:place] + whole[place + hole :])
            try:
                assert len(read_frames(path)) == 12
            except DataError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("begin", [b"," + bytes(4) + b"\x01\x00\x01\x00\x00\x02", b"!\xf9"])
@pytest.mark.parametrize("lengths", [(9, 8, 9), (9, 9, 10), (8, 9)])
def test_blocks_of_lengths_that_no_writer_gives_are_refused(
    tmp_path: Path, begin: bytes, lengths: tuple[int, ...]
) -> None:
    blocks = b"".join(bytes([length]) + bytes(length) for length in lengths)
    (tmp_path / "a.gif").write_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + begin + blocks + b"\x00;")
    with pytest.raises(DataError, match=r"a.gif is a damaged .* write it anew with ffmpeg -i a.gif whole.gif"):
        read_frames(tmp_path / "a.gif")


@pytest.mark.parametrize("content", [bytes(3000), np.random.default_rng(0).bytes(3000), b"<html>not found</html>"])
@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.avi"])
def test_other_bytes_are_no_video(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} (is damaged, cut off or no video|is no GIF)"):
        read_frames(tmp_path / name)


def test_sound_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds audio and no video"):
        read_frames(write_sound(tmp_path / "a.mp4"))


def test_a_change_of_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="changes its size at frame 5, from 32 x 48 to 64 x 80 pixels: split it"):
        read_frames(write_two_sizes(tmp_path / "a.webm"))


def test_a_codec_without_decoder_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving())
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9"))
    with pytest.raises(DataError, match=r"a codec that this PyAV cannot decode: convert it to H.264"):
        read_frames(path)


def test_a_stream_that_promises_nothing_is_refused(tmp_path: Path) -> None:
    """A webm that a browser streamed says no duration: a cut in it could not be seen."""
    path = write(tmp_path / "a.webm", moving())
    data = path.read_bytes()
    path.write_bytes(data.replace(b"DURATION", b"COMMENTS").replace(b"\x44\x89", b"\x44\x8a"))
    with pytest.raises(DataError, match="says neither how many frames it has"):
        read_frames(path)


def test_frames_too_large_for_any_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mp4", moving())
    monkeypatch.setattr("tsreward.data.video.container.MAX_PIXELS", 1000)
    with pytest.raises(DataError, match="frames of 32 x 48 pixels, more than"):
        read_frames(path)


def test_files_are_closed(tmp_path: Path) -> None:
    whole, cut = write(tmp_path / "a.mp4", moving(5)), tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-40])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        read_frames(whole)
        with pytest.raises(DataError):
            read_frames(cut)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_without_pyav_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mp4", moving(3))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[pixels\]"):
        read_frames(path)
