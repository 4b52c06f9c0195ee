"""Films of agents: how many pictures, how fast, and what is tinted."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from tsreward.errors import OptionError
from tsreward.pipeline.model import StepReward
from tsreward.report.film import FilmOptions, _Drawing, film
from tsreward.sb3.watching import Watched
from tsreward.sequences.episodes import Episode

av = pytest.importorskip("av", reason="films are written by PyAV")
Image = pytest.importorskip("PIL.Image", reason="films are drawn by Pillow")


def watched(steps: int = 40, rate: float = 20.0, flagged: tuple[int, ...] = ()) -> Watched:
    flags = torch.zeros(steps, dtype=torch.bool)
    flags[list(flagged)] = True
    earned = StepReward(torch.ones(steps).double(), flags.float(), torch.full((steps,), 0.5), flags)
    episode = Episode(np.zeros((steps + 1, 2)), np.ones(steps), np.zeros(steps), np.zeros((steps, 1)), True)
    return Watched(np.full((steps + 1, 48, 64, 3), 100, np.uint8), rate, episode, earned, 0.5)


def pictures(data: bytes) -> tuple[np.ndarray, float]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(stream)]), float(
            stream.average_rate
        )


def test_a_picture_for_every_step_in_the_time_of_the_environment() -> None:
    frames, rate = pictures(film({"agent": [watched()]}, ".mp4", FilmOptions(width=128)))
    assert len(frames) == 41 and rate == 20
    assert frames.shape[2] == 128


def test_flagged_steps_are_red_and_the_others_are_not() -> None:
    frames, _ = pictures(film({"agent": [watched(flagged=(9, 10))]}, ".mp4", FilmOptions(width=128)))
    red = frames[:, 20:60, 20:100, 0].mean((1, 2)) - frames[:, 20:60, 20:100, 2].mean((1, 2))
    assert np.flatnonzero(red > 15).tolist() == [10, 11]  # the picture that the step led to


@pytest.mark.parametrize(("width", "greys"), [(128, {0, 200}), (64, {0, 200}), (32, {100})])
def test_pictures_that_shrink_are_smoothed(width: int, greys: set[int]) -> None:
    stripes = np.zeros((2, 48, 64, 3), np.uint8)
    stripes[:, :, ::2] = 200
    drawn = _Drawing("agent", replace(watched(1), frames=stripes), width)(0)
    assert set(np.unique(drawn[: width // 2])) == greys


def test_two_agents_side_by_side_and_episodes_in_a_row() -> None:
    both = {"one": [watched(30), watched(10)], "other": [watched(20), watched(12)]}
    frames, _ = pictures(film(both, ".mp4", FilmOptions(width=128)))
    assert frames.shape[2] == 256 and len(frames) == 31 + 13


def test_fast_and_long_episodes_are_thinned() -> None:
    frames, rate = pictures(film({"agent": [watched(100, rate=200)]}, ".mp4", FilmOptions(width=64)))
    assert len(frames) == 26 and rate == 50  # every fourth, and the last
    frames, _ = pictures(film({"agent": [watched(100)]}, ".mp4", FilmOptions(width=64, longest=20)))
    assert len(frames) <= 22


def test_a_gif_moves_at_the_same_pace() -> None:
    data = film({"agent": [watched(20, flagged=(3,))]}, ".gif", FilmOptions(width=96))
    with Image.open(io.BytesIO(data)) as picture:
        durations = []
        for number in range(picture.n_frames):
            picture.seek(number)
            durations.append(picture.info["duration"])
    assert sum(durations) == 21 * 50  # equal pictures may be one that is shown for longer


def test_without_a_model_there_is_nothing_to_tint() -> None:
    frames, _ = pictures(film({"agent": [replace(watched(), earned=None)]}, ".mp4", FilmOptions(width=128)))
    assert len(frames) == 41


def test_other_kinds_are_refused() -> None:
    with pytest.raises(OptionError, match=r"A film is .mp4 or .gif, got .avi"):
        film({"agent": [watched()]}, ".avi")
    with pytest.raises(OptionError, match="width of 64 pixels or more"):
        FilmOptions(width=8)
