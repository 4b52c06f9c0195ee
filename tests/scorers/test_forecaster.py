"""What is particular to the forecaster: it must have a past, and its standard deviation is bounded."""

import pytest
import torch
from torch import Tensor

from tests.worlds import broken, separation
from tsreward.errors import OptionError
from tsreward.scorers.forecaster import Forecaster, ForecasterOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


def test_one_step_has_no_past() -> None:
    with pytest.raises(OptionError, match="Forecaster needs window >= 2"):
        Forecaster(1)


@pytest.mark.parametrize("network", ["gru", "mlp"])
@pytest.mark.parametrize("loss", ["nll", "mse"])
def test_every_form_learns_what_follows(normal: WindowSet, unseen: Tensor, seed: int, network: str, loss: str) -> None:
    options = ForecasterOptions(network=network, loss=loss)
    scorer = Forecaster(4, options)
    scorer.fit(normal, options=TrainOptions(windows_per_epoch=None, epochs=15))
    wrong_end = unseen.clone()
    wrong_end[:, -1] = broken(unseen, seed)[:, -1]
    assert separation(scorer(unseen), scorer(wrong_end)) > 0.9


def test_without_an_answer_it_expects_the_last_known_step(unseen: Tensor) -> None:
    scorer = Forecaster(4, ForecasterOptions(loss="mse", clip=None))
    scorer.materialise(5)
    torch.nn.init.zeros_(scorer.out.weight)
    torch.nn.init.zeros_(scorer.out.bias)
    scorer.fitted.fill_(True)
    torch.testing.assert_close(scorer(unseen), (unseen[:, -1] - unseen[:, -2]).square().mean(1))


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_the_predicted_std_is_bounded(unseen: Tensor, raw: float) -> None:
    scorer = Forecaster(4)
    scorer.materialise(5)
    torch.nn.init.zeros_(scorer.out.weight)
    torch.nn.init.constant_(scorer.out.bias, 0.0)
    with torch.no_grad():
        scorer.out.bias[5:] = raw
    scorer.fitted.fill_(True)
    still = unseen[:1, :1].expand(1, 4, 5)
    sign = 1 if raw > 0 else -1
    assert float(scorer(still)) == pytest.approx(sign * 3.0 + 0.9189, abs=1e-3)
