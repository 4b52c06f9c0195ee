"""The masked autoencoder by hand: patches, mask, the formula of its score, pasted blobs, bytes, and no look ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsreward.detection.detectors.windows import WindowDetector
from tsreward.detection.metrics import roc_auc
from tsreward.encoders.base import Identity
from tsreward.encoders.frames import FrameOptions
from tsreward.encoders.raw_frames import RawFrames
from tsreward.errors import DataError, OptionError
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.scorers.masked_autoencoder import MaskedAutoencoder, MaskedAutoencoderOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

SIDE, K = 16, 3
SMALL = MaskedAutoencoderOptions(patch=4, hidden=0.5, width=16, heads=2, layers=1, feed_forward=16)
FRAMED = replace(SMALL, frame_shape=(SIDE, SIDE, 3))
FEW = TrainOptions(epochs=2, batch_size=32, windows_per_epoch=64)


def rolling(steps: int, start: int = 0, speed: int = 1, colour: int = 0) -> np.ndarray:
    """Return frames [T, 16, 16, 3] of a bright square that moves to the right and comes in again on the left."""
    frames = np.full((steps, SIDE, SIDE, 3), 30, np.uint8)
    for step in range(steps):
        columns = (start + speed * step + np.arange(4)) % SIDE
        frames[step, 6:10, columns, colour] = 220
    return frames


def windows(*films: np.ndarray, skip: int = 1) -> WindowSet:
    return WindowSet.from_episodes([torch.from_numpy(film).flatten(1) for film in films], K, skip)


def made(options: MaskedAutoencoderOptions = FRAMED) -> MaskedAutoencoder:
    scorer = MaskedAutoencoder(K, options)
    scorer.materialise(SIDE * SIDE * 3 if options.frame_shape else 6)
    return scorer


def noise(batch: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(batch)
    return torch.randint(0, 256, (batch, K, SIDE * SIDE * 3), generator=draw, dtype=torch.uint8)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    encoder = RawFrames((2 * SIDE, SIDE, 3), FrameOptions(size=(SIDE, SIDE)))
    films = [rolling(30, start).repeat(2, 1) for start in range(8)]
    return RewardModel(MaskedAutoencoder(K, SMALL), Likeness(), encoder, frame_skip=2).fit(films, options=FEW)


def test_patches_are_cut_row_by_row_and_put_together_again() -> None:
    scorer = made()
    pictures = scorer._pictures(noise())[:, -1]
    patches = scorer._patches(pictures)
    assert patches.shape == (2, 16, 4 * 4 * 3)
    assert torch.equal(patches[1, 6], pictures[1, 4:8, 8:12].flatten())
    assert torch.equal(scorer._whole(patches), pictures)


@pytest.mark.parametrize("motion", [0.0, 2.0])
def test_the_score_is_the_formula(motion: float) -> None:
    """With an answer of 0.25 everywhere, patch by patch."""
    scorer = made(replace(FRAMED, motion=motion))
    torch.nn.init.zeros_(scorer.out.weight)
    torch.nn.init.constant_(scorer.out.bias, 0.25)
    frames = noise(1)[0].reshape(K, SIDE, SIDE, 3).numpy().astype(float) / 127.5 - 1
    errors, moves = [], []
    for row in range(0, SIDE, 4):
        for column in range(0, SIDE, 4):
            part = frames[:, row : row + 4, column : column + 4]
            squares = [(part[-1] - 0.25) ** 2, np.full((4, 4, 1), 0.25**2)]  # nothing is marked in what is scored
            errors.append(np.concatenate(squares, -1).mean())
            moves.append(np.abs(part[-1] - part[0]).mean() + 1e-3)
    wanted = np.mean(np.array(errors)[scorer.hides.numpy()]) + motion * np.average(errors, weights=moves)
    assert scorer.measure(noise(1)).item() == pytest.approx(wanted, rel=1e-5)


def test_what_is_hidden_changes_no_answer_and_what_is_visible_does() -> None:
    scorer = made()
    pictures = scorer._pictures(noise())
    before = scorer._answer(pictures)
    for patch in range(16):
        row, column = 4 * (patch // 4), 4 * (patch % 4)
        changed = pictures.clone()
        changed[:, :, row : row + 4, column : column + 4] *= -1
        assert torch.equal(scorer._answer(changed), before) == bool(scorer.hides[patch])


@pytest.mark.parametrize(("hidden", "count"), [(0.5, 8), (0.25, 4), (0.01, 1), (0.99, 15)])
def test_a_fraction_of_the_patches_is_hidden(hidden: float, count: int) -> None:
    assert int(made(replace(FRAMED, hidden=hidden)).hides.sum()) == count


def test_visible_patches_are_convolved_at_their_places() -> None:
    scorer = made()
    met: list[Tensor] = []
    scorer.encoder[0].near.register_forward_hook(lambda _, inputs, __: met.append(inputs[0]))
    scorer._answer(scorer._pictures(noise()))
    filled = met[0].abs().sum(1).flatten(1) > 0
    assert torch.equal(filled, (~scorer.hides).expand(2, -1))
    tokens = scorer.into(scorer._patches(scorer._pictures(noise()).permute(0, 2, 3, 1, 4).flatten(3))) + scorer.place
    expected = scorer.encoder[0].norm_attention(tokens)[:, ~scorer.hides]
    assert torch.allclose(met[0].flatten(2).transpose(1, 2)[:, ~scorer.hides], expected, atol=1e-5)


def test_the_mask_follows_from_the_seed_and_comes_with_the_state() -> None:
    masks = [
        MaskedAutoencoder(K, FRAMED).fit(windows(rolling(30)), options=replace(FEW, epochs=1, seed=seed)).hides
        for seed in (0, 0, 1)
    ]
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])
    assert "hides" in made().state_dict()


def test_blobs_are_marked_where_they_show() -> None:
    scorer = made(replace(FRAMED, pasted=1.0))
    pictures = scorer._pictures(windows(rolling(20)).gather(torch.arange(8)))
    others = scorer._pictures(windows(rolling(20, colour=1)).gather(torch.arange(8)))
    seen, marked = scorer._paste(pictures, others, torch.Generator().manual_seed(0))
    shows = (seen != pictures)[:, -1].any(-1, keepdim=True)
    assert torch.equal(marked.bool(), shows) and 0 < marked.mean() < 0.3
    none, nothing = made(replace(FRAMED, pasted=0.0))._paste(pictures, others, torch.Generator().manual_seed(0))
    assert torch.equal(none, pictures) and not nothing.any()


def test_it_tells_other_looks_and_learns_from_negatives() -> None:
    normal = windows(*(rolling(60, start) for start in range(6)))
    settings = TrainOptions(epochs=8, batch_size=32, windows_per_epoch=640, learning_rate=3e-3)
    scorer = MaskedAutoencoder(K, FRAMED).fit(normal, options=settings)
    usual, green = (scorer.score_all(windows(film)).numpy() for film in (rolling(60, 9), rolling(60, 9, colour=1)))
    labels = np.repeat([0, 1], 60)
    assert roc_auc(labels, np.concatenate([usual, green])) > 0.95
    backwards = windows(*(rolling(60, start, speed=-1) for start in range(6)))
    taught = MaskedAutoencoder(K, FRAMED).fit(normal, backwards, settings)
    unseen = [taught.score_all(windows(rolling(60, 9, speed))).numpy() for speed in (1, -1)]
    assert roc_auc(labels, np.concatenate(unseen)) > 0.85


def test_the_middle_is_for_detection_only() -> None:
    middle = replace(FRAMED, target="middle")
    scorer = made(middle)
    torch.nn.init.zeros_(scorer.out.weight)
    torch.nn.init.constant_(scorer.out.bias, -1.0)  # black
    film = np.zeros((9, SIDE, SIDE, 3), np.uint8)
    film[4] = 255
    scorer.fitted.fill_(True)
    assert scorer.score_all(windows(film)).argmax() == 5  # the window that has step 4 in its middle
    with pytest.raises(OptionError, match="a reward must not see the future: take its causal form"):
        RewardModel(MaskedAutoencoder(K, middle), Likeness(), RawFrames((SIDE, SIDE, 3)))
    noise_rows = np.random.default_rng(0).random((50, 6))
    with pytest.raises(OptionError, match="scores the middle of a window with these options: give WindowDetector"):
        WindowDetector(MaskedAutoencoder, K, replace(SMALL, target="middle"), train=FEW).fit(noise_rows)


def test_frames_stay_bytes_and_other_numbers_are_refused() -> None:
    scorer = MaskedAutoencoder(K, FRAMED).fit(windows(rolling(30)), options=FEW)
    store = windows(rolling(30)).store
    assert scorer.standardise(store) is store
    with pytest.raises(
        DataError, match=r"MaskedAutoencoder with frame_shape=\(16, 16, 3\) reads bytes, uint8, got float32"
    ):
        scorer(noise().float())


def test_training_on_bytes_resumes(tmp_path) -> None:
    normal = windows(rolling(30), rolling(30, 5))
    straight = MaskedAutoencoder(K, FRAMED).fit(normal, options=FEW)
    state = replace(FEW, state=tmp_path / "state")
    MaskedAutoencoder(K, FRAMED).fit(normal, options=replace(state, epochs=1))
    resumed = MaskedAutoencoder(K, FRAMED).fit(normal, options=state)
    assert torch.equal(resumed(noise()), straight(noise()))


def test_frames_online_are_frames_in_bulk(model: RewardModel, tmp_path) -> None:
    film = rolling(40, 3).repeat(2, 1)
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    whole = model.score(film)
    assert torch.equal(loaded.score(film), whole)
    stream = RewardStream(loaded, 1)
    frames = torch.from_numpy(film)
    stream.start(frames[:1])
    stepwise = torch.cat([stream.step(frame[None]).score for frame in frames[1:]])
    assert torch.equal(stepwise, whole[1:])
    assert model.chunk == 1


def test_frames_are_for_scorers_of_frames() -> None:
    encoder = RawFrames((SIDE, SIDE, 3))
    with pytest.raises(OptionError, match="KNN compares features, and the encoder gives 16 x 16 pixels as they are"):
        RewardModel(KNN(K), Likeness(), encoder)
    with pytest.raises(OptionError, match=r"reads frames \(16, 16, 3\), and the encoder gives \(8, 8, 3\)"):
        RewardModel(MaskedAutoencoder(K, FRAMED), Likeness(), RawFrames((8, 8, 3)))
    with pytest.raises(OptionError, match="makes 4800 patches of 4800 features, and 4096 are the most: encode frames"):
        RewardModel(MaskedAutoencoder(K), Likeness(), Identity()).fit([np.zeros((9, 40, 40, 3), np.uint8)] * 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 10}, "width must be a multiple of heads=4"),
        ({"frame_shape": (20, 16, 3)}, "patch must be a divisor of height and width of frames 20 x 16"),
        ({"frame_shape": (8, 8, 3)}, "patch must be small enough for four patches in frames 8 x 8"),
        ({"hidden": 1.0}, r"hidden must be a number in \(0, 1\)"),
    ],
)
def test_options_that_do_not_fit_are_refused(values: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        MaskedAutoencoderOptions(**values)
