"""Models on pictures: fitted from episodes in a file, the same bits online and in bulk, whole again from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.reliability.audit import audited
from tests.reliability.forge import signed
from tests.scripted import script
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.frames import FrameEncoder
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.errors import CheckpointError
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

SHAPE = (12, 14, 3)
ENCODERS = {
    "conv": lambda shape: ConvEncoder(shape, ConvOptions(dim=12, channels=(4, 6), masks=((0, 0, 2, 14),))),
    "pixel_pca": lambda shape: PixelPCA(shape, PixelPCAOptions(dim=6, side=8, size=(9, 10))),
}


def played(shape: tuple[int, ...], lengths: list[int], seed: int) -> list[Episode]:
    rng = np.random.default_rng(seed)
    return [script(rng, length, shape, np.uint8) for length in lengths]


def fitted(encoder: FrameEncoder, episodes: list[Episode]) -> RewardModel:
    frames = [episode.obs for episode in episodes]
    if isinstance(encoder, PixelPCA):
        encoder.fit(frames)
    scorer = DeepSVDD(3, DeepSVDDOptions(hidden=8, embedding=4))
    model = RewardModel(scorer, Likeness(LikenessOptions(smoothing=0.3)), encoder, frame_skip=2)
    model.fit(frames, options=TrainOptions(windows_per_epoch=None, epochs=1))
    return model


@pytest.mark.parametrize("shape", [SHAPE, (2, *SHAPE[:2], 1)])
@pytest.mark.parametrize("name", ENCODERS)
def test_frames_go_all_the_way(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    save_episodes(played(shape, [15, 12, 18, 9], seed=0), tmp_path / "episodes.npz")
    episodes = load_episodes(tmp_path / "episodes.npz")
    assert all(episode.obs.dtype == np.uint8 for episode in episodes)
    model = fitted(ENCODERS[name](shape), episodes)
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    fresh = played(shape, [7, 7, 7], seed=1)
    fresh[1] = replace(fresh[1], obs=fresh[1].obs[[0, 0, 0, 1, 1, 2, 2, 2]])  # it stands still now and then
    bulk = relabel(model, fresh)
    online = RewardStream(loaded, num_envs=3)
    at = [torch.from_numpy(np.stack([episode.obs[time] for episode in fresh])) for time in range(8)]
    online.start(at[0])
    for time in range(7):
        step = online.step(at[time + 1], None)
        for part, all_parts in zip(step, zip(*bulk, strict=True), strict=True):
            assert torch.equal(part, torch.stack([values[time] for values in all_parts]))
    alone = RewardStream(model, num_envs=1)
    alone.start(at[0][:1])
    assert [alone.step(obs[:1], None).score.item() for obs in at[1:]] == bulk[0].score.tolist()


def test_files_of_pixel_models_run_and_import_nothing(tmp_path: Path) -> None:
    for name, make in ENCODERS.items():
        save(fitted(make(SHAPE), played(SHAPE, [15, 12], seed=0)), tmp_path / f"{name}.safetensors")
    report = audited(tmp_path.glob("*.safetensors"), tmp_path)
    assert (report["loaded"], report["events"]) == (2, [])
    assert report["grown_mb"] < 64


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("conv", {"dim": 2**24}, "more than the file holds|encoder gives"),
        ("conv", {"channels": [2**30, 2**30]}, "."),
        ("conv", {"channels": [4] * 100}, "1 to 8 widths"),
        ("conv", {"size": [2**13, 2**13]}, "more than the file holds"),
        ("conv", {"masks": [[0, 0, 99, 99]]}, "lies outside frames"),
        ("conv", {"masks": [[0, 0, 1]]}, "ConvOptions.masks must be"),
        ("pixel_pca", {"side": 128}, r"Tensor 'encoder.centre'|more than the file holds"),
        ("pixel_pca", {"dim": 7}, "encoder gives 7 features"),
        ("pixel_pca", {"seed": 1}, "PixelPCAOptions has no option"),
    ],
)
def test_options_that_do_not_belong_to_the_weights_are_refused(
    tmp_path: Path, name: str, change: dict, message: str
) -> None:
    path = tmp_path / "model.safetensors"
    save(fitted(ENCODERS[name](SHAPE), played(SHAPE, [15, 12], seed=0)), path)
    signed(lambda manifest, _: manifest["encoder"]["options"].update(change))(path, path.read_bytes())
    with pytest.raises(CheckpointError, match=message):
        load(path)


@pytest.mark.parametrize("shape", [[2**24, 2**24, 3], [2**24, 12, 14, 3], [3, 12, 14], [12, 14]])
def test_frames_that_do_not_belong_to_the_weights_are_refused(tmp_path: Path, shape: list[int]) -> None:
    path = tmp_path / "model.safetensors"
    save(fitted(ENCODERS["conv"](SHAPE), played(SHAPE, [15, 12], seed=0)), path)
    signed(lambda manifest, _: manifest["encoder"].update(obs_shape=shape))(path, path.read_bytes())
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load(path)
