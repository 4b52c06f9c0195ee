"""What is particular to Deep SVDD: its centre, its layers without bias, its two distances."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, leaky_relu

from tests.naive import squared_mahalanobis
from tests.worlds import broken, separation
from tsreward.functional.tensors import in_chunks
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

QUICK = TrainOptions(windows_per_epoch=None, epochs=3)


@pytest.fixture(scope="module")
def fitted(normal: WindowSet) -> DeepSVDD:
    scorer = DeepSVDD(4)
    scorer.fit(normal, options=QUICK)
    return scorer


def test_the_centre_stays_away_from_zero(fitted: DeepSVDD) -> None:
    assert float(fitted.centre.abs().min()) >= 0.1


@pytest.mark.parametrize("network", ["mlp", "gru", "tcn"])
def test_no_layer_has_a_bias(network: str) -> None:
    scorer = DeepSVDD(4, DeepSVDDOptions(network=network))
    scorer.materialise(5)
    assert not [name for name, _ in scorer.named_parameters() if "bias" in name]
    assert torch.equal(scorer.embed(torch.zeros(1, 4, 5)), torch.zeros(1, 32))


def test_training_moves_every_weight_and_shrinks_the_sphere(
    fitted: DeepSVDD, normal: WindowSet, unseen: Tensor
) -> None:
    still = DeepSVDD(4)
    still.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=1, learning_rate=0.0))
    for layer, before in zip(fitted.embed, still.embed, strict=True):
        if isinstance(layer, nn.Linear):
            assert (layer.weight - before.weight).detach().abs().mean().item() > 1e-3
    assert float(fitted(unseen).mean()) < 0.5 * float(still(unseen).mean())


def test_the_score_is_the_squared_distance_to_the_centre(fitted: DeepSVDD, unseen: Tensor) -> None:
    embedded = fitted.embed(fitted.standardise(unseen))
    torch.testing.assert_close(fitted(unseen), (embedded - fitted.centre).square().sum(1))


def test_mahalanobis_distance_equals_the_obvious_one(normal: WindowSet, unseen: Tensor) -> None:
    scorer = DeepSVDD(4, DeepSVDDOptions(distance="mahalanobis", embedding=6, shrinkage=0.0, clip=None))
    scorer.fit(normal, options=QUICK)
    with torch.no_grad():
        learned = normal.split(QUICK.held_out, QUICK.seed)[0]
        known = scorer.embed(scorer.standardise(learned.gather(torch.arange(len(learned))))).double()
        rows = scorer.embed(scorer.standardise(unseen)).double()
    expected = squared_mahalanobis(rows.numpy(), known.mean(0).numpy(), known.T.cov(correction=0).numpy())
    torch.testing.assert_close(scorer(unseen), torch.from_numpy(expected).float(), rtol=1e-2, atol=1e-2)


def test_the_recurrent_network_learns_too(normal: WindowSet, unseen: Tensor, seed: int) -> None:
    scorer = DeepSVDD(4, DeepSVDDOptions(network="gru", hidden=32))
    scorer.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=10))
    assert separation(scorer(unseen), scorer(broken(unseen, seed))) > 0.75


@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_the_convolution_with_strides_equals_the_one_with_dilations(window: int) -> None:
    scorer = DeepSVDD(window, DeepSVDDOptions(network="tcn", hidden=6, embedding=2))
    scorer.materialise(3)
    windows = torch.randn(4, window, 3, generator=torch.Generator().manual_seed(0))
    missing = scorer.embed.missing
    steps = torch.cat([windows[:, :1].expand(-1, missing, -1), windows], 1).transpose(1, 2)  # [B, D, K]
    for depth, layer in enumerate(scorer.embed.layers):
        weight = layer.weight.unflatten(1, (2, -1)).transpose(1, 2)  # [out, 2·in] -> [out, in, 2]
        steps = leaky_relu(conv1d(steps, weight, dilation=2**depth), 0.1)
    assert steps.shape[2] == 1
    torch.testing.assert_close(scorer.embed(windows), scorer.embed.out(steps[..., 0]))


@pytest.mark.parametrize("network", ["gru", "tcn"])
def test_recurrent_and_convolutional_embeddings_learn(
    network: str, normal: WindowSet, unseen: Tensor, seed: int
) -> None:
    scorer = DeepSVDD(4, DeepSVDDOptions(network=network, hidden=64, distance="mahalanobis"))
    scorer.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=10))
    assert separation(scorer(unseen), scorer(broken(unseen, seed))) > 0.8
    chunked = in_chunks(scorer, unseen[:30], scorer.chunk)
    assert torch.equal(in_chunks(scorer, unseen[3:4], scorer.chunk), chunked[3:4])


def test_the_gradient_penalty_flattens_the_score_around_normal_windows(normal: WindowSet, unseen: Tensor) -> None:
    slopes = []
    for weight in (0.0, 1.0):
        scorer = DeepSVDD(4, DeepSVDDOptions(gradient_penalty=weight))
        scorer.fit(normal, normal.map(lambda store: store + 1), TrainOptions(epochs=3, windows_per_epoch=2000))
        rows = scorer.standardise(unseen).requires_grad_()
        (slope,) = torch.autograd.grad(scorer.measure(rows).sum(), rows)
        slopes.append(float(slope.square().sum((1, 2)).mean()))
        assert separation(scorer(unseen), scorer(unseen + 1)) > 0.9
    assert slopes[1] < 0.5 * slopes[0]
