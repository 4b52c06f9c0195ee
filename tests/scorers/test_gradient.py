"""Scorers that learn by gradient begin without training, and their loss is there for others to go on with."""

from __future__ import annotations

import pytest
import torch

from tests.worlds import all_windows
from tsreward.errors import DataError, ShapeError
from tsreward.functional.seeding import generator
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.discriminator import Discriminator
from tsreward.scorers.gradient import GradientScorer
from tsreward.scorers.lstm_vae import LSTMVAE
from tsreward.scorers.transformer_ae import TransformerAE
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

LEARNERS = [DeepSVDD, Discriminator, LSTMVAE, TransformerAE]


@pytest.mark.parametrize("scorer_class", LEARNERS)
def test_begun_is_fitted_by_no_more_than_the_seed_and_the_moments(
    scorer_class: type[GradientScorer], normal: WindowSet
) -> None:
    first, again, other = (scorer_class(4, scorer_class.Options()) for _ in range(3))
    windows, state = all_windows(normal)[:50], torch.random.get_rng_state()
    for scorer, seed in ((first, 1), (again, 1), (other, 2)):
        scorer.begin(normal, seed)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first(windows), again(windows)) and not torch.equal(first(windows), other(windows))
    trained = scorer_class(4, scorer_class.Options())
    trained.fit(normal, normal, TrainOptions(learning_rate=0.0, epochs=1, windows_per_epoch=256, seed=1))
    torch.testing.assert_close(first.mean, trained.mean, rtol=0.1, atol=0.1)  # of all windows, not of a part
    assert len(first(windows).unique()) > 10 and not first.training


@pytest.mark.parametrize("scorer_class", LEARNERS)
def test_steps_down_the_objective_tell_normal_from_negative(
    scorer_class: type[GradientScorer], normal: WindowSet
) -> None:
    scorer, noise = scorer_class(4, scorer_class.Options()), generator(0)
    scorer.begin(normal)
    good, bad = (scorer.standardise(all_windows(normal) + shift)[:64] for shift in (0, 1))
    optimiser = torch.optim.Adam(scorer.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = scorer.objective(good, bad, noise)
        assert loss.shape == () and loss.requires_grad
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        assert scorer.measure(bad).mean() > 1.3 * scorer.measure(good).mean()


def test_what_is_prepared_stays_where_the_scorer_is_fitted(normal: WindowSet) -> None:
    scorer = DeepSVDD(4)
    scorer.fit(normal, options=TrainOptions(epochs=1, windows_per_epoch=256))
    centre = scorer.centre.clone()
    scorer.before_fit(normal.map(scorer.standardise))
    assert torch.equal(scorer.centre, centre)


def test_beginning_on_the_wrong_windows_is_refused(normal: WindowSet) -> None:
    with pytest.raises(DataError, match="got no normal windows"):
        DeepSVDD(4).begin(normal.where(torch.zeros(len(normal), dtype=torch.bool)))
    with pytest.raises(ShapeError, match=r"expects normal windows \[B, 3, D\], got \[B, 4, 5\]"):
        DeepSVDD(3).begin(normal)
