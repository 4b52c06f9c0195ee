"""Tokens of frames: a picture gets the same ones whatever stands beside it, and one can be made of them again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.errors import DataError, NotFittedError, OptionError
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
from tsreward.training import TrainOptions

OPTIONS = VQOptions(
    grid=4, codes=32, channels=8, code_dim=8, epochs=25, frames_per_epoch=512, batch_size=32, learning_rate=3e-3
)


def moving(count: int = 60, seed: int = 0) -> Tensor:
    """Return frames [count, 16, 16, 3] of a square that jumps about on a still background."""
    noise = torch.Generator().manual_seed(seed)
    frames = torch.full((count, 16, 16, 3), 90, dtype=torch.uint8)
    for frame, (row, column) in zip(
        frames, (4 * torch.randint(0, 4, (count, 2), generator=noise)).tolist(), strict=True
    ):
        frame[row : row + 4, column : column + 4] = torch.tensor([250, 20, 20], dtype=torch.uint8)
    return frames


@pytest.fixture(scope="module")
def fitted() -> VQTokenizer:
    return VQTokenizer((16, 16, 3), OPTIONS).fit([moving(60), moving(60, 1)])


def test_fit_is_repeatable_and_leaves_the_global_generator(fitted: VQTokenizer) -> None:
    before = torch.get_rng_state()
    again = VQTokenizer((16, 16, 3), OPTIONS).fit([moving(60), moving(60, 1)])
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in fitted.state_dict().items())
    assert torch.equal(again.fit([moving(60), moving(60, 1)])(moving(4, 9)), fitted(moving(4, 9)))


def test_a_frame_has_the_same_tokens_in_any_company(fitted: VQTokenizer) -> None:
    frames = moving(40, 2)
    together = fitted(frames)
    assert together.shape == (40, 16)
    assert torch.equal(together, torch.cat([fitted(frame[None]) for frame in frames]))
    assert together.unique().tolist() == together.unique().long().tolist()
    assert 0 <= together.min() <= together.max() < 32


def test_pictures_come_back_from_tokens(fitted: VQTokenizer) -> None:
    frames = moving(40, 2)
    made = fitted.decode(fitted(frames))
    assert made.shape == frames.shape
    assert made.dtype == torch.uint8
    wrong = (made.float() - frames.float()).square().mean()
    still = (frames.float().mean(0) - frames.float()).square().mean()
    assert wrong < 0.5 * still


def test_nothing_moves_after_fit(fitted: VQTokenizer) -> None:
    before = {name: value.clone() for name, value in fitted.state_dict().items()}
    fitted(moving(40, 3))
    assert all(torch.equal(value, before[name]) for name, value in fitted.state_dict().items())
    assert not any(weight.requires_grad for weight in fitted.parameters())
    assert not fitted.training


def test_a_collapsed_codebook_is_refused() -> None:
    same = torch.full((40, 16, 16, 3), 7, dtype=torch.uint8)
    with pytest.raises(DataError, match=r"VQTokenizer uses \d of 256 codes, so frames look alike to it"):
        VQTokenizer((16, 16, 3), VQOptions(grid=2, channels=8, epochs=1, frames_per_epoch=64)).fit([same])


def test_what_it_cannot_work_on_is_refused() -> None:
    with pytest.raises(OptionError, match="makes a grid of 4 x 4 tokens of frames whose side is that times a power of"):
        VQTokenizer((24, 20, 3), OPTIONS)
    with pytest.raises(OptionError, match=r"times a power of two, got 24 x 24: give VQOptions\.size or another grid"):
        VQTokenizer((24, 24, 3), OPTIONS)
    with pytest.raises(NotFittedError, match="VQTokenizer was used before it was fitted: call fit with frames first"):
        VQTokenizer((16, 16, 3), OPTIONS)(moving(2))


def test_a_video_likelihood_from_frames_comes_back_from_its_file(fitted: VQTokenizer, tmp_path) -> None:
    model = RewardModel(VideoLikelihood(3, VideoLikelihoodOptions(width=16, heads=2)), Likeness("negative"), fitted)
    model.fit([moving(30, seed) for seed in range(4)], options=TrainOptions(epochs=1, windows_per_epoch=64))
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert torch.equal(again.score(moving(12, 5)), model.score(moving(12, 5)))


def test_one_likelihood_knows_two_tasks_by_their_label(fitted: VQTokenizer, tmp_path: Path) -> None:
    def still(seeds: range) -> list[Tensor]:
        return [moving(1, seed).expand(8, -1, -1, -1) for seed in seeds]  # task 0 stays where it is, task 1 jumps

    def jumps(seeds: range) -> list[Tensor]:
        return [moving(8, seed) for seed in seeds]

    first, second = fitted.for_task(0), fitted.for_task(1)
    scorer = VideoLikelihood(2, VideoLikelihoodOptions(codes=32, classes=2, width=16, feed_forward=32))
    features = [*map(first, still(range(40))), *map(second, jumps(range(40)))]
    budget = TrainOptions(epochs=25, batch_size=32, windows_per_epoch=640, learning_rate=3e-3)
    RewardModel(scorer, Likeness()).fit(features, options=budget)
    one, other = (RewardModel(scorer, Likeness("negative"), encoder) for encoder in (first, second))
    one.calibrate(still(range(40, 60)))
    other.calibrate(jumps(range(40, 60)))
    scores = [torch.cat([model.score(moving(20, seed)) for seed in range(60, 68)]) for model in (one, other)]
    assert float(scores[0].mean()) > float(scores[1].mean()) + 1
    strange, usual = (float(model.rate(s).p_value.mean()) for model, s in zip((one, other), scores, strict=True))
    assert strange < usual - 0.1
    jumping = moving(20, 50)
    save(one, tmp_path / "one.safetensors")
    assert torch.equal(load(tmp_path / "one.safetensors").score(jumping), one.score(jumping))
    assert torch.equal(first.decode(first(jumping)), fitted.decode(fitted(jumping)))


def test_labels_and_classes_belong_together(fitted: VQTokenizer) -> None:
    with pytest.raises(OptionError, match=r"reads 0 classes.*one: give VideoLikelihoodOptions.classes"):
        RewardModel(VideoLikelihood(2), Likeness(), fitted.for_task(1))
    with pytest.raises(OptionError, match=r"reads 2 classes.*for_task"):
        RewardModel(VideoLikelihood(2, VideoLikelihoodOptions(classes=2)), Likeness(), fitted)
    scorer = VideoLikelihood(2, VideoLikelihoodOptions(codes=32, classes=2, width=16))
    with pytest.raises(DataError, match="expects a class from 0 to 1"):
        RewardModel(scorer, Likeness(), fitted.for_task(2)).fit([moving(20, seed) for seed in range(6)])
