"""Seeds decide everything, and the global generator stays."""

import torch

from tsreward.functional.seeding import generator, seeded


def test_a_seeded_block_repeats_and_leaves_the_global_state(seed: int) -> None:
    before = torch.random.get_rng_state()
    with seeded(seed):
        first = torch.rand(3)
    with seeded(seed):
        again = torch.rand(3)
    assert torch.equal(first, again) and torch.equal(before, torch.random.get_rng_state())


def test_generators_differ_in_every_one_of_their_seeds() -> None:
    draws = {
        float(torch.rand(1, generator=generator(*seeds))) for seeds in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, -1)]
    }
    assert len(draws) == 6
