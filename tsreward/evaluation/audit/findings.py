"""`Findings`: everything that was measured, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass

from tsreward.evaluation.audit.agreement import Agreement
from tsreward.evaluation.audit.false_alarms import FalseAlarms
from tsreward.evaluation.audit.probing import Held, Probe
from tsreward.evaluation.audit.sensitivity import History, Smoothing
from tsreward.evaluation.audit.separation import Separation
from tsreward.evaluation.audit.shape import Shape
from tsreward.evaluation.audit.stakes import Stakes
from tsreward.evaluation.audit.termination import Termination


@dataclass(frozen=True)
class Kind:
    """One kind of behaviour and what it earns."""

    name: str
    episodes: int
    steps: int
    level: float
    """J: mean over episodes of the mean learned reward per step."""
    typical: float
    """Median learned reward of a step."""
    n: float | None
    """(J − J(bad)) / (J(good) − J(bad)); None where good earns no more than bad."""
    flagged: float
    cost_rate: float | None


@dataclass(frozen=True)
class Findings:
    """Measurements on one model; those that the data do not allow are None or empty."""

    replaces: bool
    """Whether the learned reward takes the place of the environment's; a penalty does not."""
    kinds: tuple[Kind, ...]
    separations: tuple[Separation, ...]
    false_alarms: tuple[FalseAlarms, ...]
    agreement: Agreement | None
    probes: tuple[Probe, ...]
    held: Held
    termination: Termination | None
    stakes: Stakes | None
    shape: Shape
    features: tuple[float, ...]
    """Share of each feature in what moves the score."""
    history: tuple[History, ...]
    smoothing: tuple[Smoothing, ...]

    def kind(self, name: str) -> Kind | None:
        """Return the behaviour of this name."""
        return next((kind for kind in self.kinds if kind.name == name), None)
