"""Clip encoders: frames alone, and tiny random networks of each kind from a folder."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.encoders.tiny_clips import SAVED, save_network
from tsreward.encoders.clip_video import ClipVideoEncoder, ClipVideoOptions, stack_clips
from tsreward.errors import DataError, OptionError, TSRewardWarning
from tsreward.functional.seeding import generator

LENGTH = {"videomae": 4, "vjepa2": 4, "xclip": 4, "cogvideox": 9}


def clips(length: int, number: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (number, length, 20, 24, 3), dtype=torch.uint8, generator=generator(0))


def test_frames_alone_are_small_centred_colours() -> None:
    encoder = ClipVideoEncoder((2, 4, 4, 1), ClipVideoOptions(side=1))
    film = torch.zeros(1, 2, 4, 4, 1, dtype=torch.uint8)
    film[0, 1] = 200
    assert torch.allclose(encoder(film), torch.tensor([[-1.0, 1.0]]) / 2**0.5)
    assert torch.equal(encoder(torch.full_like(film, 7)), torch.zeros(1, 2))


@pytest.mark.parametrize("network", SAVED)
def test_each_network_is_read_from_a_folder_and_read_again(network: str, tmp_path: Path) -> None:
    pytest.importorskip(SAVED[network], reason="needs an extra")
    save_network(network, tmp_path)
    films = clips(LENGTH[network])
    encoder = ClipVideoEncoder.pretrained(tuple(films.shape[1:]), network, str(tmp_path))
    found = encoder(films)
    assert found.shape == (3, encoder.dim)
    assert torch.allclose(found.norm(dim=1), torch.ones(3))
    assert not torch.allclose(found[0], found[1], atol=1e-6)
    assert not list(encoder.state_dict())
    again = ClipVideoEncoder(encoder.obs_shape, encoder.options)
    assert torch.equal(again(films[1:2]), found[1:2])


def test_weights_that_changed_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    first, second = tmp_path / "first", tmp_path / "second"
    save_network("videomae", first)
    save_network("videomae", second, seed=1)
    encoder = ClipVideoEncoder.pretrained((4, 20, 24, 3), "videomae", str(first))
    with pytest.raises(DataError, match=r"its scores would mean nothing"):
        encoder.connect(str(second))


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    save_network("videomae", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match=r"No videomae with .safetensors weights can be read from .*Put config.json"):
        ClipVideoEncoder.pretrained((4, 20, 24, 3), "videomae", str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'pixels'")

    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co'\nsecond line")

    monkeypatch.setattr(transformers.VideoMAEModel, "from_pretrained", unreachable)
    with pytest.raises(DataError, match=r"couldn't connect to .*without a network, download it elsewhere") as caught:
        ClipVideoEncoder.pretrained((4, 20, 24, 3), "videomae", "somebody/videomae")
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"encodes clips \(S, H, W, C\), got \(8, 8, 3\)"):
        ClipVideoEncoder((8, 8, 3))
    with pytest.raises(OptionError, match="takes a network with a source, or frames without"):
        ClipVideoEncoder((4, 8, 8, 3), ClipVideoOptions(network="videomae"))
    with pytest.raises(OptionError, match=r"Unknown network 's3d' of clips. Known: videomae"):
        ClipVideoEncoder.pretrained((4, 8, 8, 3), "s3d", str(tmp_path))
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    save_network("videomae", tmp_path)
    with pytest.raises(OptionError, match="takes clips of 4 frames, got 7"):
        ClipVideoEncoder.pretrained((7, 8, 8, 3), "videomae", str(tmp_path))


def test_clips_end_with_their_frame_and_begin_with_the_first() -> None:
    video = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    found = stack_clips(video, 3, frame_skip=2)[:, :, 0, 0, 0]
    assert found.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 3], [0, 2, 4], [1, 3, 5]]


def test_videos_that_show_nothing_are_refused_or_named() -> None:
    with pytest.raises(DataError, match="The video is of one colour"):
        stack_clips(np.full((9, 4, 4, 3), 90, np.uint8), 2)
    with pytest.raises(DataError, match=r"expects the frames \[T, H, W, C\]"):
        stack_clips(np.zeros((9, 4, 4), np.uint8), 2)
    with pytest.raises(OptionError, match="length >= 1"):
        stack_clips(np.zeros((9, 4, 4, 3), np.uint8), 0)
    still = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3).repeat(5, 0)
    with pytest.warns(TSRewardWarning, match="stands still"):
        stack_clips(still, 2)
