"""Chunks of one size make the result of a row independent of its neighbours."""

import pytest
import torch
from torch import Tensor

from tsreward.functional.chunks import in_chunks


@pytest.fixture
def rows(seed: int) -> Tensor:
    return torch.randn(37, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [1, 4, 8, 37, 64])
def test_it_equals_the_function_on_all_rows(rows: Tensor, size: int) -> None:
    assert torch.equal(in_chunks(lambda part: part.square().cumsum(1), rows, size), rows.square().cumsum(1))


@pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 37])
def test_the_function_sees_one_size_only(rows: Tensor, total: int) -> None:
    sizes = []

    def function(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return part.sum(1)

    assert in_chunks(function, rows[:total], 8).shape == (total,)
    assert set(sizes) <= ({8} if total else {0})
    assert len(sizes) == max(1, -(-total // 8))


@pytest.mark.parametrize(("size", "columns"), [(8, 5), (16, 2), (16, 3), (32, 3)])
def test_rows_are_bit_equal_in_any_company(rows: Tensor, seed: int, size: int, columns: int) -> None:
    layers = torch.nn.Linear(5, 64), torch.nn.Tanh(), torch.nn.Linear(64, columns)
    network = torch.nn.Sequential(*layers).requires_grad_(False)
    together = in_chunks(network, rows, size)
    assert torch.equal(torch.cat([in_chunks(network, row[None], size) for row in rows]), together)
    order = torch.randperm(37, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(in_chunks(network, rows[order], size), together[order])
