"""What the two autoencoders share, and what is particular to each."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import squared_mahalanobis
from tests.worlds import all_windows, broken, hazard, separation
from tsreward.errors import OptionError
from tsreward.functional.tensors import in_chunks
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.transformer_ae import TransformerAE, TransformerAEOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

QUICK = TrainOptions(windows_per_epoch=None, epochs=6)


def vae(**options: Any) -> LSTMVAE:
    return LSTMVAE(4, LSTMVAEOptions(hidden=32, **options))


@pytest.mark.parametrize(("error", "norm"), [("window", "l1"), ("window", "l2"), ("last", "l1"), ("last", "l2")])
@pytest.mark.parametrize("scorer_class", [TransformerAE, LSTMVAE])
def test_the_score_is_the_error_of_the_reconstruction(
    scorer_class: type, normal: WindowSet, unseen: Tensor, error: str, norm: str
) -> None:
    scorer = scorer_class(4, scorer_class.Options(error=error, norm=norm, clip=None))
    scorer.fit(normal, options=TrainOptions(epochs=1, windows_per_epoch=256))
    windows = scorer.standardise(unseen)
    difference = (windows - scorer.reconstruct(windows)[0]).detach()
    difference = difference[:, -1] if error == "last" else difference
    expected = difference.abs() if norm == "l1" else difference**2
    torch.testing.assert_close(scorer(unseen), expected.flatten(1).mean(1))


def test_steps_of_a_window_are_told_apart(normal: WindowSet, unseen: Tensor) -> None:
    scorer = TransformerAE(4)
    scorer.fit(normal, options=TrainOptions(epochs=1, windows_per_epoch=256))
    assert not torch.allclose(scorer(unseen.flip(1)), scorer(unseen), atol=1e-3)


@pytest.mark.parametrize("decoder", ["lstm", "mlp"])
def test_both_decoders_learn(normal: WindowSet, unseen: Tensor, seed: int, decoder: str) -> None:
    scorer = vae(decoder=decoder)
    scorer.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=20))
    assert separation(scorer(unseen), scorer(broken(unseen, seed))) > 0.75


def test_training_draws_from_the_posterior_and_scoring_does_not(unseen: Tensor, seed: int) -> None:
    scorer = vae()
    scorer.materialise(5)
    draw = torch.Generator().manual_seed(seed)
    first, second = (scorer.reconstruct(unseen, draw)[0] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(scorer.reconstruct(unseen)[0], scorer.reconstruct(unseen)[0])


def test_beta_draws_the_posterior_to_the_prior(normal: WindowSet, unseen: Tensor, seed: int) -> None:
    divergences = []
    for beta in (0.01, 10.0):
        scorer = vae(beta=beta)
        scorer.fit(normal, options=QUICK)
        divergence = scorer.reconstruct(unseen, torch.Generator().manual_seed(seed))[1]
        assert divergence is not None
        divergences.append(divergence.detach().mean().item() / beta)
    assert divergences[1] < 0.1 * divergences[0]


@pytest.mark.parametrize("negative_loss", ["hinge", "inverse"])
def test_negative_windows_are_pushed_away(seed: int, negative_loss: str) -> None:
    (normal, negative), (good, bad) = hazard(seed, 4), hazard(seed + 1, 4)
    scores = []
    for known in (None, negative):
        scorer = vae(negative_loss=negative_loss)
        scorer.fit(normal, known, TrainOptions(windows_per_epoch=None, epochs=20, seed=seed))
        scores.append((scorer(all_windows(good)), scorer(all_windows(bad))))
    assert separation(*scores[1]) > separation(*scores[0]) + 0.15


def test_the_weight_of_negative_windows_counts(seed: int) -> None:
    normal, negative = hazard(seed, 4)
    ignoring, weighted, alone = vae(negative_weight=0.0), vae(negative_weight=3.0), vae()
    ignoring.fit(normal, negative, QUICK)
    weighted.fit(normal, negative, QUICK)
    bad = all_windows(negative)
    assert float(weighted(bad).mean()) > 1.05 * float(ignoring(bad).mean())
    assert alone.options.negative_weight == 1.0


def test_the_margin_bounds_how_far_negative_windows_are_pushed(seed: int) -> None:
    normal, negative = hazard(seed, 4)
    means = []
    for margin in (0.5, 4.0):
        scorer = TransformerAE(4, TransformerAEOptions(margin=margin, layers=1, width=32, heads=2))
        scorer.fit(normal, negative, QUICK)
        means.append(float(scorer(all_windows(negative)).mean()))
    assert means[1] > 1.3 * means[0]


@pytest.mark.parametrize("error", ["window", "last"])
@pytest.mark.parametrize("scorer_class", [TransformerAE, LSTMVAE])
def test_mahalanobis_distance_of_the_error_equals_the_obvious_one(
    scorer_class: type, normal: WindowSet, unseen: Tensor, error: str
) -> None:
    options = scorer_class.Options(error=error, norm="l2", distance="mahalanobis", shrinkage=0.0, clip=None)
    scorer = scorer_class(4, options)
    scorer.fit(normal, options=QUICK)

    def errors(windows: Tensor) -> np.ndarray:
        standardised = scorer.standardise(windows)
        difference = (standardised - scorer.reconstruct(standardised)[0]).detach().double().numpy()
        return difference[:, -1:] if error == "last" else difference

    known = errors(all_windows(normal.split(QUICK.held_out, QUICK.seed)[0])).reshape(-1, 5)
    found = errors(unseen)
    distances = squared_mahalanobis(found.reshape(-1, 5), known.mean(0), np.cov(known.T, bias=True))
    expected = distances.reshape(len(unseen), -1).mean(1) / 5
    np.testing.assert_allclose(scorer(unseen).numpy(), expected, rtol=1e-2)
    chunked = in_chunks(scorer, unseen[:30], scorer.chunk)
    assert torch.equal(in_chunks(scorer, unseen[3:4], scorer.chunk), chunked[3:4])


def test_a_broken_relation_among_small_errors_shows_in_their_mahalanobis_distance(
    normal: WindowSet, unseen: Tensor, seed: int
) -> None:
    aucs = {}
    for distance in ("mean", "mahalanobis"):
        scorer = vae(error="last", norm="l2", distance=distance)
        scorer.fit(normal, options=QUICK)
        aucs[distance] = separation(scorer(unseen), scorer(broken(unseen, seed)))
    assert aucs["mahalanobis"] > max(aucs["mean"], 0.9)


def test_a_fraction_above_one_is_refused() -> None:
    with pytest.raises(OptionError, match=r"shrinkage must be a number in \[0, 1\], got 2"):
        LSTMVAEOptions(shrinkage=2.0)
