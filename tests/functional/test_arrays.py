"""Arrays that torch cannot share are copied."""

import numpy as np
import torch

from tsreward.functional.arrays import as_tensor


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
