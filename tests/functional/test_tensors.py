"""Arrays that torch cannot share are copied."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tsreward.functional.tensors import FlatRows, WideBatches, aligned_rows, as_tensor, in_chunks, row_product


def test_memory_is_shared_where_torch_can() -> None:
    array = np.zeros(2)
    as_tensor(array)[0] = 1
    assert array.tolist() == [1, 0]


def test_read_only_and_reversed_arrays_are_copied() -> None:
    array = np.arange(4.0)
    array.flags.writeable = False
    for view in (array, array[::-1], np.broadcast_to(array, (2, 4))):
        tensor = as_tensor(view)
        assert tensor.tolist() == view.tolist()
        tensor.zero_()
    assert torch.from_numpy(array.copy()).tolist() == [0, 1, 2, 3]


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


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 6, 8, 11, 12, 16, 33])
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
        if count < 16 and columns < 16:
            continue  # scorers take eight rows at once only where all layers have at least 16 columns
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
    wide = WideBatches(wide=16)
    for number in (3, 15, 37, 64, 5, 16, 100, 1):
        rows = torch.randn(number, 3, generator=torch.Generator().manual_seed(number))
        assert torch.equal(wide(spy, rows, 4), in_chunks(Spy(depends), rows, 4)), number
    assert list(wide.agrees.values()) == [not depends]


def test_batches_are_wide_once_they_were_seen_to_agree() -> None:
    spy = Spy(depends=False)
    wide = WideBatches(wide=16)
    wide(spy, torch.ones(10, 3), 4)
    assert (spy.sizes, wide.agrees) == ([4, 4, 4], {})
    wide(spy, torch.ones(16, 3), 4)
    assert (sorted(spy.sizes[3:]), list(wide.agrees.values())) == ([4, 4, 4, 4, 16], [True])
    spy.sizes.clear()
    wide(spy, torch.ones(37, 3), 4)
    assert spy.sizes == [16, 16, 4, 4]


def test_batches_stay_small_where_wide_ones_differ() -> None:
    spy = Spy(depends=True)
    wide = WideBatches(wide=16)
    wide(spy, torch.ones(16, 3), 4)
    spy.sizes.clear()
    wide(spy, torch.ones(32, 3), 4)
    assert spy.sizes == [4] * 8
