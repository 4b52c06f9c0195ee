"""Mahalanobis distance against numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import squared_mahalanobis
from tests.worlds import all_windows
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.sequences.windows import WindowSet


@pytest.mark.parametrize("steps", ["last", "window"])
def test_it_equals_numpy(normal: WindowSet, unseen: Tensor, steps: str) -> None:
    options = MahalanobisOptions(steps=steps, shrinkage=0.0, clip=None)
    scorer = Mahalanobis(4, options)
    scorer.fit(normal)
    known, new = (
        (windows[:, -1] if steps == "last" else windows.flatten(1)).double().numpy()
        for windows in (all_windows(normal), unseen)
    )
    expected = squared_mahalanobis(new, known.mean(0), np.cov(known.T, ddof=0)) ** 0.5
    np.testing.assert_allclose(scorer(unseen).numpy(), expected, rtol=1e-3)


@pytest.mark.parametrize("steps", ["last", "window"])
def test_diagonal_is_the_norm_of_z_scores(normal: WindowSet, unseen: Tensor, steps: str) -> None:
    options = MahalanobisOptions(covariance="diagonal", steps=steps, clip=None)
    scorer = Mahalanobis(4, options)
    scorer.fit(normal)
    known = all_windows(normal)[:, -1]
    scaled = (unseen - known.mean(0)) / known.std(0, correction=0)
    scaled = scaled[:, -1] if steps == "last" else scaled.flatten(1)
    torch.testing.assert_close(scorer(unseen), scaled.norm(dim=1), rtol=1e-4, atol=1e-4)


def test_full_shrinkage_ignores_correlations(normal: WindowSet, unseen: Tensor) -> None:
    full, diagonal = (
        Mahalanobis(4, options)
        for options in (MahalanobisOptions(shrinkage=1.0), MahalanobisOptions(covariance="diagonal"))
    )
    full.fit(normal)
    diagonal.fit(normal)
    torch.testing.assert_close(full(unseen), diagonal(unseen), rtol=1e-4, atol=1e-4)
