"""Random network distillation: what was seen often earns less than what is new."""

import torch

from tsreward.rewards.exploration import RandomNetworkDistillation


def test_what_was_seen_earns_less_than_what_is_new(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    seen, fresh = torch.randn(256, 4, 3, generator=draw), 3 + torch.randn(256, 4, 3, generator=draw)
    bonus = RandomNetworkDistillation(window=4, dim=3)
    for _ in range(300):
        bonus.update(seen)
    assert bonus(fresh).mean() > 3 * bonus(seen).mean()


def test_windows_that_come_from_a_running_episode_can_be_learned_from() -> None:
    bonus = RandomNetworkDistillation(window=2, dim=2)
    with torch.inference_mode():
        windows = torch.randn(8, 2, 2)
    before = bonus(windows)
    bonus.update(windows)
    assert not torch.equal(before, bonus(windows))


def test_the_bonus_is_pure_weighted_and_its_own_seed_alone_decides(seed: int) -> None:
    state = torch.random.get_rng_state()
    windows = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(seed))
    one, twice = (RandomNetworkDistillation(4, 3, weight=weight, seed=seed) for weight in (1.0, 2.0))
    assert torch.equal(one(windows), one(windows)) and torch.allclose(2 * one(windows), twice(windows))
    assert not torch.equal(one(windows), RandomNetworkDistillation(4, 3, weight=1.0, seed=seed + 1)(windows))
    assert torch.equal(state, torch.random.get_rng_state())
