"""What a parameter of a search may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Value = float | int | str | None
When = tuple[str, ...]
"""(another parameter, the options of it under which this one is there)."""


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`."""

    low: float
    high: float
    default: float
    log: bool = False
    when: When | None = None

    def __str__(self) -> str:
        return f"a number from {self.low} to {self.high}"

    def suggest(self, trial: Any, name: str) -> float:
        """Return the value that an Optuna trial draws."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def read(self, text: str) -> float:
        """Return the value that a text gives.

        Raises:
            ValueError: it gives none, or one outside the range.

        >>> Real(0.1, 10.0, 1.0).read("2.5")
        2.5
        """
        return _within(float(text), self.low, self.high)


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int
    default: int
    log: bool = False
    when: When | None = None

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def suggest(self, trial: Any, name: str) -> int:
        """Return the value that an Optuna trial draws."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def read(self, text: str) -> int:
        """Return the value that a text gives.

        Raises:
            ValueError: it gives none, or one outside the range.
        """
        return int(_within(int(text), self.low, self.high))


@dataclass(frozen=True)
class Choice:
    """One of several options."""

    options: tuple[Value, ...]
    default: Value
    when: When | None = None

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.options))}"

    def suggest(self, trial: Any, name: str) -> Value:
        """Return the option that an Optuna trial draws."""
        return trial.suggest_categorical(name, self.options)

    def read(self, text: str) -> Value:
        """Return the option that a text names.

        Raises:
            ValueError: it names none.

        >>> Choice((None, 10.0), None).read("None") is None
        True
        """
        for option in self.options:
            if str(option) == text or (isinstance(option, float) and _is(option, text)):
                return option
        raise ValueError(text)


Parameter = Real | Whole | Choice


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _is(option: float, text: str) -> bool:
    try:
        return float(text) == option
    except ValueError:
        return False
