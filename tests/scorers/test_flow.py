"""The flow is a density: it is right for a Gaussian, and adds up to one."""

from __future__ import annotations

import math

import pytest
import torch

from tsreward.errors import MissingExtraError
from tsreward.scorers import flow
from tsreward.scorers.flow import Flow, FlowOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

pytest.importorskip("zuko", reason="needs the extra 'flow'")


def test_it_is_the_density_of_what_was_learned() -> None:
    rows = [torch.randn(400, 1, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    settings = TrainOptions(epochs=10, batch_size=128, windows_per_epoch=3_000, learning_rate=0.03)
    scorer = Flow(1, FlowOptions(transforms=1, bins=4)).fit(WindowSet.from_episodes(rows, 1), options=settings)
    places = torch.linspace(-6, 6, 1201)
    density = (-scorer(places[:, None, None])).exp() / scorer.std.float()
    assert torch.trapezoid(density, places).item() == pytest.approx(1, abs=0.02)
    normal = (-0.5 * places.square()).exp() / math.sqrt(2 * math.pi)
    assert (density - normal).abs().max() < 0.06


def test_the_last_step_alone() -> None:
    scorer = Flow(3, FlowOptions(steps="last", hidden=8))
    scorer.materialise(2)
    windows = torch.randn(4, 3, 2)
    changed = windows.clone()
    changed[:, 0] += 1
    assert torch.equal(scorer.measure(windows), scorer.measure(changed))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "NSF", None)
    with pytest.raises(MissingExtraError, match=r"zuko is not installed.*tsreward\[flow\]"):
        Flow(2).materialise(3)
