"""Pictures of one scene that somebody changed: each change is named, with what undoes it, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.data.video import clips
from tsreward.data.video.comparison import compare_views
from tsreward.data.video.reading import read_frames
from tsreward.data.video.repair import PictureRepair
from tsreward.errors import OptionError
from tsreward.functional.pixels import resize_area

Episodes = list[np.ndarray]
SIDE = 48


def scene(seed: int, episodes: int, speed: float = 1.0, number: int = 40) -> Episodes:
    """Return films of a ball before a hill, a sky and a sun that stand still."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    sky = np.stack([60 + 40 * rows, 90 + 30 * rows, 170 - 60 * rows], -1)
    hill = rows > 0.85 - 0.3 * columns
    sky[hill] = (70, 110, 40)
    sky[(rows - 0.2) ** 2 + (columns - 0.75) ** 2 < 0.012] = (240, 220, 90)
    films = []
    for _ in range(episodes):
        place, angle = rng.uniform(0.1, 0.9, 2), rng.uniform(0, 6.28)
        film = np.repeat(sky[None], number, 0)
        for frame in film:
            place = (place + 0.03 * speed * np.array([np.sin(angle), np.cos(angle)])) % 1
            frame[(rows - place[0]) ** 2 + (columns - place[1]) ** 2 < 0.006] = (220, 60, 50)
        films.append(film.round().astype(np.uint8))
    return films


AGENT, EXPERT = scene(0, 5), scene(1, 4, speed=0.3)


def each(change: Callable[[np.ndarray], np.ndarray]) -> Episodes:
    return [change(film) for film in EXPERT]


def padded(film: np.ndarray, rows: int, columns: int, value: int = 0) -> np.ndarray:
    return np.pad(film, ((0, 0), (rows, rows), (columns, columns), (0, 0)), constant_values=value)


def covered(film: np.ndarray) -> np.ndarray:
    film = film.copy()
    film[:, :6] = film[:, -6:] = 0
    return film


def brighter(film: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(film * factor, 0, 255).astype(np.uint8)


def grey(film: np.ndarray) -> np.ndarray:
    return np.repeat((film @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[..., None], 3, -1)


CHANGED: dict[str, tuple[Episodes, dict[str, str | None]]] = {
    "swapped": (each(lambda film: film[..., ::-1]), {"red and blue swapped": "--swap-colours"}),
    "brighter": (each(lambda film: brighter(film, 1.15)), {"brighter": "--brightness 0.8"}),
    "darker": (each(lambda film: brighter(film, 0.8)), {"darker": "--brightness 1.2"}),
    "grey": (each(grey), {"grey": None}),
    "mirrored": (each(lambda film: film[:, :, ::-1]), {"mirrored left to right": "--flip left-right"}),
    "upside down": (each(lambda film: film[:, ::-1]), {"upside down": "--flip up-down"}),
    "letterboxed": (each(lambda film: padded(film, 6, 0)), {"borders": "--crop 6 6 0 0"}),
    "pillarboxed": (each(lambda film: padded(film, 0, 5)), {"borders": "--crop 0 0 5 5"}),
    "framed in white": (each(lambda film: padded(film, 4, 7, 255)), {"borders": "--crop 4 4 7 7"}),
    "covered": (each(covered), {"borders": "--masks 0 0 6 48 42 0 48 48"}),
    "cropped": (each(lambda film: film[:, 6:-6, 6:-6]), {"cropped": None}),
    "swapped and mirrored": (
        each(lambda film: film[:, :, ::-1, ::-1]),
        {"red and blue swapped": "--swap-colours", "mirrored left to right": "--flip left-right"},
    ),
    "letterboxed and swapped": (
        each(lambda film: padded(film[..., ::-1], 6, 0)),
        {"borders": "--crop 6 6 0 0", "red and blue swapped": "--swap-colours"},
    ),
    "mirrored and brighter": (
        each(lambda film: brighter(film[:, :, ::-1], 1.15)),
        {"mirrored left to right": "--flip left-right", "brighter": "--brightness 0.8"},
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_each_change_is_named_with_what_undoes_it(case: str) -> None:
    expert, wanted = CHANGED[case]
    found = {one.name: one.cure for one in compare_views(expert, AGENT)}
    assert found.keys() == wanted.keys()
    for name, cure in wanted.items():
        assert found[name] == cure if cure is None else found[name].startswith(cure)


CURES = {
    "swapped": PictureRepair(swap_colours=True),
    "brighter": PictureRepair(brightness=1 / 1.15),
    "mirrored": PictureRepair(flip="left-right"),
    "upside down": PictureRepair(flip="up-down"),
    "letterboxed": PictureRepair(crop=(6, 6, 0, 0)),
    "framed in white": PictureRepair(crop=(4, 4, 7, 7)),
    "letterboxed and swapped": PictureRepair(swap_colours=True, crop=(6, 6, 0, 0)),
}


@pytest.mark.parametrize("case", CURES)
def test_the_cure_helps(case: str) -> None:
    repaired = [CURES[case].apply(film) for film in CHANGED[case][0]]
    assert compare_views(repaired, AGENT) == []
    if "brighter" not in case:
        assert all(np.array_equal(film, original) for film, original in zip(repaired, EXPERT, strict=True))


def sized(film: np.ndarray, height: int, width: int) -> np.ndarray:
    if height > SIDE:
        return film.repeat(height // SIDE, 1).repeat(width // SIDE, 2)
    return resize_area(torch.from_numpy(film), (height, width)).numpy()


SAME: dict[str, Episodes] = {
    "itself": EXPERT,
    "the agent's own": AGENT,
    "smaller": each(lambda film: sized(film, 32, 32)),
    "other proportions": each(lambda film: sized(film, 40, 24)),
    "larger": each(lambda film: sized(film, 96, 96)),
    "another start": each(lambda film: film[17:]),
    "two episodes": EXPERT[:2],
    "other seeds": scene(77, 6, speed=2.0),
    "one that stands still": [film[:1].repeat(9, 0) for film in EXPERT],
}


@pytest.mark.parametrize("case", SAME)
def test_other_sizes_beginnings_and_behaviour_are_no_difference(case: str) -> None:
    assert compare_views(SAME[case], AGENT) == []


def test_a_codec_is_no_difference(tmp_path) -> None:
    pytest.importorskip("av", reason="needs the extra 'pixels'")
    for name in ("a.mp4", "b.webm"):
        path = clips.write(tmp_path / name, EXPERT[0], **({} if name == "b.webm" else {"crf": "23"}))
        assert compare_views([read_frames(path)], AGENT) == []


def test_a_border_of_the_scene_itself_is_no_difference() -> None:
    agent = [covered(film) for film in AGENT]
    assert compare_views([covered(film) for film in EXPERT], agent) == []
    assert [one.name for one in compare_views([padded(covered(film), 0, 6) for film in EXPERT], agent)] == ["borders"]


def test_grey_agents() -> None:
    agent = [grey(film)[..., :1] for film in AGENT]
    assert compare_views([grey(film)[..., :1] for film in EXPERT], agent) == []
    assert compare_views(EXPERT, agent) == []
    assert [one.name for one in compare_views([film[:, ::-1] for film in EXPERT], agent)] == ["upside down"]


def test_another_scene() -> None:
    other = [255 - film for film in EXPERT]
    assert "another view" in [one.name for one in compare_views(other, AGENT)]


def test_repairs_that_cannot_be(tmp_path) -> None:
    with pytest.raises(OptionError, match="leaves nothing of pictures of 48 x 48"):
        PictureRepair(crop=(40, 8, 0, 0)).apply(EXPERT[0])
    with pytest.raises(OptionError, match="these are grey"):
        PictureRepair(swap_colours=True).apply(EXPERT[0][..., :1])
    assert PictureRepair().apply(EXPERT[0]) is EXPERT[0]
    np.savez(tmp_path / "film.npz", frames=CHANGED["letterboxed"][0][0])
    assert np.array_equal(read_frames(tmp_path / "film.npz", repair=PictureRepair(crop=(6, 6, 0, 0))), EXPERT[0])
