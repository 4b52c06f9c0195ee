"""What every scorer promises. To test one of your own:

class TestMyScorer(ScorerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def scorer_class(cls):
        return MyScorer
"""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from tests.worlds import all_windows, broken, hazard, roc_auc, waves
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.chunks import in_chunks
from tsreward.scorers.base import Scorer
from tsreward.training import TrainOptions
from tsreward.windows import WindowSet

WINDOW, DIM, CHUNK = 4, 5, 8
SIZES = (1, 2, 3, 7, 8, 9, 31, 64)
SHORT = TrainOptions(epochs=2, windows_per_epoch=512)

Make = Callable[..., Scorer]


class ScorerContract:
    """Give the class under test as the fixture `scorer_class`, and its least separation where that is known."""

    learned_auc = 0.8
    """Least ROC AUC on windows with broken relations, for scorers that learn by gradient."""
    supervised_auc = 0.8
    """Least ROC AUC with known bad windows where the one-class form stays below 0.7."""

    @pytest.fixture(scope="class")
    @classmethod
    def normal(cls, seed: int) -> WindowSet:
        return WindowSet.from_episodes(waves(seed), WINDOW)

    @pytest.fixture(scope="class")
    @classmethod
    def unseen(cls, seed: int) -> Tensor:
        return all_windows(WindowSet.from_episodes(waves(seed + 1, episodes=4), WINDOW))

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, scorer_class: type[Scorer]) -> Make:
        return lambda window=WINDOW, dim=DIM: scorer_class(window, dim, scorer_class.Options())

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, make: Make, normal: WindowSet, seed: int) -> Scorer:
        scorer = make()
        scorer.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=15, seed=seed))
        return scorer

    def test_scores_are_pure_and_repeatable(self, fitted: Scorer, unseen: Tensor) -> None:
        windows, state = unseen.clone(), {name: value.clone() for name, value in fitted.state_dict().items()}
        first, second = fitted(windows), fitted(windows)
        assert torch.equal(first, second)
        assert torch.equal(windows, unseen)
        assert all(torch.equal(value, state[name]) for name, value in fitted.state_dict().items())
        assert not fitted.training

    def test_scores_are_float32_one_per_window(self, fitted: Scorer, unseen: Tensor) -> None:
        assert fitted(unseen).dtype == fitted(unseen.double()).dtype == torch.float32
        assert fitted(unseen).shape == (len(unseen),)
        assert fitted(unseen[:0]).shape == (0,)
        assert not fitted(unseen).requires_grad

    @pytest.mark.parametrize("size", SIZES)
    @torch.inference_mode()
    def test_rows_do_not_see_each_other(self, fitted: Scorer, unseen: Tensor, seed: int, size: int) -> None:
        windows = unseen[::7][:64]
        expected = in_chunks(fitted, windows, CHUNK)
        parts = torch.cat([in_chunks(fitted, part, CHUNK) for part in windows.split(size)])
        assert torch.equal(parts, expected)
        order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))[:size]
        assert torch.equal(in_chunks(fitted, windows[order], CHUNK), expected[order])

    def test_all_windows_of_a_set_score_as_they_do_one_by_one(self, fitted: Scorer, normal: WindowSet) -> None:
        few = normal.where(torch.arange(len(normal)) % 5 == 0)
        torch.testing.assert_close(
            fitted.score_all(few, batch_size=100), fitted(all_windows(few)), rtol=1e-4, atol=1e-5
        )
        assert len(fitted.score_all(normal.where(torch.zeros(len(normal), dtype=torch.bool)))) == 0
        with pytest.raises(ShapeError, match=rf"expects the windows \[B, {WINDOW}, {DIM}\], got \[B, {WINDOW}, 3\]"):
            fitted.score_all(WindowSet.from_episodes(waves(0, dim=3), WINDOW))

    def test_unfitted_use_is_refused(self, make: Make) -> None:
        with pytest.raises(NotFittedError, match=r"is not fitted: call fit\(windows\) or load a model first"):
            make()(torch.zeros(1, WINDOW, DIM))
        with pytest.raises(NotFittedError, match="is not fitted"):
            make().score_all(WindowSet.from_episodes(waves(0, episodes=1), WINDOW))

    def test_a_failed_fit_leaves_it_unfitted(
        self, make: Make, normal: WindowSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scorer = make()
        scorer.fitted.fill_(True)
        monkeypatch.setattr(type(scorer), "learn", _fail)
        with pytest.raises(KeyboardInterrupt):
            scorer.fit(normal)
        with pytest.raises(NotFittedError):
            scorer(torch.zeros(1, WINDOW, DIM))

    @pytest.mark.parametrize("shape", [(3, WINDOW + 1, DIM), (3, WINDOW, DIM + 1), (WINDOW, DIM)])
    def test_another_shape_is_refused(self, fitted: Scorer, shape: tuple[int, ...]) -> None:
        message = (
            rf"{type(fitted).__name__} expects windows \[B, {WINDOW}, {DIM}\], got \[{', '.join(map(str, shape))}\]"
        )
        with pytest.raises(ShapeError, match=message):
            fitted(torch.zeros(shape))

    def test_fitting_another_shape_is_refused(self, make: Make, seed: int) -> None:
        with pytest.raises(ShapeError, match=rf"expects normal windows \[B, {WINDOW}, {DIM}\], got \[B, {WINDOW}, 3\]"):
            make().fit(WindowSet.from_episodes(waves(seed, dim=3), WINDOW))

    def test_fitting_nothing_is_refused(self, make: Make, normal: WindowSet) -> None:
        with pytest.raises(DataError, match="got no normal windows"):
            make().fit(normal.where(torch.zeros(len(normal), dtype=torch.bool)))

    @pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
    def test_values_that_are_not_finite_raise(self, fitted: Scorer, unseen: Tensor, value: float) -> None:
        windows = unseen[:9].clone()
        windows[6, 0, 2] = value
        with pytest.raises(DataError, match=r"got NaN or inf in window\(s\) \[6\]"):
            fitted(windows)

    def test_huge_finite_values_are_scored(self, fitted: Scorer, unseen: Tensor) -> None:
        assert torch.isfinite(fitted(torch.full_like(unseen[:4], 3e38))).all()

    def test_state_goes_through_a_file(self, fitted: Scorer, make: Make, unseen: Tensor) -> None:
        fresh = make()
        fresh.load_state_dict(load(save(fitted.state_dict())), strict=True)
        assert torch.equal(fresh(unseen), fitted(unseen))

    def test_scores_are_varied(self, fitted: Scorer, unseen: Tensor) -> None:
        assert len(fitted(unseen).unique()) > 10

    def test_normal_scores_are_below_planted_anomalies(self, fitted: Scorer, unseen: Tensor) -> None:
        assert roc_auc(fitted(unseen), fitted(unseen + 2)) > 0.99

    def test_training_is_what_separates(
        self, fitted: Scorer, make: Make, normal: WindowSet, unseen: Tensor, seed: int
    ) -> None:
        if not fitted.uses_held_out:
            pytest.skip("not trained by gradient")
        untrained = make()
        untrained.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=1, learning_rate=0.0, seed=seed))
        strange = broken(unseen, seed)
        before, after = (roc_auc(scorer(unseen), scorer(strange)) for scorer in (untrained, fitted))
        assert after > self.learned_auc
        assert after > before + 0.2

    def test_the_seed_decides_the_weights(self, make: Make, normal: WindowSet) -> None:
        states = []
        for seed in (3, 3, 4):
            scorer = make()
            scorer.fit(normal, options=replace(SHORT, seed=seed))
            states.append(scorer.state_dict())
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
        if scorer.uses_held_out:
            assert any(not torch.equal(value, states[2][name]) for name, value in states[0].items())

    def test_a_second_fit_forgets_the_first(self, make: Make, normal: WindowSet, unseen: Tensor, seed: int) -> None:
        once, twice = make(), make()
        twice.fit(WindowSet.from_episodes(waves(seed + 5), WINDOW), options=SHORT)
        for scorer in (once, twice):
            scorer.fit(normal, options=SHORT)
        assert torch.equal(once(unseen), twice(unseen))

    def test_global_random_numbers_are_left_alone(self, make: Make, normal: WindowSet, unseen: Tensor) -> None:
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        scorer = make()
        scorer.fit(normal, options=SHORT)
        scorer(unseen)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
        assert random.getstate() == before[2]

    def test_resumed_training_equals_straight_training(
        self, make: Make, normal: WindowSet, unseen: Tensor, tmp_path: Path
    ) -> None:
        straight, cut, resumed = make(), make(), make()
        straight.fit(normal, options=replace(SHORT, epochs=4))
        options = replace(SHORT, state=tmp_path / "state")
        cut.fit(normal, options=options)
        resumed.fit(normal, options=replace(options, epochs=4))
        assert all(torch.equal(v, straight.state_dict()[name]) for name, v in resumed.state_dict().items())
        assert torch.equal(resumed(unseen), straight(unseen))

    def test_bad_windows_teach_what_normal_ones_cannot(self, scorer_class: type[Scorer], seed: int) -> None:
        if not scorer_class.uses_negative:
            pytest.skip("cannot use negative windows")
        (normal, negative), (good, bad) = hazard(seed, WINDOW), hazard(seed + 1, WINDOW)
        aucs = []
        for known in (None, negative):
            scorer = scorer_class(WINDOW, 4, scorer_class.Options())
            scorer.fit(normal, known, TrainOptions(windows_per_epoch=None, epochs=20, seed=seed))
            aucs.append(roc_auc(scorer(all_windows(good)), scorer(all_windows(bad))))
        assert aucs[0] < 0.7 < self.supervised_auc < aucs[1]

    def test_bad_windows_are_refused_where_useless(self, make: Make, normal: WindowSet) -> None:
        scorer = make()
        if scorer.uses_negative:
            pytest.skip("can use negative windows")
        with pytest.raises(
            OptionError, match="cannot learn from negative windows: leave them out, or use a scorer that"
        ):
            scorer.fit(normal, normal)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
    def test_it_works_on_cuda(self, make: Make, normal: WindowSet, unseen: Tensor) -> None:
        scorer = make()
        scorer.fit(normal, options=replace(SHORT, device="cuda"))
        scores = scorer(unseen.cuda())
        assert scores.device.type == "cuda"
        torch.testing.assert_close(scores.cpu(), scorer.cpu()(unseen), rtol=1e-3, atol=1e-3)


def _fail(*_: object) -> None:
    raise KeyboardInterrupt
