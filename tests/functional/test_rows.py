"""No row's bits depend on its place, whatever the widths."""

import pytest
import torch

from tsreward.functional.rows import FlatRows, aligned_rows, row_product


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 6, 8, 11, 12, 33])
@pytest.mark.parametrize("width", [1, 5, 6, 8, 10, 33])
@pytest.mark.parametrize("count", [8, 16])
def test_rows_may_change_places(count: int, width: int, columns: int) -> None:
    noise = torch.Generator().manual_seed(0)
    rows, matrix = (torch.randn(size, generator=noise) for size in ((count, width), (width, columns)))
    layer = torch.nn.Sequential(FlatRows(), torch.nn.Linear(width, columns))
    torch.testing.assert_close(row_product(rows, matrix), rows @ matrix)
    for _ in range(4):
        order = torch.randperm(count, generator=noise)
        assert torch.equal(row_product(rows[order], matrix), row_product(rows, matrix)[order])
        with torch.no_grad():
            assert torch.equal(layer(rows[order][:, None]), layer(rows[:, None])[order])


def test_aligned_rows_are_the_same_rows() -> None:
    for kind, stride in ((torch.float32, 8), (torch.float64, 6)):
        rows = torch.arange(10.0, dtype=kind).reshape(2, 5).requires_grad_()
        aligned = aligned_rows(rows)
        assert torch.equal(aligned, rows)
        assert aligned.stride() == (stride, 1)
        assert torch.equal(torch.autograd.grad(aligned.sum(), rows)[0], torch.ones(2, 5, dtype=kind))
    whole = torch.ones(3, 8)
    assert aligned_rows(whole).data_ptr() == whole.data_ptr()
