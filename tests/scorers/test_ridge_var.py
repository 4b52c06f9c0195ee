"""Ridge vector autoregression against least squares on all windows at once, and its speed."""

import time

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import ridge_regression
from tests.worlds import all_windows
from tsreward.errors import OptionError
from tsreward.scorers.ridge_var import RidgeVAR, RidgeVAROptions
from tsreward.sequences.windows import WindowSet


@pytest.mark.parametrize("scale_residuals", [False, True])
def test_it_equals_least_squares(normal: WindowSet, unseen: Tensor, scale_residuals: bool) -> None:
    scorer = RidgeVAR(4, RidgeVAROptions(ridge=2.0, scale_residuals=scale_residuals, clip=None))
    scorer.fit(normal)
    known, new = (((windows - scorer.mean) / scorer.std).double().numpy() for windows in (all_windows(normal), unseen))
    weight, bias = ridge_regression(known[:, :-1].reshape(len(known), -1), known[:, -1], ridge=2.0)
    np.testing.assert_allclose(scorer.weight.numpy(), weight, atol=1e-5)
    np.testing.assert_allclose(scorer.bias.numpy(), bias, atol=1e-5)

    def residuals(windows: np.ndarray) -> np.ndarray:
        return windows[:, -1] - windows[:, :-1].reshape(len(windows), -1) @ weight - bias

    spread = np.sqrt((residuals(known) ** 2).mean(0) - residuals(known).mean(0) ** 2) if scale_residuals else 1.0
    np.testing.assert_allclose(scorer(unseen).numpy(), ((residuals(new) / spread) ** 2).mean(1), rtol=1e-3)


def test_a_heavy_penalty_leaves_only_the_mean(normal: WindowSet) -> None:
    scorer = RidgeVAR(4, RidgeVAROptions(ridge=1e12))
    scorer.fit(normal)
    assert float(scorer.weight.abs().max()) < 1e-6


def test_one_step_has_no_past() -> None:
    with pytest.raises(OptionError, match="RidgeVAR needs window >= 2"):
        RidgeVAR(1)


def test_a_server_log_is_fitted_in_a_moment(seed: int) -> None:
    log = torch.randn(25_000, 38, generator=torch.Generator().manual_seed(seed))
    windows = WindowSet.from_episodes([log], window=11)
    scorer = RidgeVAR(11)
    start = time.process_time()
    scorer.fit(windows)
    assert time.process_time() - start < 5.0  # .4 s on an idle core
