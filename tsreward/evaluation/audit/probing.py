"""What the reward pays for behaviour that it should not pay for, in units of good behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tsreward.evaluation.audit.behaviour import Behaviour, encoded
from tsreward.evaluation.audit.episode_probes import feature_probes, observation_probes, within
from tsreward.evaluation.audit.rating import arrivals, rate, rate_windows
from tsreward.model import RewardModel
from tsreward.probes import held, looped, reversed_in_time, shuffled

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
    """probe: nobody should be paid for it. trivial: a policy that looks at nothing. disturbed: good, with noise."""
    level: float
    n: float | None
    flagged: float
    """Share of steps whose score passes the threshold."""


@dataclass(frozen=True)
class Held:
    """What states earn when each is held for a whole window, over states of all behaviour."""

    median: float | None
    """Median of n."""
    quantiles: tuple[float, ...]
    """Reward at 5, 25, 50, 75 and 95 %."""
    good_median: float | None
    """Median of n over states of good behaviour alone."""
    states: int


def probe(model: RewardModel, good: Behaviour, scale: Scale, seed: int) -> tuple[Probe, ...]:
    """Rate all probes made of the first good episodes, up to 8,000 steps."""
    count = within(good.rated.lengths.tolist(), _STEPS)
    features = good.features[:count]
    made: dict[str, Sequence[torch.Tensor]] = {**feature_probes(features, model.window, seed)}
    observations = observation_probes([episode.obs for episode in good.episodes[:count]], seed)
    made |= {name: encoded(model, episodes) for name, episodes in observations.items()}
    rows = []
    for name, episodes in made.items():
        rated = rate(model, episodes)
        kind = "disturbed" if name == _DISTURBED else "probe"
        rows.append(Probe(name, kind, rated.level, scale(rated.level), float(rated.flagged.mean())))
    windows = arrivals(features, model.window, model.skip)
    index = torch.linspace(0, len(windows) - 1, min(_STEPS, len(windows))).long()
    whole = windows.gather(index)
    for name, changed in (
        ("reversed", reversed_in_time(whole)),
        ("shuffled", shuffled(whole, seed)),
        ("looped", looped(whole)),
    ):
        scores, learned = rate_windows(model, changed)
        level, flagged = float(learned.mean()), float((scores > float(model.mode.threshold)).mean())
        rows.append(Probe(name, "probe", level, scale(level), flagged))
    return tuple(rows)


def trivial_levels(trivial: Mapping[str, Behaviour], scale: Scale) -> tuple[Probe, ...]:
    """Return what policies that look at nothing earn."""
    return tuple(
        Probe(name, "trivial", policy.rated.level, scale(policy.rated.level), float(policy.rated.flagged.mean()))
        for name, policy in trivial.items()
    )


def hold(model: RewardModel, behaviours: Sequence[Behaviour], scale: Scale, seed: int) -> Held:
    """Rate windows of one state repeated K times; each behaviour gives as many of 2,000 states as the others."""
    rng = np.random.default_rng(seed)
    share = max(1, _HELD // len(behaviours))
    states = []
    for behaviour in behaviours:
        store = torch.cat(behaviour.features)
        rows = np.sort(rng.choice(len(store), min(share, len(store)), replace=False))
        states.append(store[torch.from_numpy(rows)])
    windows = held(torch.cat(states)[:, None].repeat(1, model.window, 1))
    learned = rate_windows(model, windows)[1]
    spread = tuple(float(value) for value in np.quantile(learned, [0.05, 0.25, 0.5, 0.75, 0.95]))
    of_good = learned[: len(states[0])]
    return Held(scale(float(np.median(learned))), spread, scale(float(np.median(of_good))), len(learned))
