"""Films of an expert are compared with what the agent sees: warned of, with a picture, refused under strict."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.envs.conftest import dmc, frames  # noqa: F401
from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.errors import StrictError, TSRewardWarning
from tsreward.recipes.adversarial import AdversarialLikeness
from tsreward.recipes.expert_view import decision_rate, rate_difference, report_view, sampled_pictures, view_expert

av = pytest.importorskip("av", reason="needs the extra 'pixels'")


def film(path: Path, pictures: np.ndarray, rate: Fraction | int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif" if path.suffix == ".gif" else "libx264", rate=Fraction(rate))
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def scene(seed: int, number: int = 30) -> np.ndarray:
    """Return a film of a square that wanders over a meadow."""
    rng = np.random.default_rng(seed)
    pictures = np.full((number, 32, 32, 3), (40, 60, 150), np.uint8)
    pictures[:, 20:] = (30, 120, 40)
    pictures[:, 4:9, 22:27] = (240, 220, 80)
    for picture in pictures:
        row, column = rng.integers(0, 26, 2)
        picture[row : row + 5, column : column + 5] = (200, 50, 60)
    return pictures


AGENT = [scene(seed) for seed in range(4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "films"
    path.mkdir()
    for index in range(3):
        film(path / f"{index}.mp4", np.ascontiguousarray(scene(10 + index)[..., ::-1]))
    return path


def test_a_warning_with_a_picture_and_a_cure(folder: Path, tmp_path: Path) -> None:
    sampled = sampled_pictures(folder, PictureRepair())
    assert sampled is not None
    assert [pictures.shape for pictures in sampled] == [(5, 32, 32, 3)] * 3
    view = view_expert(sampled, AGENT)
    assert [one["name"] for one in view.as_json()] == ["red and blue swapped"]
    picture = tmp_path / "expert.png"
    with pytest.warns(TSRewardWarning, match=r"films: .*red and blue are swapped.*--swap-colours.*expert\.png"):
        report_view(view, "films", picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    picture.unlink()
    with pytest.raises(StrictError, match="red and blue are swapped"):
        report_view(view, "films", picture, strict=True)
    assert picture.is_file()  # what was refused can be looked at


def test_nothing_is_said_where_all_is_well(folder: Path, tmp_path: Path) -> None:
    sampled = sampled_pictures(folder, PictureRepair(swap_colours=True))
    assert sampled is not None
    view = view_expert(sampled, AGENT)
    report_view(view, "films", tmp_path / "expert.png", strict=True)
    assert (view.differences, view.picture) == ((), None)
    assert not (tmp_path / "expert.png").exists()


def test_what_holds_no_films_has_no_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "frames.npz", frames=scene(0))
    assert sampled_pictures(tmp_path / "frames.npz", PictureRepair()) is None
    assert sampled_pictures(Path("minari:a/b-v0"), PictureRepair()) is None


@pytest.mark.parametrize(
    ("rate", "options", "cause", "cure"),
    [
        (50, {}, None, None),
        (Fraction(50_000, 1001), {}, None, None),
        (25, {}, "25 frames/s against 50 decisions/s", "--action-repeat 2, or --expert-rate 50"),
        (100, {}, "100 frames/s against 50 decisions/s", "--video-skip 2, or --expert-rate 50"),
        (100, {"video_skip": 2}, None, None),
        (30, {}, "30 frames/s against 50 decisions/s", "--expert-rate 50"),
        (25, {"expert_rate": 50}, None, None),
        (25, {"action_repeat": 2}, None, None),
        (50, {"action_repeat": 2}, "50 frames/s against 25 decisions/s", "--video-skip 2"),
        (50, {"expert_rate": 25}, "25 frames/s against 50 decisions/s", "--action-repeat 2"),
    ],
)
def test_rates(tmp_path: Path, rate: int, options: dict, cause: str | None, cure: str | None) -> None:
    path = film(tmp_path / "film.mp4", scene(0, 5), rate)
    found = rate_difference(path, "CartPole-v1", **{"action_repeat": 1, **options})
    if cause is None:
        assert found is None
        return
    assert found is not None and found.cure is not None and cure is not None
    assert (found.name, found.cause) == ("frame rate", cause)
    assert found.cure.startswith(cure)


def test_a_folder_and_what_tells_no_rate(folder: Path, tmp_path: Path) -> None:
    found = rate_difference(folder, "CartPole-v1", 1)
    assert found is not None and found.cause == "25 frames/s against 50 decisions/s"
    np.savez(tmp_path / "frames.npz", frames=scene(0))
    assert rate_difference(tmp_path / "frames.npz", "CartPole-v1", 1) is None
    told = rate_difference(tmp_path / "frames.npz", "CartPole-v1", 1, expert_rate=10)
    assert told is not None and told.cause == "10 frames/s against 50 decisions/s"


def test_a_gif_counts_in_hundredths_of_a_second(tmp_path: Path) -> None:
    path = film(tmp_path / "film.gif", scene(0, 5), Fraction(100, 3))
    assert rate_difference(path, "Pendulum-v1", 1) is None  # 30 decisions/s
    assert rate_difference(path, "CartPole-v1", 1) is not None


def test_decisions_in_a_second() -> None:
    assert decision_rate("CartPole-v1") == 50
    assert decision_rate("CartPole-v1", 4) == 12.5


@pytest.mark.parametrize(
    ("env", "repeat", "rate"),
    [
        ("dmc/cartpole-balance", 1, 100),
        ("dmc/cartpole-balance", 4, 25),
        ("dmc/cartpole-balance:action_repeat=2", 1, 50),
        ("dmc/walker-walk", 1, 40),
        ("dmc/reacher-easy", 1, 50),
    ],
)
def test_decisions_of_dm_control(dmc, env: str, repeat: int, rate: float) -> None:  # noqa: F811
    if "action_repeat" in env:
        assert decision_rate(env) == rate
    else:
        assert decision_rate(env, repeat) == rate


class _Meadow(gymnasium.Env):
    """Shows a film of `scene`."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 255, (32, 32, 3), np.uint8)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._films = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._films, self._at = self._films + 1, 0
        self._film = scene(100 + self._films)
        return self._film[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._at += 1
        return self._film[self._at], 0.0, self._at == len(self._film) - 1, False, {}


def test_an_adversary_is_shown_the_same() -> None:
    gymnasium.register("Meadow-v0", _Meadow)
    try:
        encoder = PixelPCA((32, 32, 3), PixelPCAOptions(dim=4)).fit(AGENT)
        AdversarialLikeness("Meadow-v0", AGENT, encoder=encoder, strict=True)
        mirrored = [np.ascontiguousarray(film[:, :, ::-1]) for film in AGENT]
        with pytest.raises(StrictError, match=r"mirrored, left to right \(cure: --flip left-right\)"):
            AdversarialLikeness("Meadow-v0", mirrored, encoder=encoder, strict=True)
    finally:
        del gymnasium.registry["Meadow-v0"]
