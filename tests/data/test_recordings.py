"""Whatever shows somebody doing something becomes episodes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.formats import WHOLE, as_csv, given
from tests.data.minari_sets import IMAGES, record
from tests.data.video.clips import moving, places, write
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.recordings import load_recordings
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError
from tsreward.sequences.episodes import Episode


def test_recorded_episodes(tmp_path):
    episodes = [Episode(np.full((length, 3), length, np.float32)) for length in (4, 6)]
    save_episodes(episodes, tmp_path / "walks.npz")
    read = load_recordings(tmp_path / "walks.npz")
    assert [episode.obs.tolist() for episode in read] == [episode.obs.tolist() for episode in episodes]


def test_minari(tmp_path, monkeypatch):
    pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    episode = Episode(moving(5, 32, 32), np.zeros(4, np.float32))
    record("pix/walk-v0", [episode], IMAGES)
    assert np.array_equal(load_recordings("minari:pix/walk-v0")[0].obs, episode.obs)


def test_every_video_of_a_folder_is_an_episode(tmp_path):
    pytest.importorskip("av")
    for number, length in ((10, 12), (9, 8)):
        write(tmp_path / f"take{number}.mp4", moving(length))
    (tmp_path / "notes.txt").write_text("two takes")
    first, second = load_recordings(tmp_path, FrameOptions(size=(16, 16)), frame_skip=2, rate=12.5)
    assert (first.obs.shape, second.obs.shape) == ((4, 16, 16, 3), (6, 16, 16, 3))
    assert (np.diff(places(second.obs)) > 0).all()
    with pytest.raises(DataError, match=r"take9.mp4 has 25 frames/s.*take frame_skip=5"):
        load_recordings(tmp_path, rate=5)


def test_arrays_and_folders_of_pictures_are_episodes(tmp_path):
    image = pytest.importorskip("PIL.Image")
    clip = moving(3, 8, 8)
    np.savez(tmp_path / "clip.npz", frames=clip)
    assert np.array_equal(load_recordings(tmp_path / "clip.npz")[0].obs, clip)
    for take in ("take2", "take10"):
        (tmp_path / "takes" / take).mkdir(parents=True)
        for index, frame in enumerate(clip[: 3 if take == "take10" else 2]):
            image.fromarray(frame).save(tmp_path / "takes" / take / f"{index}.png")
    assert [len(episode.obs) for episode in load_recordings(tmp_path / "takes")] == [2, 3]
    assert np.array_equal(load_recordings(tmp_path / "takes" / "take10")[0].obs, clip)


def test_what_shows_nothing_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "still.npy", moving(1))
    (tmp_path / "clip.txt").write_text("no clip")
    for name, message in (
        ("none.mp4", "There is no file or folder .*none.mp4"),
        ("empty", "holds neither videos .* nor pictures"),
        ("still.npy", "still.npy shows 1 frame, and an episode has two or more: leave it out"),
        ("clip.txt", "clip.txt is damaged or not an NPY or NPZ file"),
    ):
        with pytest.raises(DataError, match=message):
            load_recordings(tmp_path / name)


@pytest.mark.parametrize("write", WHOLE, ids=lambda write: write.__name__)
def test_demonstrations_come_in_every_format(write, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    told: list[str] = []
    read = load_recordings(write(tmp_path), tell=told.append)
    assert [np.float32(one.obs).tolist() for one in read] == [one.obs.tolist() for one in given()]
    narrow = DataColumns(obs=("x", "z"), ignore=("next_x", "next_y", "next_z"), layout="transition")
    if write is as_csv:
        chosen = load_recordings(tmp_path / "steps.csv", columns=narrow)
        assert [np.float32(one.obs).tolist() for one in chosen] == [one.obs[:-1, [0, 2]].tolist() for one in given()]
