"""`WideBatches`: what comes out are the bits of small batches, whatever the function does with large ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsreward.functional.chunks import in_chunks
from tsreward.wrappers.wide_batches import WideBatches


class Spy:
    """A function of rows that notes the sizes of its batches, and whose result may depend on them."""

    def __init__(self, depends: bool) -> None:
        self.depends, self.sizes = depends, []

    def __call__(self, rows: Tensor) -> Tensor:
        self.sizes.append(len(rows))
        return rows.sum(1) + (1e-6 * len(rows) if self.depends else 0)


@pytest.mark.parametrize("depends", [False, True])
def test_the_results_are_those_of_small_batches(depends: bool) -> None:
    spy = Spy(depends)
    wide = WideBatches(spy, chunk=4, wide=16)
    for number in (3, 15, 37, 64, 5, 16, 100, 1):
        rows = torch.randn(number, 3, generator=torch.Generator().manual_seed(number))
        assert torch.equal(wide(rows), in_chunks(Spy(depends), rows, 4)), number
    assert wide.agrees is not depends


def test_batches_are_wide_once_they_were_seen_to_agree() -> None:
    spy = Spy(depends=False)
    wide = WideBatches(spy, chunk=4, wide=16)
    wide(torch.ones(10, 3))
    assert (spy.sizes, wide.agrees) == ([4, 4, 4], None)
    wide(torch.ones(16, 3))
    assert (sorted(spy.sizes[3:]), wide.agrees) == ([4, 4, 4, 4, 16], True)
    spy.sizes.clear()
    wide(torch.ones(37, 3))
    assert spy.sizes == [16, 16, 4, 4]


def test_batches_stay_small_where_wide_ones_differ() -> None:
    spy = Spy(depends=True)
    wide = WideBatches(spy, chunk=4, wide=16)
    wide(torch.ones(16, 3))
    spy.sizes.clear()
    wide(torch.ones(32, 3))
    assert spy.sizes == [4] * 8
