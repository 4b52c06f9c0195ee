"""`tsreward goal-video`: films and sheets of a model of one's own and of a tiny CogVideoX, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.recipes.test_goal_video import film
from tests.recipes.tiny_diffusion import LENGTH, WIDTH, drift, save_diffusion
from tsreward.data.video.reading import read_frames
from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.video_diffusion import VideoDiffusion
from tsreward.report.film import encoded
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
from tsreward.training import TrainOptions

Image = pytest.importorskip("PIL.Image", reason="needs the extra 'pixels'")
pytest.importorskip("av", reason="needs the extra 'pixels'")
Document = Callable[..., Any]


@pytest.fixture(scope="module")
def likelihood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a model of grey frames [16, 16, 1]."""
    films = [film(start)[..., :1] for start in range(3)]
    options = VQOptions(codes=8, grid=2, channels=8, code_dim=8, epochs=1, frames_per_epoch=128)
    tokenizer = VQTokenizer((16, 16, 1), options).fit(films)
    scorer = VideoLikelihood(2, VideoLikelihoodOptions(width=16, layers=1, heads=2, feed_forward=16))
    model = RewardModel(scorer, Likeness(), tokenizer)
    model.fit(films, options=TrainOptions(epochs=1, windows_per_epoch=64))
    path = tmp_path_factory.mktemp("likelihood") / "model.safetensors"
    save(model, path)
    return path


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Return a picture of another size than any model's."""
    Image.fromarray(drift(0)[0][:24]).save(tmp_path / "start.png")
    return tmp_path / "start.png"


def test_the_likeliest_of_several_is_the_film_and_all_are_on_the_sheet(
    likelihood: Path, start: Path, tmp_path: Path, document: Document
) -> None:
    given = ("goal-video", "--from-model", likelihood, "--image", start, "--frames", "6", "--samples", "3")
    shown = document(*given, "--out", tmp_path / "goal.mp4")
    assert shown["nats_per_frame"] == min(shown["all_nats"]) and len(shown["all_nats"]) == 3
    assert read_frames(tmp_path / "goal.mp4").shape == (6, 16, 16, 3)
    sheet = np.asarray(Image.open(io.BytesIO((tmp_path / "goal.png").read_bytes())))
    assert sheet.shape == (3 * (64 + 22), 6 * 68, 3)
    assert document(*given, "--out", tmp_path / "again.gif")["all_nats"] == shown["all_nats"]


def test_a_tiny_cogvideox_is_fine_tuned_kept_and_drawn_from_again(
    start: Path, tmp_path: Path, document: Document
) -> None:
    pytest.importorskip("peft", reason="needs the extra 'diffusion'")
    save_diffusion(tmp_path / "model")
    np.save(tmp_path / "prompt.npy", np.random.default_rng(0).normal(size=(LENGTH, WIDTH)).astype(np.float32))
    (tmp_path / "videos").mkdir()
    for seed in range(4):
        (tmp_path / "videos" / f"{seed}.gif").write_bytes(encoded(drift(seed), ".gif", 8))
    given = ("goal-video", "--model", tmp_path / "model", "--image", start, "--denoising-steps", "2", "--local-only")
    given = (*given, "--prompt-embeds", tmp_path / "prompt.npy", "--adapter", tmp_path / "adapter.safetensors")
    training = ("--finetune", tmp_path / "videos", "--finetune-steps", "30", "--finetune-rate", "3e-3")
    shown = document(*given, *training, "--out", tmp_path / "goal.gif")
    assert shown["held_out_loss_after"] < shown["held_out_loss_before"]
    tuned = read_frames(tmp_path / "goal.gif")
    assert tuned.shape == (9, 32, 32, 3)
    document(*given, "--out", tmp_path / "again.gif")
    assert np.array_equal(read_frames(tmp_path / "again.gif"), tuned)
    assert (tmp_path / "again.png").is_file()


def test_an_adapter_that_carries_nothing_over_is_named(
    start: Path, tmp_path: Path, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft", reason="needs the extra 'diffusion'")
    losses = iter((0.5, 0.75))
    monkeypatch.setattr(VideoDiffusion, "_held_loss", lambda *given: next(losses))
    save_diffusion(tmp_path / "model")
    np.save(tmp_path / "prompt.npy", np.zeros((LENGTH, WIDTH), np.float32))
    (tmp_path / "videos").mkdir()
    for seed in range(2):
        (tmp_path / "videos" / f"{seed}.gif").write_bytes(encoded(drift(seed), ".gif", 8))
    given = ("goal-video", "--model", tmp_path / "model", "--image", start, "--denoising-steps", "1")
    given = (*given, "--prompt-embeds", tmp_path / "prompt.npy", "--adapter", tmp_path / "adapter.safetensors")
    training = ("--finetune", tmp_path / "videos", "--finetune-steps", "1")
    shown = document(*given, *training, "--out", tmp_path / "goal.gif")
    assert (shown["held_out_loss_before"], shown["held_out_loss_after"]) == (0.5, 0.75)
    assert "from 0.5000 to 0.7500: the adapter has learned nothing that carries over" in str(shown["warnings"])


def test_what_cannot_be_drawn_is_told_in_a_line(
    likelihood: Path, start: Path, tmp_path: Path, complaint: Callable[..., str]
) -> None:
    given = ("goal-video", "--image", start, "--out", tmp_path / "goal.mp4")
    own = (*given, "--from-model", likelihood)
    assert "with --from-model FILE or with --model FOLDER: give one" in complaint(*given)
    assert "are for --model: leave them out" in complaint(*own, "--text", "open")
    assert "--text or --prompt-embeds says: give one" in complaint(*given, "--model", tmp_path)
    assert "--adapter FILE.safetensors" in complaint(
        *given, "--model", tmp_path, "--text", "open", "--finetune", tmp_path
    )
    assert "tasks of the model are none" in complaint(*own, "--task", "1")
    assert "is damaged or no picture" in complaint(*own, "--image", tmp_path / "gone.png")
    assert "A film is .mp4 or .gif" in complaint(*own, "--out", tmp_path / "goal.avi")
    pytest.importorskip("diffusers", reason="needs the extra 'diffusion'")
    folder = complaint(*given, "--model", tmp_path, "--text", "open")
    assert "No scheduler of a CogVideoX" in folder and "Put the folders of an image-to-video CogVideoX there" in folder
    model = RewardModel(KNN(2), Likeness()).fit([np.random.default_rng(0).normal(size=(60, 3))])
    save(model, tmp_path / "knn.safetensors")
    assert "got KNN over Identity" in complaint(*given, "--from-model", tmp_path / "knn.safetensors")
