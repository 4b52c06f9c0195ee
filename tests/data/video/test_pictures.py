"""Folders of pictures: natural order, every colour, no gap and no damage unseen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsreward.data.video.reading import read_frames
from tsreward.errors import DataError

image = pytest.importorskip("PIL.Image", reason="needs the extra 'pixels'")


def write(path: Path, value: int = 90, size: tuple[int, int] = (5, 6), **kind) -> Path:
    image.fromarray(np.full((*size, 3), value, np.uint8)).save(path, **kind)
    return path


def values(folder: Path) -> list[int]:
    return read_frames(folder)[:, 0, 0, 0].tolist()


def test_two_comes_before_ten(tmp_path: Path) -> None:
    for number in range(1, 13):
        write(tmp_path / f"run3_{number}.png", number)
    (tmp_path / "notes.txt").write_text("not a frame")
    write(tmp_path / ".hidden.png")
    assert values(tmp_path) == list(range(1, 13))


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["b.png", "a.png"], [1, 0]),
        (["c.png", "a.png", "b.png"], [1, 2, 0]),
        (["e2_f1.png", "e1_f2.png", "e1_f1.png"], [2, 1, 0]),
        (["0010.png", "0005.png", "0015.png"], [1, 0, 2]),
        (["10.png", "9.JPG", "11.bmp"], [1, 0, 2]),
        (["x.png", "1.png", "1x.png"], [1, 2, 0]),
    ],
)
def test_names_sort_as_people_read_them(tmp_path: Path, names: list[str], order: list[int]) -> None:
    for index, name in enumerate(names):
        write(tmp_path / name, 20 * index)
    assert values(tmp_path) == [20 * index for index in order]


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((4, 4), 100, np.uint8), (100, 100, 100)),
        (np.full((4, 4), 100 * 257, np.uint16), (100, 100, 100)),
        (np.full((4, 4), True), (255, 255, 255)),
        (np.full((4, 4, 4), (200, 100, 0, 255), np.uint8), (200, 100, 0)),
        (np.full((4, 4, 4), (200, 100, 0, 0), np.uint8), (0, 0, 0)),
        (np.full((4, 4, 2), (200, 51), np.uint8), (40, 40, 40)),
    ],
)
def test_every_colour_becomes_red_green_and_blue(tmp_path: Path, pixels: np.ndarray, expected: tuple) -> None:
    image.fromarray(pixels).save(tmp_path / "1.png")
    frames = read_frames(tmp_path)
    assert frames.shape == (1, 4, 4, 3) and (frames == expected).all()


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    picture = image.fromarray(np.full((4, 4, 3), (255, 0, 0), np.uint8)).convert("P", palette=image.Palette.ADAPTIVE)
    picture.save(tmp_path / "1.png")
    assert (read_frames(tmp_path) == (255, 0, 0)).all()


def test_a_turned_photograph_is_turned_back(tmp_path: Path) -> None:
    exif = image.Exif()
    exif[0x0112] = 6  # the camera stood on its side
    write(tmp_path / "1.png", size=(5, 6), exif=exif)
    assert read_frames(tmp_path).shape == (1, 6, 5, 3)


def test_one_pixel_is_a_frame(tmp_path: Path) -> None:
    write(tmp_path / "1.png", 7, (1, 1))
    assert read_frames(tmp_path).tolist() == [[[[7, 7, 7]]]]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds no pictures"),
        (lambda folder: (folder / "3.png").unlink(), "has a gap after 2.png: frames are missing"),
        (lambda folder: write(folder / "03.png"), "holds both 03.png and 3.png"),
        (lambda folder: write(folder / "3.bmp"), "holds both 3.bmp and 3.png"),
        (lambda folder: write(folder / "4.png", size=(5, 7)), "changes its size at frame 3, from 5 x 6 to 5 x 7"),
        (lambda folder: cut(folder / "4.png"), r"4.png is damaged or no picture"),
        (lambda folder: (folder / "4.png").write_bytes(b""), r"4.png is damaged or no picture"),
        (lambda folder: (folder / "4.png").write_bytes(b"<html>"), r"4.png is damaged or no picture"),
        (lambda folder: image.new("F", (6, 5)).save(folder / "5.tif"), r"5.tif holds numbers \(F\) and no brightness"),
        (
            lambda folder: image.new("L", (6, 5)).save(
                folder / "4.png", save_all=True, append_images=[image.new("L", (6, 5), 9)]
            ),
            "4.png is animated",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named(tmp_path: Path, spoil, message: str) -> None:
    for number in range(1, 6):
        write(tmp_path / f"{number}.png", number)
    if "tif" in message:
        (tmp_path / "5.png").unlink()
    spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        read_frames(tmp_path)


def test_pictures_too_large_for_any_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "1.png", size=(50, 60))
    monkeypatch.setattr("tsreward.data.video.container.MAX_PIXELS", 1000)
    with pytest.raises(DataError, match="frames of 50 x 60 pixels, more than"):
        read_frames(tmp_path)
