"""Small data with a known answer."""

import torch
from torch import Tensor

from tsreward.windows import WindowSet


def waves(seed: int, episodes: int = 12, steps: int = 120, dim: int = 5) -> list[Tensor]:
    """Return episodes [T, D] of noisy mixtures of two oscillations with random phases; the mixture never changes."""
    draw = torch.Generator().manual_seed(seed)
    mixture = torch.randn(4, dim, generator=torch.Generator().manual_seed(99))
    time = torch.arange(steps)[:, None]
    result = []
    for _ in range(episodes):
        angles = torch.tensor([0.3, 0.17]) * time + 2 * torch.pi * torch.rand(2, generator=draw)
        oscillations = torch.cat([torch.sin(angles), torch.cos(angles)], 1)
        result.append(torch.tanh(oscillations @ mixture) + 0.05 * torch.randn(steps, dim, generator=draw))
    return result


def all_windows(windows: WindowSet) -> Tensor:
    """Return every window [B, K, D]."""
    return windows.gather(torch.arange(len(windows)))


def broken(windows: Tensor, seed: int) -> Tensor:
    """Return windows whose columns come from different windows: every column is normal, their relation is not."""
    draw = torch.Generator().manual_seed(seed)
    columns = [windows[torch.randperm(len(windows), generator=draw), :, column] for column in range(windows.shape[2])]
    return torch.stack(columns, 2)


def hazard(seed: int, window: int, episodes: int = 12, steps: int = 150, dim: int = 4) -> tuple[WindowSet, WindowSet]:
    """Return (normal, negative) windows of random walks in a box with a hidden disc that normal ones never touch.

    The disc lies well inside the range of the normal data, where nothing is hard to reconstruct or to predict.
    """
    draw = torch.Generator().manual_seed(seed)
    walks = []
    for _ in range(episodes):
        moves = 0.15 * torch.randn(steps, dim, generator=draw)
        moves[0] = 6 * torch.rand(dim, generator=draw)
        walks.append(((moves.cumsum(0) + 1) % 4 - 2).abs() - 1)  # reflected into [-1, 1]
    windows = WindowSet.from_episodes(walks, window)
    inside = (windows.store[:, :2] - 0.4).norm(dim=1) < 0.4
    return windows.where(~windows.any_step(inside)), windows.where(inside[windows.last])


def roc_auc(normal: Tensor, anomalous: Tensor) -> float:
    """Return the chance that an anomalous score is above a normal one."""
    return float((anomalous[:, None] > normal[None]).float().mean())
