"""`Episode`: one run of an environment as arrays; and which of its windows are safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.errors import DataError, ShapeError
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class Episode:
    """Observations [T + 1, *obs] and what the T transitions between them brought."""

    obs: np.ndarray
    rewards: np.ndarray | None = None
    """[T] environment rewards."""
    costs: np.ndarray | None = None
    """[T] costs; entry t belongs to the arrival at observation t + 1."""
    actions: np.ndarray | None = None
    """[T, *action]."""
    terminated: bool = False
    """Whether the environment ended the episode, rather than a time limit."""

    def __post_init__(self) -> None:
        if self.obs.ndim < 2 or len(self.obs) < 2:
            raise ShapeError(
                f"Episode expects observations [T + 1, *obs] of at least one step, got {list(self.obs.shape)}."
            )
        for name in ("rewards", "costs", "actions"):
            values = getattr(self, name)
            if values is None:
                continue
            if len(values) != len(self):
                raise ShapeError(
                    f"Episode expects {len(self)} {name} for {len(self.obs)} observations, got {len(values)}."
                )
            # A column [T, 1] would broadcast against scores [T] to a matrix.
            if name != "actions" and np.ndim(values) != 1:
                raise ShapeError(
                    f"Episode expects {name} [{len(self)}], got {list(np.shape(values))}: flatten them to one per step."
                )

    def __len__(self) -> int:
        return len(self.obs) - 1


def safe_windows(episodes: Sequence[Episode], window: int, frame_skip: int = 1) -> tuple[WindowSet, WindowSet | None]:
    """Return (windows without any cost inside, windows whose last step has a cost or None where there is no cost).

    Windows with a cost only before their last step belong to neither: what led there was unsafe, where the agent is
    now may not be.

    Raises:
        DataError: an episode has no costs, or some that are not finite; or no window is safe.
    """
    for index, episode in enumerate(episodes):
        if episode.costs is None:
            raise DataError(f"Episode {index} has no costs: collect from an environment that gives info['cost'].")
        if not np.isfinite(episode.costs).all():
            raise DataError(f"Episode {index} has NaN or inf among its costs: whether those steps are safe is unknown.")
    windows = WindowSet.from_episodes([episode.obs for episode in episodes], window, frame_skip)
    costly = np.concatenate([np.concatenate([[False], np.asarray(episode.costs) > 0]) for episode in episodes])
    safe = ~windows.any_step(costly)
    arrivals = windows.last > windows.first  # the window of a first observation has no cost in any case
    if not (safe & arrivals).any():
        raise DataError(
            f"None of {int(arrivals.sum())} windows of {window} steps is free of cost: collect from a safer agent, "
            f"collect more, or use a shorter window."
        )
    unsafe = windows.where(costly)
    return windows.where(safe), unsafe if len(unsafe) else None
