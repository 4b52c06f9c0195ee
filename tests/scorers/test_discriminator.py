"""The discriminator learns what its loss says, and nothing without negative windows."""

from __future__ import annotations

import pytest
import torch

from tests.worlds import all_windows, hazard, separation
from tsreward.errors import DataError
from tsreward.scorers.discriminator import Discriminator, DiscriminatorOptions
from tsreward.sequences.probes import apart
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


def test_it_is_refused_without_negative_windows(normal: WindowSet) -> None:
    scorer = Discriminator(4)
    with pytest.raises(DataError, match=r"got no negative ones: give fit\(normal, negative\), .* or use DeepSVDD"):
        scorer.fit(normal)
    assert not scorer.fitted


def test_answers_are_one_and_minus_one_where_the_two_are_easily_told_apart(normal: WindowSet) -> None:
    scorer, windows = Discriminator(4), all_windows(normal)
    scorer.fit(normal, apart(windows + 3), TrainOptions(epochs=6, windows_per_epoch=3000))
    assert float(scorer(windows).mean()) == pytest.approx(0, abs=0.2)
    assert float(scorer(windows + 3).mean()) == pytest.approx(2, abs=0.2)


def test_the_penalty_keeps_it_from_being_steep() -> None:
    (normal, negative), slopes, aucs = hazard(0, 4), [], []
    for weight in (0.0, 10.0):
        scorer = Discriminator(4, DiscriminatorOptions(gradient_penalty=weight))
        scorer.fit(normal, negative, TrainOptions(epochs=5, windows_per_epoch=3000))
        windows = all_windows(normal)[:500].requires_grad_()
        answers = scorer.measure(scorer.standardise(windows))
        (slope,) = torch.autograd.grad(answers.sum(), windows)
        slopes.append(float(slope.square().sum((1, 2)).mean()))
        aucs.append(separation(scorer(all_windows(normal)), scorer(all_windows(negative))))
    assert slopes[1] < 0.2 * slopes[0]
    assert min(aucs) > 0.8
