"""Disagreement of an ensemble: high where nothing was seen, low where enough was, even if the next step is chance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.rewards.exploration import EnsembleDisagreement, RandomNetworkDistillation


def test_what_was_seen_earns_less_than_what_is_new(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    seen, fresh = torch.randn(256, 4, 3, generator=draw), 3 + torch.randn(256, 4, 3, generator=draw)
    bonus = EnsembleDisagreement(window=4, dim=3)
    for _ in range(300):
        bonus.update(seen)
    assert bonus(fresh).mean() > 3 * bonus(seen).mean()


def test_it_is_in_units_of_its_mean_from_the_first_update_on(seed: int) -> None:
    windows = 40 + 7 * torch.randn(256, 4, 3, generator=torch.Generator().manual_seed(seed))
    bonus = EnsembleDisagreement(window=4, dim=3, weight=1.0)
    for updates in (1, 20):
        for _ in range(updates):
            bonus.update(windows)
        assert float(bonus(windows).mean()) == pytest.approx(1.0, rel=0.6)


def test_chance_is_no_lasting_news(seed: int) -> None:
    # The last step is a coin, which no network can foretell; what is new are other steps before it.
    draw = torch.Generator().manual_seed(seed)
    bonus = EnsembleDisagreement(window=3, dim=2, weight=1.0)

    def tossed(past: float) -> Tensor:
        coin = torch.randint(0, 2, (256, 1, 2), generator=draw).float() * 2 - 1
        return torch.cat([torch.full((256, 2, 2), past), coin], 1)

    for _ in range(300):
        bonus.update(tossed(1.0))
    assert bonus(tossed(-3.0)).mean() > 20 * bonus(tossed(1.0)).mean()


def test_it_asks_and_learns_as_every_bonus_does(seed: int) -> None:
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        windows = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(seed))
    one, twice = (EnsembleDisagreement(4, 3, weight=weight, seed=seed) for weight in (1.0, 2.0))
    assert torch.equal(one(windows), one(windows)) and torch.allclose(2 * one(windows), twice(windows))
    assert one(windows).dtype == torch.float64 == RandomNetworkDistillation(4, 3)(windows).dtype
    assert not torch.equal(one(windows), EnsembleDisagreement(4, 3, weight=1.0, seed=seed + 1)(windows))
    before = one(windows)
    one.update(windows)
    assert not torch.equal(before, one(windows))
    assert torch.equal(state, torch.random.get_rng_state())


def test_windows_without_a_past_are_refused() -> None:
    with pytest.raises(OptionError, match="needs window >= 2 and nets >= 2, got 1 and 5"):
        EnsembleDisagreement(1, 3)
