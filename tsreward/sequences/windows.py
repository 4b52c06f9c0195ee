"""`WindowSet`: windows over whole episodes without copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.functional.arrays import as_array
from tsreward.functional.seeding import generator
from tsreward.functional.tensors import as_real, as_tensor
from tsreward.functional.windows import window_rows
from tsreward.sequences.columns import Columns, ordered


class WindowSet:
    """Windows `[B, K, *obs]` over concatenated episodes: one store `[S, *obs]` and the row of every window's last step.

    Windows never cross episodes; short history repeats the first observation of the episode.
    """

    def __init__(
        self,
        store: Tensor,
        last: Tensor,
        first: Tensor,
        window: int,
        frame_skip: int = 1,
        columns: Columns | None = None,
    ) -> None:
        self.store, self.last, self.first = store, last, first
        self.window, self.frame_skip = window, frame_skip
        self.columns = columns
        """Names of the D columns of a store [S, D] of raw observations; None where they have none."""

    @classmethod
    def from_episodes(cls, episodes: Sequence[np.ndarray | Tensor], window: int, frame_skip: int = 1) -> WindowSet:
        """Return one window per observation of every episode `[T, *obs]`.

        Raises:
            OptionError: `window` or `frame_skip` is below 1.
            DataError: no episodes or an empty one, values that are not finite, or a window longer than every episode.
            ShapeError: the episodes' observations differ in shape.

        >>> windows = WindowSet.from_episodes([torch.arange(3.0)[:, None]], window=2)
        >>> windows.gather(torch.tensor([0, 2]))[..., 0]
        tensor([[0., 0.],
                [1., 2.]])
        """
        if window < 1 or frame_skip < 1:
            raise OptionError(
                f"WindowSet needs window >= 1 and frame_skip >= 1, got window={window}, frame_skip={frame_skip}."
            )
        tensors = [
            _as_float(episode.detach().cpu() if isinstance(episode, Tensor) else as_tensor(as_array(episode)))
            for episode in episodes
        ]
        if not tensors:
            raise DataError("WindowSet got no episodes: give at least one array [T, *obs].")
        for index, episode in enumerate(tensors):
            if episode.ndim < 2 or episode.shape[1:] != tensors[0].shape[1:]:
                raise ShapeError(
                    f"WindowSet expects episodes [T, *obs] of one observation shape; episode 0 is "
                    f"{list(tensors[0].shape)}, episode {index} is {list(episode.shape)}."
                )
            if len(episode) == 0:
                raise DataError(f"Episode {index} is empty: leave out what holds no observation.")
            if episode.is_floating_point() and not torch.isfinite(episode).all():
                row = int((~torch.isfinite(episode.flatten(1))).any(1).nonzero()[0])
                raise DataError(f"Episode {index} holds NaN or inf at step {row}: fill or drop it before fitting.")
        lengths = torch.tensor([len(episode) for episode in tensors])
        span = (window - 1) * frame_skip + 1
        if span > int(lengths.max()):
            raise DataError(
                f"A window spans {span} steps (window={window}, frame_skip={frame_skip}) but the longest of "
                f"{len(tensors)} episodes has {int(lengths.max())}: use a shorter window or longer episodes."
            )
        store = torch.cat(tensors)
        starts = lengths.cumsum(0) - lengths
        return cls(store, torch.arange(len(store)), starts.repeat_interleave(lengths), window, frame_skip)

    @classmethod
    def of_arrivals(cls, episodes: Sequence[Tensor], window: int, frame_skip: int = 1) -> WindowSet:
        """Return one window per transition of every episode [T + 1, *obs]: none ends at a first observation.

        >>> WindowSet.of_arrivals([torch.arange(3.0)[:, None], torch.zeros(2, 1)], window=2).last.tolist()
        [1, 2, 4]
        """
        lengths = torch.tensor([len(episode) for episode in episodes])
        starts = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
        last = torch.arange(len(starts))
        arrived = last > starts
        return cls(torch.cat(list(episodes)), last[arrived], starts[arrived], window, frame_skip)

    @classmethod
    def concat(cls, parts: Sequence[WindowSet]) -> WindowSet:
        """Return all windows of several sets, in order, over one store.

        Raises:
            DataError: no sets.
            ShapeError, DataError: they differ in window, frame_skip, the shape or the columns of an observation.

        >>> parts = [WindowSet.from_episodes([torch.zeros(steps, 1)], window=2) for steps in (3, 4)]
        >>> WindowSet.concat(parts).first.tolist()
        [0, 0, 0, 3, 3, 3, 3]
        """
        if not parts:
            raise DataError("WindowSet.concat got no sets: give at least one.")
        kinds = [(part.window, part.frame_skip, list(part.store.shape[1:])) for part in parts]
        for index, kind in enumerate(kinds):
            if kind != kinds[0]:
                raise ShapeError(
                    f"WindowSet.concat expects sets of one window, frame_skip and observation shape; set 0 has "
                    f"{kinds[0]}, set {index} has {kind}."
                )
        columns = next((part.columns for part in parts if part.columns is not None), None)
        parts = [
            part.in_order(columns, "the first set of windows", f"Set {index} of windows")
            for index, part in enumerate(parts)
        ]
        offsets = np.cumsum([0, *(len(part.store) for part in parts[:-1])]).tolist()
        return cls(
            torch.cat([part.store for part in parts]),
            torch.cat([part.last + offset for part, offset in zip(parts, offsets, strict=True)]),
            torch.cat([part.first + offset for part, offset in zip(parts, offsets, strict=True)]),
            parts[0].window,
            parts[0].frame_skip,
            columns,
        )

    def named(self, columns: Columns | None) -> WindowSet:
        """Return the same windows with names of the columns of the store."""
        return WindowSet(self.store, self.last, self.first, self.window, self.frame_skip, columns)

    def in_order(self, wanted: Columns | None, who: str, where: str) -> WindowSet:
        """Return the same windows with the columns of the store in the order that `who` was fitted on.

        Raises:
            DataError, ShapeError: they are not these columns, see `Columns.places`.
        """
        if self.columns is None or wanted is None:
            return self
        return self.map(lambda store: ordered(store, self.columns, wanted, who, where)).named(wanted)

    def __len__(self) -> int:
        return len(self.last)

    @property
    def episodes(self) -> int:
        """Number of episodes that still have a window here."""
        return len(self.first.unique())

    def gather(self, index: Tensor) -> Tensor:
        """Return the windows `[B, K, *obs]` at these positions."""
        return self.store[window_rows(self.last[index], self.first[index], self.window, self.frame_skip)]

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield all windows in order, `size` at a time, so that they are never all copied at once."""
        for index in torch.arange(len(self), device=self.last.device).split(size):
            yield self.gather(index)

    def where(self, keep: Tensor | np.ndarray) -> WindowSet:
        """Return only the windows whose flag in `keep` [B] is true; the store is shared."""
        keep = torch.as_tensor(keep)
        if keep.shape != self.last.shape:
            raise ShapeError(f"WindowSet.where expects flags [{len(self)}], got {list(keep.shape)}.")
        return WindowSet(self.store, self.last[keep], self.first[keep], self.window, self.frame_skip, self.columns)

    def blocks(self, fraction: float, size: int, noise: torch.Generator) -> WindowSet:
        """Return a copy of about `fraction` of the windows, in blocks, one at least, of up to `size` in a row.

        Each block is an episode of its own, whose first windows have the same history as before. The rest of the store
        is not kept.

        >>> windows = WindowSet.from_episodes([torch.arange(8.0)[:, None]], window=2)
        >>> half = windows.blocks(0.5, 2, torch.Generator().manual_seed(0))
        >>> half.gather(torch.arange(len(half)))[..., 0]
        tensor([[0., 0.],
                [0., 1.],
                [1., 2.],
                [2., 3.]])
        """
        if fraction >= 1 or not len(self):
            return self
        begins = torch.cat([torch.ones(1, dtype=torch.bool), self.first[1:] != self.first[:-1]])
        at = torch.arange(len(self))
        within = at - torch.where(begins, at, 0).cummax(0).values
        begins = begins | (within % size == 0)  # [B], where a block begins
        edges = torch.cat([begins.nonzero()[:, 0], torch.tensor([len(self)])])
        number = len(edges) - 1
        drawn = torch.randperm(number, generator=noise)[: max(1, round(fraction * number))].sort().values
        stores, last, first, length = [], [], [], 0
        for begin, end in zip(edges[drawn].tolist(), edges[drawn + 1].tolist(), strict=True):
            low = max(int(self.first[begin]), int(self.last[begin]) - (self.window - 1) * self.frame_skip)
            stores.append(self.store[low : int(self.last[end - 1]) + 1])
            last.append(self.last[begin:end] - low + length)
            first.append(torch.full((end - begin,), length))
            length += len(stores[-1])
        empty = torch.zeros(0, dtype=torch.long)
        return WindowSet(
            torch.cat([self.store[:0], *stores]),
            torch.cat([empty, *last]),
            torch.cat([empty, *first]),
            self.window,
            self.frame_skip,
            self.columns,
        )

    def any_step(self, flags: Tensor | np.ndarray) -> Tensor:
        """Tell for every window [B] whether any of its steps is flagged; `flags` has one entry per row of the store."""
        flags = torch.as_tensor(flags, dtype=torch.bool)
        if flags.shape != self.store.shape[:1]:
            raise ShapeError(f"WindowSet.any_step expects flags [{len(self.store)}], got {list(flags.shape)}.")
        return flags[window_rows(self.last, self.first, self.window, self.frame_skip)].any(1)

    def map(self, function: Callable[[Tensor], Tensor]) -> WindowSet:
        """Return the same windows over `function(store)`: each row is transformed once, and loses its names."""
        return WindowSet(function(self.store), self.last, self.first, self.window, self.frame_skip)

    def to(self, device: torch.device | str) -> WindowSet:
        """Return the same windows on another device."""
        store, last, first = (part.to(device) for part in (self.store, self.last, self.first))
        return WindowSet(store, last, first, self.window, self.frame_skip, self.columns)

    def split(self, fraction: float, seed: int) -> tuple[WindowSet, WindowSet]:
        """Return (the rest, `fraction` of the episodes), split by episode so that no window is seen from both sides.

        A single episode is cut in time instead: the end is the second part, and the windows that would overlap it are
        left out of the first.

        Raises:
            DataError: one of the parts would be empty.
        """
        starts = self.first.unique()
        if len(starts) > 1:
            order = starts[torch.randperm(len(starts), generator=generator(seed)).to(starts.device)]
            taken = order[: min(len(starts) - 1, max(1, round(fraction * len(starts))))]
            second = torch.isin(self.first, taken)
            first = ~second
        else:
            position = torch.arange(len(self), device=self.last.device)
            cut = len(self) - max(1, round(fraction * len(self)))
            second = position >= cut
            border = self.last[cut] if len(self) else 0
            first = (position < cut) & (self.last < border - (self.window - 1) * self.frame_skip)
        if not first.any() or not second.any():
            raise DataError(
                f"{len(self)} windows of {len(starts)} episode(s) are too few to hold out {fraction:.0%} of them: "
                f"collect more episodes."
            )
        return self.where(first), self.where(second)


def _as_float(episode: Tensor) -> Tensor:
    """Sensors become floating-point numbers that hold them exactly; bytes and grids of integers wait for an encoder."""
    whole = not episode.is_floating_point() and episode.ndim > 2
    return episode if whole or episode.dtype == torch.uint8 else as_real(episode)
