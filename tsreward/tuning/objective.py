"""What is tuned: a setting in, figures out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tsreward.tuning.space import Setting, Space

Report = Callable[[int, float], None]
"""Called with (step, value so far), the same steps in every trial; it raises where the trial is to end there."""

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""


@dataclass(frozen=True)
class Figure:
    """One thing that a trial is judged by."""

    name: str
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    values: tuple[float, ...]
    """One for every figure of the objective, in its order."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """Name -> how far a limit is exceeded; the setting is allowed where all are at most 0."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth keeping, as JSON has it."""


class Objective(ABC):
    """A question that a study answers. It is sent to other processes, and must survive pickling."""

    name: str
    space: Space

    @property
    @abstractmethod
    def figures(self) -> tuple[Figure, ...]:
        """What a trial is judged by."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """How many steps the curve of a trial has; 0 where none is reported."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return, as JSON has it, what the values of trials depend on beside the parameters."""

    @abstractmethod
    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        """Return the figures of a setting.

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
