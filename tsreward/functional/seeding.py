"""Random numbers that are reproducible and leave torch's global generator as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block under `seed` on the CPU generator, then restore the global state.

    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     bool(torch.rand(1) == first)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def generator(*seeds: int) -> torch.Generator:
    """Return a CPU generator that depends on every number given, e.g. (seed, epoch).

    >>> bool(torch.rand(1, generator=generator(0, 1)) == torch.rand(1, generator=generator(0, 2)))
    False
    """
    mixed = 0
    for seed in seeds:
        mixed = (mixed * 6364136223846793005 + seed + 1442695040888963407) % 2**63
    return torch.Generator().manual_seed(mixed)
