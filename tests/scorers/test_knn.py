"""KNN against scikit-learn and against the obvious loop."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from tests.naive import nearest_distances
from tests.worlds import all_windows
from tsreward.errors import DataError
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.sequences.windows import WindowSet


def rows(scorer: KNN, windows: Tensor, steps: str) -> np.ndarray:
    scaled = ((windows - scorer.mean) / scorer.std).double()
    return (scaled[:, -1] if steps == "last" else scaled.flatten(1)).numpy()


@pytest.mark.parametrize("steps", ["last", "window"])
@pytest.mark.parametrize("distance", ["mean", "kth"])
def test_it_equals_scikit_learn(normal: WindowSet, unseen: Tensor, steps: str, distance: str) -> None:
    options = KNNOptions(steps=steps, distance=distance, neighbours=4, clip=None)
    scorer = KNN(4, options)
    scorer.fit(normal)
    reference = NearestNeighbors(n_neighbors=4).fit(rows(scorer, all_windows(normal), steps))
    expected = reference.kneighbors(rows(scorer, unseen, steps))[0]
    expected = expected.mean(1) if distance == "mean" else expected[:, -1]
    np.testing.assert_allclose(scorer(unseen).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_it_equals_the_obvious_loop(normal: WindowSet, unseen: Tensor) -> None:
    scorer = KNN(4, KNNOptions(neighbours=3, clip=None))
    scorer.fit(normal)
    expected = nearest_distances(rows(scorer, unseen[:20], "last"), rows(scorer, all_windows(normal), "last"), 3)
    np.testing.assert_allclose(scorer(unseen[:20]).numpy(), expected.mean(1), rtol=1e-4)


def test_the_bank_has_one_size_and_holds_a_sample(normal: WindowSet) -> None:
    small, large = KNN(4, KNNOptions(bank_size=100)), KNN(4, KNNOptions(bank_size=5000))
    small.fit(normal)
    large.fit(normal)
    assert small.bank.shape == (100, 5)
    assert len(small.bank.unique(dim=0)) == 100
    assert int(large.squared_norms.isfinite().sum()) == len(normal)


def test_unused_rows_are_never_neighbours(normal: WindowSet) -> None:
    scorer = KNN(4, KNNOptions(neighbours=5))
    scorer.fit(normal.where(torch.arange(len(normal)) < 5))
    at_the_mean = scorer.mean.expand(1, 4, 5)
    assert float(scorer(at_the_mean)) > 0.1  # an unused row of zeros would be at distance 0


def test_known_windows_have_distance_zero(normal: WindowSet) -> None:
    scorer = KNN(4, KNNOptions(neighbours=1))
    scorer.fit(normal)
    assert float(scorer(all_windows(normal)).max()) == 0.0


def test_too_few_windows_are_refused(normal: WindowSet) -> None:
    with pytest.raises(DataError, match=r"KNN needs at least 5 normal windows \(neighbours=5\), got 3"):
        KNN(4).fit(normal.where(torch.arange(len(normal)) < 3))
