"""A scorer that goes on learning while an agent trains, with the agent's own windows as negatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.functional.seeding import generator
from tsreward.options import Options, Range, option
from tsreward.pipeline.model import RewardModel, Windows
from tsreward.scorers.gradient import GradientScorer
from tsreward.sequences.windows import WindowSet

CALIBRATED_ON = 2048
"""Held-out expert windows, and bad ones, that a calibration scores at most."""


@dataclass(frozen=True)
class ActiveLearnerOptions(Options):
    """How a scorer goes on learning."""

    every: int = option(32, search=Range(8, 128, log=True))
    """Decisions in all environments together between two refreshes."""
    updates: int = option(4, search=Range(1, 16, log=True))
    """Gradient steps in one refresh."""
    batch_size: int = 256
    """Expert windows in one gradient step, and as many negatives."""
    learning_rate: float = option(3e-4, above=0, below=1, search=Range(3e-5, 3e-3, log=True))
    noise: float = option(0.2, below=10)
    """Standard deviation of noise on the windows of both sides, in standard deviations of a feature: exploration noise
    is then no sign of the agent (instance noise, Sønderby et al. 2017, arXiv 1610.04490)."""
    recent: int = option(100_000, search=Range(2_000, 200_000, log=True))
    """Latest windows of the agent that serve as negatives; once failures are forgotten, they are paid for again."""
    negative_fraction: float = option(0.25, below=1, search=Range(0.05, 0.75))
    """Fraction of the negatives in a batch that are the given ones, where there are any; the rest are the agent's."""
    held_out: float = option(0.1, above=0, below=1)
    """Fraction of the expert's episodes that is never learned from: calibration and thresholds come from it."""
    calibrate_every: int = 32
    """Refreshes between two calibrations; each takes about half as long as a refresh."""
    seed: int = option(0, low=0, high=2**63 - 2)
    """Every random number follows from it."""


class ActiveLearner:
    """Lets the scorer of `model` go on learning to tell the expert's windows from those of an agent.

    `expert` and `negatives` are windows over raw observations, or episodes [T, *obs]. An unfitted scorer begins with
    fresh weights, and finds out with the agent what sets the expert apart; a fitted one goes on from where it is. From
    then on the model is ready to give rewards, and an ordinary one: `tsreward.save(learner.model, path)` keeps what it
    is at that moment.

    With DeepSVDD this is Deep SAD (Ruff et al. 2020) with the reward transform `odds`, with Discriminator adversarial
    imitation (Peng et al. 2021) with `least_squares`.

    Raises:
        OptionError: a scorer without a loss to go on with; a mode that cannot follow: Lagrangian, or the transform auto
            without negatives.
        DataError: no windows, or too few to hold some out.
        ShapeError: observations of another shape than the model's.

    >>> from tsreward.rewards.likeness import Likeness, LikenessOptions
    >>> from tsreward.scorers.deep_svdd import DeepSVDD
    >>> draw = torch.Generator().manual_seed(0)
    >>> expert = [torch.randn(50, 2, generator=draw) for _ in range(4)]
    >>> learner = ActiveLearner(RewardModel(DeepSVDD(4), Likeness(LikenessOptions(transform="odds"))), expert)
    >>> for _ in range(10):
    ...     learner.refresh(lambda number: 3 + torch.randn(number, 4, 2, generator=draw))
    >>> model = learner.model
    >>> good, bad = torch.randn(99, 4, 2), 3 + torch.randn(99, 4, 2)
    >>> bool(model.rate(good).reward.mean() > model.rate(bad).reward.mean() + 0.5)
    True
    """

    def __init__(
        self,
        model: RewardModel,
        expert: Windows,
        options: ActiveLearnerOptions = ActiveLearnerOptions(),
        negatives: Windows | None = None,
    ) -> None:
        scorer, self._unit = _checked(model, negatives)
        self.model, self.options = model, options
        self.refreshes = 0
        """How often the scorer has changed; rewards from before are stale."""
        self.loss = math.nan
        """Loss of the last gradient step."""
        self._scorer = scorer
        expert = model.windows(expert)
        if not scorer.fitted:
            model.meet(expert)
            model.profile.fit(expert.store[expert.last])
        learned, held = model.features(expert).split(options.held_out, options.seed)
        if not scorer.fitted:
            scorer.begin(learned, options.seed)
        self._expert = learned.map(scorer.standardise)
        scorer.before_fit(self._expert)
        draw = generator(options.seed, 1)
        self._held = _some(held, draw)
        self._probes = self._fixed = None
        if negatives is not None:
            given = model.features(negatives)
            self._probes, self._fixed = _some(given, draw), given.map(scorer.standardise)
        self._begin()
        self.calibrate()

    def _begin(self) -> None:
        self._noise = generator(self.options.seed, 2)
        self.optimiser = torch.optim.Adam(self._scorer.parameters(), lr=self.options.learning_rate)
        """Of the scorer."""

    def windows(self) -> dict[str, Any]:
        """Return the windows that it learns and calibrates on, as arrays by name, for `resumed`; they never change."""
        sets = {"expert": self._expert, "held": self._held, "probes": self._probes, "fixed": self._fixed}
        kept: dict[str, Any] = {name: _as_arrays(windows) for name, windows in sets.items() if windows is not None}
        return kept | {"unit": self._unit}

    @classmethod
    def resumed(cls, model: RewardModel, options: ActiveLearnerOptions, windows: Mapping[str, Any]) -> ActiveLearner:
        """Return a learner that goes on with the model of another one, after `restore`.

        Args:
            model: the other's model, as it was saved.
            options: of the other one.
            windows: what `windows` of the other one gave.

        Raises:
            OptionError: the scorer has no loss to go on with.
        """
        learner = cls.__new__(cls)
        learner.model, learner.options, learner.refreshes, learner.loss = model, options, 0, math.nan
        scorer = model.scorer
        if not isinstance(scorer, GradientScorer):
            raise OptionError(f"ActiveLearner goes on with a scorer that has a loss, got {type(scorer).__name__}.")
        learner._scorer, learner._unit = scorer, windows["unit"]
        sets = {name: _as_windows(windows[name]) if name in windows else None for name in _SETS}
        assert sets["expert"] is not None and sets["held"] is not None
        learner._expert, learner._held = sets["expert"], sets["held"]
        learner._probes, learner._fixed = sets["probes"], sets["fixed"]
        scorer.before_fit(learner._expert)
        learner._begin()
        return learner

    def state(self) -> dict[str, Any]:
        """Return what changes beside the model and the optimiser, as arrays by name."""
        return {"refreshes": self.refreshes, "loss": np.array(self.loss), "noise": self._noise.get_state().numpy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.refreshes, self.loss = state["refreshes"], float(state["loss"])
        self._noise.set_state(torch.from_numpy(state["noise"]))

    def refresh(self, agent_windows: Callable[[int], Tensor]) -> None:
        """Do the gradient steps of one refresh; `agent_windows(n)` gives feature windows [n, K, D] of the agent.

        Raises:
            ShapeError: windows of another shape.
            DataError: the loss is not finite.
        """
        scorer, options = self._scorer, self.options
        scorer.train()
        try:
            for _ in range(options.updates):
                normal, bad = self._draw(self._expert, options.batch_size), self._bad(agent_windows)
                loss = scorer.objective(self._shaken(normal), self._shaken(bad), self._noise)
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                self.optimiser.step()
                self.loss = loss.item()
        finally:
            scorer.eval()
        self.refreshes += 1
        if not math.isfinite(self.loss):
            raise DataError(
                f"The scorer's loss became {self.loss} in refresh {self.refreshes}: lower the learning rate "
                f"({options.learning_rate}) or check the scale of the observations."
            )
        if self.refreshes % options.calibrate_every == 0:
            self.calibrate()

    def calibrate(self) -> None:
        """Bring calibration, threshold and scale of the model up to what its scorer says of held-out expert windows."""
        model = self.model
        self._scorer.after_fit(self._expert)
        model.calibration.fit(self._scorer.score_all(self._held))
        probes = self._scorer.score_all(self._probes) if self._probes is not None and model.mode.uses_probes else None
        model.mode.fit(model.calibration, self._unit, probes)

    def _bad(self, agent_windows: Callable[[int], Tensor]) -> Tensor:
        """Return standardised negatives [B, K, D]: the agent's, and the fraction of given ones."""
        number, fixed = self.options.batch_size, self._fixed
        if fixed is None:
            return self._scorer.standardise(self._checked(agent_windows(number)))
        given = round(self.options.negative_fraction * number)
        agent = self._scorer.standardise(self._checked(agent_windows(number - given)))
        return torch.cat([agent, self._draw(fixed, given)])

    def _shaken(self, windows: Tensor) -> Tensor:
        """Return standardised windows [B, K, D] with noise."""
        if self.options.noise == 0:
            return windows
        return windows + self.options.noise * torch.randn(windows.shape, generator=self._noise)

    def _draw(self, windows: WindowSet, number: int) -> Tensor:
        return windows.gather(torch.randint(len(windows), (number,), generator=self._noise))

    def _checked(self, windows: Tensor) -> Tensor:
        if windows.shape[1:] != (self._scorer.window, self._scorer.dim):
            raise ShapeError(
                f"ActiveLearner.refresh expects windows of the agent [n, {self._scorer.window}, {self._scorer.dim}], "
                f"got {list(windows.shape)}."
            )
        return windows


_SETS = ("expert", "held", "probes", "fixed")


def _as_arrays(windows: WindowSet) -> dict[str, Any]:
    return {
        "store": windows.store.numpy(),
        "last": windows.last.numpy(),
        "first": windows.first.numpy(),
        "window": windows.window,
        "frame_skip": windows.frame_skip,
    }


def _as_windows(arrays: Mapping[str, Any]) -> WindowSet:
    store, last, first = (torch.from_numpy(arrays[name]) for name in ("store", "last", "first"))
    return WindowSet(store, last, first, arrays["window"], arrays["frame_skip"])


def _checked(model: RewardModel, negatives: Windows | None) -> tuple[GradientScorer, float | None]:
    """Return the scorer that can go on learning, and the unit of the reward mode where it has one already."""
    scorer, mode = model.scorer, model.mode
    if not isinstance(scorer, GradientScorer):
        raise OptionError(
            f"ActiveLearner needs a scorer with a loss on negatives to go on with, got {type(scorer).__name__}: use "
            f"DeepSVDD, Discriminator, TransformerAE or LSTMVAE."
        )
    if mode.moves_while_training:
        raise OptionError(
            f"ActiveLearner would set {type(mode).__name__} back to its beginning again and again: use Penalty."
        )
    if mode.uses_probes and negatives is None:
        raise OptionError(
            f"{type(mode).__name__} measures its scale on behaviour that must not be rewarded: give ActiveLearner "
            f"negatives, e.g. from tsreward.sequences.probes.probe_windows, or use the transform 'odds'."
        )
    return scorer, mode.measured_unit if scorer.fitted else None


def _some(windows: WindowSet, draw: torch.Generator) -> WindowSet:
    """Return `CALIBRATED_ON` random windows at most."""
    keep = torch.zeros(len(windows), dtype=torch.bool)
    keep[torch.randperm(len(windows), generator=draw)[:CALIBRATED_ON]] = True
    return windows.where(keep)
