"""Videos of a tiny random CogVideoX: what is drawn, what an adapter learns and keeps, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.recipes.tiny_diffusion import LENGTH, WIDTH, drift, save_diffusion
from tsreward.errors import DataError, MissingExtraError, OptionError
from tsreward.recipes.video_diffusion import FinetuneOptions, Prompt, VideoDiffusion, read_prompt

pytest.importorskip("diffusers", reason="needs the extra 'diffusion'")
pytest.importorskip("peft", reason="needs the extra 'diffusion'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

FAST = FinetuneOptions(finetune_steps=40, finetune_rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cogvideox")
    save_diffusion(folder, text=True)
    return folder


def read(folder: Path, text: bool = False) -> VideoDiffusion:
    return VideoDiffusion.pretrained(str(folder), local_only=True, text=text)


def prompt(negative: bool = False) -> Prompt:
    drawn = torch.randn(2, 1, LENGTH, WIDTH, generator=torch.Generator().manual_seed(0))
    return Prompt(drawn[0], drawn[1] if negative else None)


def test_a_video_begins_with_the_frame_and_follows_from_the_seed(folder: Path) -> None:
    model, first = read(folder), drift(0)[0]
    video = model.draw(first, prompt(), denoising_steps=2, guidance=1, seed=1)
    assert video.shape == (9, 32, 32, 3) and video.dtype == np.uint8
    assert np.array_equal(model.draw(first, prompt(), denoising_steps=2, guidance=1, seed=1), video)
    assert not np.array_equal(model.draw(first, prompt(), denoising_steps=2, guidance=1, seed=2), video)
    assert not np.array_equal(model.draw(255 - first, prompt(), denoising_steps=2, guidance=1, seed=1), video)
    assert model.draw(drift(0)[0][:20, :24], prompt(), 17, 1, 1).shape == (17, 32, 32, 3)


def test_guidance_moves_the_video_away_from_the_negative_prompt(folder: Path) -> None:
    model, first = read(folder), drift(0)[0]
    plain, guided = (model.draw(first, prompt(True), denoising_steps=2, guidance=by) for by in (1.0, 6.0))
    assert not np.array_equal(plain, guided)
    with pytest.raises(OptionError, match="Guidance 6 compares with a negative prompt, and the embeddings hold none"):
        model.draw(first, prompt(), guidance=6)


def test_a_text_becomes_embeddings(folder: Path) -> None:
    model = read(folder, text=True)
    one, other = model.prompt("open the drawer"), model.prompt("open")
    assert one.positive.shape == (1, LENGTH, WIDTH)
    assert not torch.equal(one.positive, other.positive)
    assert one.negative is not None and other.negative is not None
    assert torch.equal(one.negative, other.negative)
    with pytest.raises(OptionError, match="read without its text encoder: give prompt embeddings"):
        read(folder).prompt("open")


def test_an_adapter_learns_and_its_file_gives_the_same_videos(folder: Path, tmp_path: Path) -> None:
    model, first = read(folder), drift(0)[0]
    bare = model.draw(first, prompt(), denoising_steps=2, guidance=1)
    frozen = {name: value.clone() for name, value in model.pipeline.transformer.state_dict().items()}
    steps: list[int] = []
    videos = [drift(seed) for seed in range(5)]
    before, after = model.finetune(videos, prompt(), FAST, report=lambda done, total: steps.append(done))
    assert after < 0.8 * before
    assert steps == list(range(1, 41))
    moved = model.pipeline.transformer.state_dict()
    assert all(torch.equal(value, moved.get(name, moved.get(_inside(name)))) for name, value in frozen.items())
    tuned = model.draw(first, prompt(), denoising_steps=2, guidance=1)
    assert not np.array_equal(tuned, bare)
    model.save_adapter(tmp_path / "adapter.safetensors")
    again = read(folder)
    again.load_adapter(tmp_path / "adapter.safetensors")
    assert np.array_equal(again.draw(first, prompt(), denoising_steps=2, guidance=1), tuned)
    with pytest.raises(OptionError, match="has an adapter already: read it anew"):
        again.load_adapter(tmp_path / "adapter.safetensors")


def _inside(name: str) -> str:
    """Return what a frozen layer is called where an adapter stands round it."""
    layer, _, kind = name.rpartition(".")
    return f"{layer}.base_layer.{kind}"


@pytest.mark.filterwarnings("ignore:The loss on held-out videos")
def test_a_new_adapter_changes_nothing_and_the_measurement_repeats(folder: Path) -> None:
    options = FinetuneOptions(finetune_steps=1, finetune_rate=1e-12)
    videos = [drift(seed) for seed in range(3)]
    first = read(folder).finetune(videos, prompt(), options)
    assert first[0] == pytest.approx(first[1], rel=1e-5)
    assert read(folder).finetune(videos, prompt(), options) == first
    assert read(folder).finetune(videos, prompt(), options, seed=1) != first


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
def test_what_a_network_predicts_is_what_it_learns(prediction: str, tmp_path: Path) -> None:
    save_diffusion(tmp_path, prediction)
    before, after = read(tmp_path).finetune([drift(seed) for seed in range(3)], prompt(), FAST)
    assert after < before


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    model = read(folder)
    with pytest.raises(OptionError, match="device 'nowhere' cannot be used here"):
        VideoDiffusion.pretrained(str(folder), device="nowhere")
    with pytest.raises(OptionError, match="one frame more than a multiple of 8, got 10: give 9"):
        model.draw(drift(0)[0], prompt(), 10, guidance=1)
    with pytest.raises(OptionError, match="cannot draw 9 frames so"):
        model.draw(drift(0)[0], Prompt(torch.zeros(1, LENGTH, WIDTH + 1)), guidance=1)
    with pytest.raises(DataError, match="got 1: give two"):
        model.finetune([drift(0)], prompt())
    with pytest.raises(OptionError, match="no adapter to save"):
        model.save_adapter("adapter.safetensors")


def test_weights_that_are_no_safetensors_are_refused(folder: Path, tmp_path: Path) -> None:
    save_diffusion(tmp_path)
    weights = tmp_path / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save(safetensors.torch.load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(
        DataError, match=r"No transformer of a CogVideoX with .safetensors weights .* as save_pretrained"
    ):
        read(tmp_path)


def test_a_folder_without_a_model_and_a_hub_that_cannot_be_reached_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"No scheduler of a CogVideoX .* Put the folders") as told:
        read(tmp_path)
    assert "\n" not in str(told.value)
    with pytest.raises(DataError, match="neither a folder nor a name on the hub"):
        read(tmp_path / "gone")
    with pytest.raises(DataError, match="Only this machine was searched") as told:
        VideoDiffusion.pretrained("nobody/has-this", local_only=True)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="Check the name; without a network, download it elsewhere") as told:
        VideoDiffusion.pretrained("nobody/has-this")
    assert "\n" not in str(told.value)


def test_a_model_that_draws_from_a_text_alone_is_refused(tmp_path: Path) -> None:
    save_diffusion(tmp_path)
    from diffusers import AutoencoderKLCogVideoX

    config = AutoencoderKLCogVideoX.load_config(tmp_path / "vae")
    AutoencoderKLCogVideoX.from_config({**config, "latent_channels": 8}).save_pretrained(tmp_path / "vae")
    with pytest.raises(DataError, match="draws from a text alone: give a CogVideoX that draws from an image"):
        read(tmp_path)


def test_files_of_adapters_and_prompts_are_checked(folder: Path, tmp_path: Path) -> None:
    model = read(folder)
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(DataError, match="is no file of an adapter"):
        model.load_adapter(tmp_path / "text.safetensors")
    with pytest.raises(DataError, match="is no file of an adapter"):
        model.load_adapter(tmp_path / "gone.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="its rank is missing"):
        model.load_adapter(tmp_path / "other.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors", {"tsreward": '{"rank": 4}'})
    with pytest.raises(DataError, match="is an adapter of another model"):
        model.load_adapter(tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="holds no prompt embeddings"):
        read_prompt(tmp_path / "text.safetensors")
    with pytest.raises(DataError, match=r"must hold floats 'prompt' \[L, D\], and perhaps 'negative', got a \[2\]"):
        read_prompt(tmp_path / "other.safetensors")
    np.save(tmp_path / "prompt.npy", np.ones((LENGTH, WIDTH), np.float16))
    assert read_prompt(tmp_path / "prompt.npy").positive.shape == (1, LENGTH, WIDTH)
    safetensors.torch.save_file(
        {"prompt": torch.zeros(3, 2), "negative": torch.ones(3, 2)}, tmp_path / "both.safetensors"
    )
    both = read_prompt(tmp_path / "both.safetensors")
    assert both.negative is not None and both.negative.shape == (1, 3, 2)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[diffusion\]"):
        read(folder)
