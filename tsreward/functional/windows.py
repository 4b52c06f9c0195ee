"""Which rows a window reads."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor


def window_rows(
    last: Int[Tensor, " b"], first: Int[Tensor, " b"], window: int, frame_skip: int = 1
) -> Int[Tensor, "b k"]:
    """Return the rows of the windows that end at `last` in episodes that begin at `first`, oldest step first.

    Steps before the beginning of the episode repeat its first row.

    >>> window_rows(torch.tensor([0, 3]), torch.tensor([0, 0]), window=3).tolist()
    [[0, 0, 0], [1, 2, 3]]
    """
    back = torch.arange(window - 1, -1, -1, device=last.device) * frame_skip
    return torch.maximum(last[:, None] - back, first[:, None])


def sliding_windows(trajectory: Float[Tensor, "t d"], window: int, frame_skip: int = 1) -> Float[Tensor, "t k d"]:
    """Return the window that ends at each step, repeating the first step on the left.

    >>> sliding_windows(torch.tensor([[1.0], [2.0]]), window=2)[..., 0]
    tensor([[1., 1.],
            [1., 2.]])
    """
    last = torch.arange(len(trajectory), device=trajectory.device)
    return trajectory[window_rows(last, torch.zeros_like(last), window, frame_skip)]


def flat_steps(windows: Float[Tensor, "b k d"], steps: Literal["last", "window"]) -> Float[Tensor, "b p"]:
    """Return the last step of every window, or all its steps in one row, oldest first.

    >>> flat_steps(torch.tensor([[[1.0], [2.0]]]), "window")
    tensor([[1., 2.]])
    """
    return windows[:, -1] if steps == "last" else windows.flatten(1)
