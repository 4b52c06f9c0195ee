"""PCA against scikit-learn, and the weighted score against the definition of PyOD."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA
from torch import Tensor

from tests.naive import weighted_component_distance
from tests.worlds import all_windows
from tsreward.errors import OptionError
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.sequences.windows import WindowSet


def rows(scorer: PCA, windows: Tensor) -> np.ndarray:
    scaled = ((windows - scorer.mean) / scorer.std).double()
    return (scaled[:, -1] if scorer.options.steps == "last" else scaled.flatten(1)).numpy()


@pytest.mark.parametrize("components", [1, 3, 0.6, 0.9])
@pytest.mark.parametrize("steps", ["last", "window"])
def test_the_residual_equals_scikit_learn(
    normal: WindowSet, unseen: Tensor, components: int | float, steps: str
) -> None:
    options = PCAOptions(components=components, steps=steps, clip=None)
    scorer = PCA(4, options)
    scorer.fit(normal)
    reference = SklearnPCA(components, svd_solver="full").fit(rows(scorer, all_windows(normal)))
    new = rows(scorer, unseen)
    residual = new - reference.inverse_transform(reference.transform(new))
    np.testing.assert_allclose(scorer(unseen).numpy(), (residual**2).mean(1), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("components", [2, 0.25, 0.9, None])
def test_the_weighted_score_equals_pyods_definition(
    normal: WindowSet, unseen: Tensor, components: int | float | None
) -> None:
    scorer = PCA(4, PCAOptions(components=components, score="weighted", clip=None))
    scorer.fit(normal)
    reference = SklearnPCA(components, svd_solver="full").fit(rows(scorer, all_windows(normal)))
    expected = weighted_component_distance(
        rows(scorer, unseen), reference.components_, reference.explained_variance_ratio_
    )
    np.testing.assert_allclose(scorer(unseen).numpy(), expected, rtol=1e-3)


def test_columns_without_variance_do_not_count(normal: WindowSet, unseen: Tensor) -> None:
    flat = normal.map(lambda store: torch.cat([store, torch.zeros(len(store), 1)], 1))
    scorer = PCA(4, PCAOptions(components=None, score="weighted"))
    plain = PCA(4, PCAOptions(components=None, score="weighted"))
    scorer.fit(flat)
    plain.fit(normal)
    torch.testing.assert_close(scorer(torch.cat([unseen, torch.zeros_like(unseen[..., :1])], 2)), plain(unseen))


def test_a_residual_always_leaves_something_over(normal: WindowSet, unseen: Tensor) -> None:
    scorer = PCA(4, PCAOptions(components=0.999999))
    scorer.fit(normal)
    assert float(scorer(unseen).min()) > 0
    with pytest.raises(OptionError, match=r"PCA.components can be at most 4 of 5, got 5"):
        PCA(4, PCAOptions(components=5)).fit(normal)


def test_one_column_is_its_own_residual(normal: WindowSet, unseen: Tensor) -> None:
    scorer = PCA(4)
    scorer.fit(normal.map(lambda store: store[:, :1]))
    assert len(scorer(unseen[..., :1]).unique()) > 10
