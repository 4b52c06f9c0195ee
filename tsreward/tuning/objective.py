"""What a study optimises: an objective function, from a setting to the values of one or more objectives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tsreward.tuning.space import Setting, Space

Report = Callable[[int, float], None]
"""Called with (step, intermediate value), the same steps in every trial; it raises where the trial is pruned."""

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Outcome:
    """What a trial has found."""

    values: tuple[float, ...]
    """One for every objective, in the order of `Objective.directions`."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """Name -> by how much a limit is exceeded; the setting is feasible where all are at most 0."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth keeping, as JSON has it."""


class Objective(ABC):
    """An objective function. It is sent to other processes, so it must survive pickling."""

    name: str
    space: Space

    @property
    @abstractmethod
    def directions(self) -> dict[str, Direction]:
        """Name of every objective -> whether it is maximised or minimised."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Intermediate values that a trial reports; 0 where it reports none."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return, as JSON has it, what the values of trials depend on beside the parameters."""

    @abstractmethod
    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        """Return the values of a setting.

        Raises:
            TSRewardError: the setting does not work; the trial counts as failed, and the study goes on.
        """

    @abstractmethod
    def config(self, setting: Setting) -> dict[str, dict[str, Any]]:
        """Return the options that a setting stands for, by command: the tables of a file for --config."""

    def check(self) -> None:  # noqa: B027 - most need nothing
        """Find out before anything is written whether the objective can be evaluated at all.

        Raises:
            TSRewardError: it cannot.
        """

    def prepare(self, progress: Progress) -> None:  # noqa: B027 - most need nothing
        """Make what all trials share, except for what is there already."""
