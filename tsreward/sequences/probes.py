"""Behaviour that must not be rewarded, made out of windows of good behaviour: every step is one that was good once.

A scorer that only asks whether a state is familiar likes all of it; one that looks at the order of states does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError
from tsreward.functional.seeding import generator
from tsreward.sequences.windows import WindowSet

Probe = Callable[[Tensor], Tensor]
"""Windows [B, K, *obs] -> as many windows of behaviour that must not be rewarded; the input is not changed."""


def held(windows: Tensor) -> Tensor:
    """Return windows that stay at their last step: a good state, held on to.

    >>> held(torch.tensor([[1.0, 2.0, 3.0]])[..., None])[0, :, 0].tolist()
    [3.0, 3.0, 3.0]
    """
    return windows[:, -1:].expand_as(windows).clone()


def frozen(windows: Tensor) -> Tensor:
    """Return windows that stay at their first step: nothing was ever done.

    Where a window reaches back to the beginning of its episode, that is the episode's first observation, for which
    `probe_windows` sees to it. A model's first window of an episode looks just like it (short history repeats the first
    observation), so this probe asks for what the window alone may not be able to tell.

    >>> frozen(torch.tensor([[1.0, 2.0, 3.0]])[..., None])[0, :, 0].tolist()
    [1.0, 1.0, 1.0]
    """
    return windows[:, :1].expand_as(windows).clone()


def reversed_in_time(windows: Tensor) -> Tensor:
    """Return windows played backwards.

    >>> reversed_in_time(torch.tensor([[1.0, 2.0, 3.0]])[..., None])[0, :, 0].tolist()
    [3.0, 2.0, 1.0]
    """
    return windows.flip(1)


def shuffled(windows: Tensor, seed: int = 0) -> Tensor:
    """Return windows whose steps come in a random order, another one in every window; some may keep theirs.

    >>> sorted(shuffled(torch.tensor([[1.0, 2.0, 3.0]])[..., None])[0, :, 0].tolist())
    [1.0, 2.0, 3.0]
    """
    order = torch.rand(windows.shape[:2], generator=generator(seed)).argsort(1).to(windows.device)
    return windows[torch.arange(len(windows), device=windows.device)[:, None], order]


def looped(windows: Tensor) -> Tensor:
    """Return windows that play their first half again and again.

    >>> looped(torch.tensor([[1.0, 2.0, 3.0, 4.0]])[..., None])[0, :, 0].tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    steps = torch.arange(windows.shape[1], device=windows.device)
    return windows[:, steps % max(1, windows.shape[1] // 2)]


PROBES: Mapping[str, Probe] = {
    "held": held,
    "frozen": frozen,
    "reversed_in_time": reversed_in_time,
    "shuffled": shuffled,
    "looped": looped,
}
"""Name -> function of windows [B, K, *obs]."""


def probe_windows(windows: WindowSet, number: int, seed: int = 0) -> dict[str, WindowSet]:
    """Return, for every name in `PROBES`, `number` windows made out of windows drawn from these.

    Each is a `WindowSet` of the same window and frame_skip, to give to `RewardModel.fit(probes=...)` and the like.
    `frozen` holds the first observation of the drawn window's episode.

    Raises:
        OptionError: `number` is below 1.
        DataError: there is nothing to draw from.

    >>> normal = WindowSet.from_episodes([torch.arange(9.0)[:, None]], window=2)
    >>> {name: len(windows) for name, windows in probe_windows(normal, number=3).items()}
    {'held': 3, 'frozen': 3, 'reversed_in_time': 3, 'shuffled': 3, 'looped': 3}
    """
    if number < 1:
        raise OptionError(f"probe_windows needs number >= 1, got {number}.")
    if len(windows) == 0:
        raise DataError("probe_windows got no windows to make probes of: give windows of good behaviour.")
    index = torch.randint(len(windows), (number,), generator=generator(seed)).to(windows.last.device)
    drawn = windows.gather(index)
    begun = windows.store[windows.first[index]][:, None].expand_as(drawn)
    made = {name: probe(begun if name == "frozen" else drawn) for name, probe in PROBES.items()}
    return {name: apart(probe, windows.frame_skip) for name, probe in made.items()}


def apart(windows: Tensor, frame_skip: int = 1) -> WindowSet:
    """Return windows [B, K, *obs] as a `WindowSet` in which each is an episode of its own.

    >>> apart(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]), frame_skip=2).gather(torch.tensor([1]))[..., 0]
    tensor([[3., 4.]])
    """
    number, window = windows.shape[:2]
    first = torch.arange(number, device=windows.device) * window * frame_skip
    store = windows.repeat_interleave(frame_skip, 1).flatten(0, 1)
    return WindowSet(store, first + (window - 1) * frame_skip, first, window, frame_skip)
