"""What the reward pays for probes, behaviour that it should not reward, in units of good behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.audit.behaviour import Behaviour, Ratings, encoded, rate, rate_windows
from tsreward.functional.moments import column_scales, standardise
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.probes import held, looped, reversed_in_time, shuffled
from tsreward.sequences.windows import WindowSet

_NOISE, _FAR = 0.02, 10.0
"""Standard deviations of a channel over good behaviour: small noise, and how far out of range."""


def feature_probes(episodes: Sequence[Tensor], window: int, seed: int) -> dict[str, list[Tensor]]:
    """Return probes made of good episodes [T + 1, D], as long as they are.

    frozen_first: nothing ever changes after the first observation. frozen_typical: the observation nearest to the mean
    of all, held. spliced: from another episode every K // 2 steps, so that every window holds a jump.
    """
    store = torch.cat(list(episodes))
    rng = np.random.default_rng(seed)
    typical = _typical(store)
    return {
        "frozen_first": [episode[:1].expand_as(episode).clone() for episode in episodes],
        "frozen_typical": [typical.expand_as(episode).clone() for episode in episodes],
        "spliced": [_spliced(episodes, len(episode), max(1, window // 2), rng) for episode in episodes],
    }


def observation_probes(observations: Sequence[np.ndarray], seed: int) -> dict[str, list[np.ndarray]]:
    """Return probes made of good observations [T + 1, *obs], of their kind.

    zero: nothing but zeros. out_of_range: every channel ten standard deviations above what it was; pictures are all
    white. noise: good behaviour with Gaussian noise of a fiftieth of each channel's standard deviation, of pictures of
    1 % of their range. A good reward is hardly changed by the last one.

    >>> sorted(observation_probes([np.zeros((3, 2), dtype=np.float32)], seed=0))
    ['noise', 'out_of_range', 'zero']
    """
    rng = np.random.default_rng(seed)
    zero = [np.zeros_like(obs) for obs in observations]
    if observations[0].dtype == np.uint8:
        noisy = [_as_bytes(obs + rng.normal(0, 2.55, obs.shape)) for obs in observations]
        return {"zero": zero, "out_of_range": [np.full_like(obs, 255) for obs in observations], "noise": noisy}
    std = np.concatenate(list(observations)).std(axis=0)
    unit = np.where(std > 0, std, max(float(std.mean()), 1e-3))
    far = [(obs + _FAR * unit).astype(obs.dtype) for obs in observations]
    noisy = [(obs + _NOISE * std * rng.standard_normal(obs.shape)).astype(obs.dtype) for obs in observations]
    return {"zero": zero, "out_of_range": far, "noise": noisy}


def within(lengths: Sequence[int], steps: int) -> int:
    """Return how many of the first episodes have at most so many steps together; at least one.

    >>> within([10, 10, 10], 25)
    2
    """
    return max(1, int(np.searchsorted(np.cumsum(lengths), steps, side="right")))


def _typical(store: Tensor) -> Tensor:
    scaled = standardise(store, column_scales(store, std_floor=1e-6), clip=None)
    return store[scaled.square().sum(1).argmin()][None]


def _spliced(episodes: Sequence[Tensor], length: int, stretch: int, rng: np.random.Generator) -> Tensor:
    count = -(-length // stretch)
    chosen = rng.integers(0, len(episodes), count)
    pieces = []
    for index in chosen:
        start = int(rng.integers(0, max(1, len(episodes[index]) - stretch + 1)))
        pieces.append(episodes[index][start : start + stretch])
    joined = torch.cat(pieces)
    # Episodes shorter than a stretch leave a rest, which the last step fills.
    missing = length - len(joined)
    return joined[:length] if missing <= 0 else torch.cat([joined, joined[-1:].expand(missing, -1)])


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_STEPS, _HELD = 8_000, 2_000
_DISTURBED = "noise"


@dataclass(frozen=True)
class Scale:
    """n(x) = (J(x) − J(bad)) / (J(good) − J(bad)), J the mean over episodes of the mean learned reward per step.

    Per step, because probes have no length of their own; `Termination` compares whole returns.
    """

    good: float
    bad: float

    def __call__(self, level: float) -> float | None:
        """Return n of a level J; None where good behaviour earns no more than bad, and n would mean nothing."""
        return (level - self.bad) / (self.good - self.bad) if self.good > self.bad else None


@dataclass(frozen=True)
class Probe:
    """What one kind of behaviour earns."""

    name: str
    kind: str
    """probe: must not be rewarded. blind: a policy that ignores observations. disturbed: good, with noise."""
    level: float
    n: float | None
    flag_rate: float
    """Fraction of steps whose score passes the threshold."""


@dataclass(frozen=True)
class Held:
    """What states earn when each is held for a whole window, over states of all behaviour."""

    median: float | None
    """Median of n over states that good behaviour does not stand still in; None where it does so in all of them, or
    earns no more than bad."""
    quantiles: tuple[float, ...]
    """Reward at 5, 25, 50, 75 and 95 %."""
    good_median: float | None
    """Median of n over states of good behaviour alone."""
    states: int
    apart: int
    """How many of them good behaviour does not stand still in; the median n is of these."""


def probe(model: RewardModel, good: Behaviour, scale: Scale, seed: int) -> tuple[Probe, ...]:
    """Rate all probes made of the first good episodes, up to 8,000 steps."""
    count = within(good.rated.lengths.tolist(), _STEPS)
    features = good.features[:count]
    made: dict[str, Sequence[torch.Tensor]] = {**feature_probes(features, model.window, seed)}
    observations = observation_probes([episode.obs for episode in good.episodes[:count]], seed)
    made |= {name: encoded(model, episodes) for name, episodes in observations.items()}
    rows = []
    for name, episodes in made.items():
        rows.append(_probe(name, "disturbed" if name == _DISTURBED else "probe", rate(model, episodes), scale))
    windows = WindowSet.of_arrivals(features, model.window, model.frame_skip)
    index = torch.linspace(0, len(windows) - 1, min(_STEPS, len(windows))).long()
    whole = windows.gather(index)
    for name, changed in (
        ("reversed", reversed_in_time(whole)),
        ("shuffled", shuffled(whole, seed)),
        ("looped", looped(whole)),
    ):
        rows.append(_probe(name, "probe", rate_windows(model, changed), scale))
    return tuple(rows)


def blind_levels(blind: Mapping[str, Behaviour], scale: Scale) -> tuple[Probe, ...]:
    """Return what blind policies earn."""
    return tuple(_probe(name, "blind", policy.rated, scale) for name, policy in blind.items())


def _probe(name: str, kind: str, rated: Ratings, scale: Scale) -> Probe:
    return Probe(name, kind, rated.level, scale(rated.level), float(rated.is_anomaly.mean()))


def hold(model: RewardModel, behaviours: Sequence[Behaviour], scale: Scale, seed: int) -> Held:
    """Rate windows of one state repeated K times; each behaviour gives as many of 2,000 states as the others.

    The median n leaves out states that good behaviour itself stands still in: those whose repetition is as near to a
    window of it as its episodes are to each other.
    """
    rng = np.random.default_rng(seed)
    each = max(1, _HELD // len(behaviours))
    states = []
    for behaviour in behaviours:
        store = torch.cat(behaviour.features)
        rows = np.sort(rng.choice(len(store), min(each, len(store)), replace=False))
        states.append(store[torch.from_numpy(rows)])
    windows = held(torch.cat(states)[:, None].repeat(1, model.window, 1))
    learned = rate_windows(model, windows).learned
    quantiles = tuple(float(value) for value in np.quantile(learned, [0.05, 0.25, 0.5, 0.75, 0.95]))
    of_good = learned[: len(states[0])]
    apart = ~_stood_in(windows[:, 0], behaviours[0], max(model.window, _SPAN), model.frame_skip, rng)
    median = scale(float(np.median(learned[apart]))) if apart.any() else None
    return Held(median, quantiles, scale(float(np.median(of_good))), len(learned), int(apart.sum()))


_COMPARED, _NEAR = 2_000, 0.95
_SPAN = 4
"""Steps that show whether somebody stands still, also where the windows of the model are shorter."""


def _stood_in(states: Tensor, good: Behaviour, window: int, frame_skip: int, rng: np.random.Generator) -> np.ndarray:
    """Tell in which states [B, D] good behaviour stands still.

    Those are states that, held for a window, are as near to a window of it as 95 % of the windows of one of its
    episodes are to another one's; distances are in its standard deviations.
    """
    windows = states[:, None].repeat(1, window, 1)
    found = WindowSet.of_arrivals(good.features, window, frame_skip)
    chosen = np.sort(rng.choice(len(found), min(_COMPARED, len(found)), replace=False))
    own = found.gather(torch.from_numpy(chosen)).flatten(1)
    episode = found.first[torch.from_numpy(chosen)]
    scale = own.std(0, correction=0)
    moving = scale > 1e-6 * scale.max()
    own, others = (own / scale)[:, moving], (windows.flatten(1) / scale)[:, moving]
    between = torch.cdist(own, own).masked_fill(episode[:, None] == episode[None], torch.inf).amin(1)
    between = between[between.isfinite()]
    if not len(between):  # one episode alone
        return np.zeros(len(windows), bool)
    return (torch.cdist(others, own).amin(1) <= torch.quantile(between, _NEAR)).numpy()
