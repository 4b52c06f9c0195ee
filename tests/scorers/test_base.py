"""Options, and what the base class does for every scorer."""

import json
from dataclasses import asdict, fields
from typing import Any

import pytest
import torch

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.scorers.deep_svdd import DeepSVDDOptions
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.scorers.pca import PCAOptions
from tsreward.scorers.ridge_var import RidgeVAROptions
from tsreward.scorers.transformer_ae import TransformerAEOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

BAD_OPTIONS = [
    (ScorerOptions, "std_floor", 0.0, "a finite number > 0"),
    (ScorerOptions, "std_floor", True, "a finite number > 0"),
    (ScorerOptions, "std_floor", "0.1", "a finite number > 0"),
    (ScorerOptions, "std_floor", None, "a finite number > 0"),
    (ScorerOptions, "clip", float("nan"), "a finite number >= 0 or None"),
    (ScorerOptions, "clip", float("inf"), "a finite number >= 0 or None"),
    (TransformerAEOptions, "layers", 0, "an integer >= 1"),
    (TransformerAEOptions, "layers", 2.0, "an integer >= 1"),
    (TransformerAEOptions, "layers", True, "an integer >= 1"),
    (TransformerAEOptions, "width", 30, "a multiple of heads=4"),
    (TransformerAEOptions, "norm", "l3", "'l1' or 'l2'"),
    (TransformerAEOptions, "norm", ["l1"], "'l1' or 'l2'"),
    (TransformerAEOptions, "negative_weight", -1.0, "a finite number >= 0"),
    (DeepSVDDOptions, "shrinkage", 1.5, "a number in [0, 1]"),
    (MahalanobisOptions, "shrinkage", 1.5, "a number in [0, 1]"),
    (KNNOptions, "bank_size", 4, "at least neighbours=5"),
    (PCAOptions, "components", 1.0, "an integer >= 1, a fraction between 0 and 1, or None"),
    (PCAOptions, "components", 0, "an integer >= 1, a fraction between 0 and 1, or None"),
    (PCAOptions, "components", None, "a number or a fraction for the residual"),
    (RidgeVAROptions, "ridge", 0.0, "a finite number > 0"),
    (RidgeVAROptions, "scale_residuals", 1, "true or false"),
]


@pytest.mark.parametrize(("options", "name", "value", "wanted"), BAD_OPTIONS)
def test_a_wrong_option_names_itself(options: type[ScorerOptions], name: str, value: Any, wanted: str) -> None:
    with pytest.raises(OptionError) as caught:
        options(**{name: value})
    assert str(caught.value).startswith(f"{options.__name__}.{name} must be {wanted}")
    assert f"got {value!r}" in str(caught.value)


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_rebuilt_from_its_name_and_json(name: str) -> None:
    scorer_class = SCORERS[name]
    values = json.loads(json.dumps(asdict(scorer_class.Options())))
    scorer = scorer_class(4, scorer_class.Options(**values))
    assert scorer.options == scorer_class.Options()
    assert len(values) == len(fields(scorer_class.Options))


@pytest.mark.parametrize("scorer_class", SCORERS.values())
def test_sizes_below_one_are_refused(scorer_class: type[Scorer]) -> None:
    for window in (0, -1):
        with pytest.raises(OptionError, match=rf"needs window >= {scorer_class.min_window}, got {window}"):
            scorer_class(window, scorer_class.Options())
    with pytest.raises(OptionError, match="needs at least 1 feature, got dim=0"):
        scorer_class(4).materialise(0)


def test_who_still_gives_a_width_is_told_where_it_comes_from() -> None:
    with pytest.raises(OptionError, match=r"KNN takes KNN\(window, KNNOptions\(...\)\), got 5 .* comes from the data"):
        KNN(4, 5)  # type: ignore[arg-type] - on purpose


def test_the_width_comes_from_the_data_and_may_change(normal: WindowSet) -> None:
    scorer = Mahalanobis(4)
    assert scorer.dim is None
    assert scorer.fit(normal) is scorer
    assert scorer.dim == 5
    narrow = normal.map(lambda store: store[:, :2])
    assert scorer.fit(narrow).dim == 2
    assert torch.equal(scorer.score_all(narrow), Mahalanobis(4).fit(narrow).score_all(narrow))


def test_windows_of_pictures_are_refused(normal: WindowSet) -> None:
    pictures = normal.map(lambda store: store[:, None, :, None])
    with pytest.raises(ShapeError, match=r"KNN expects normal windows \[B, 4, D\], got \[B, 4, 1, 5, 1\]"):
        KNN(4).fit(pictures)


def test_whole_numbers_are_floats_too() -> None:
    assert ScorerOptions(clip=5).clip == 5


def test_another_value_in_a_constant_column_counts_ten_standard_deviations(normal: WindowSet) -> None:
    flat = normal.map(lambda store: torch.cat([store, torch.full((len(store), 1), 7.0)], 1))
    scorer = Mahalanobis(4, MahalanobisOptions(covariance="diagonal", clip=None))
    scorer.fit(flat)
    window = flat.gather(torch.tensor([0]))
    before = scorer(window) ** 2
    for change in (1e-4, 1e4):
        window[..., -1] = 7.0 + change
        assert float(scorer(window) ** 2 - before) == pytest.approx(100.0, rel=1e-3)


def test_clipping_limits_what_one_column_can_do(normal: WindowSet) -> None:
    clipped, free = Mahalanobis(4), Mahalanobis(4, MahalanobisOptions(clip=None))
    far = torch.full((1, 4, 5), 1e4)
    for scorer in (clipped, free):
        scorer.fit(normal)
    assert float(clipped(far)) < 1e-2 * float(free(far))


def test_closed_form_scorers_learn_from_every_window(normal: WindowSet) -> None:
    scorer = KNN(4, KNNOptions(bank_size=len(normal), neighbours=1))
    scorer.fit(normal, options=TrainOptions(held_out=0.5))
    assert float(scorer(normal.gather(torch.arange(len(normal)))).max()) < 1e-5


def test_repr_names_the_options() -> None:
    scorer = KNN(4)
    assert repr(scorer).startswith("KNN(window=4, options=KNNOptions(")
    scorer.materialise(5)
    assert repr(scorer).startswith("KNN(window=4, dim=5, options=KNNOptions(")


class NoNumber(Mahalanobis):
    """Has no score for what is large."""

    def measure(self, windows: torch.Tensor) -> torch.Tensor:
        scores = super().measure(windows)
        return torch.where(windows[:, -1, 0] > 2, torch.nan, scores)


def test_a_score_that_is_no_number_is_the_scorers_fault(normal: WindowSet) -> None:
    scorer = NoNumber(4).fit(normal)
    far = normal.map(lambda store: store + 100)
    message = "NoNumber gave nan for window 0, [0-9]+ such score.* of finite windows"
    with pytest.raises(DataError, match=message):
        scorer(far.gather(torch.arange(9)))
    with pytest.raises(DataError, match=message):
        scorer.score_all(far)
    with pytest.raises(DataError, match=r"NoNumber got NaN or inf in window\(s\) \[0"):
        scorer.score_all(normal.map(lambda store: store.clone().fill_(torch.inf)))
