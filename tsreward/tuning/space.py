"""Parameters, their ranges, and spaces of them, which hold without Optuna installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tsreward.errors import OptionError, unknown_name

Value = float | int | str | None
When = tuple[str, ...]
"""(another parameter, the choices of it under which this one is there)."""


@dataclass(frozen=True)
class Float:
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

        >>> Float(0.1, 10.0, 1.0).read("2.5")
        2.5
        """
        return _within(float(text), self.low, self.high)


@dataclass(frozen=True)
class Int:
    """An integer from `low` to `high`."""

    low: int
    high: int
    default: int
    log: bool = False
    when: When | None = None

    def __str__(self) -> str:
        return f"an integer from {self.low} to {self.high}"

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
class Categorical:
    """One of several choices."""

    choices: tuple[Value, ...]
    default: Value
    when: When | None = None

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}"

    def suggest(self, trial: Any, name: str) -> Value:
        """Return the choice that an Optuna trial draws."""
        return trial.suggest_categorical(name, self.choices)

    def read(self, text: str) -> Value:
        """Return the choice that a text names.

        Raises:
            ValueError: it names none.

        >>> Categorical((None, 10.0), None).read("None") is None
        True
        """
        for choice in self.choices:
            if str(choice) == text or (isinstance(choice, float) and _is(choice, text)):
                return choice
        raise ValueError(text)


Parameter = Float | Int | Categorical


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _is(choice: float, text: str) -> bool:
    try:
        return float(text) == choice
    except ValueError:
        return False


Setting = dict[str, Value]
"""A value for every parameter that is there."""


@dataclass(frozen=True)
class Space:
    """Parameters by name, in the order in which they are drawn.

    The version is raised when a parameter comes to mean something else under the same name.

    >>> from tsreward.tuning.space import Int
    >>> space = Space(1, {"scorer": Categorical(("knn", "pca"), "pca"), "knn.k": Int(1, 9, 5, when=("scorer", "knn"))})
    >>> space.defaults(), space.fix(["scorer=knn"]).defaults()
    ({'scorer': 'pca'}, {'scorer': 'knn', 'knn.k': 5})
    """

    version: int
    parameters: Mapping[str, Parameter]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    """Values of parameters that are not searched."""

    def suggest(self, trial: Any) -> Setting:
        """Return a setting whose values an Optuna trial draws."""
        return self._walk(lambda name, parameter: parameter.suggest(trial, name))

    def defaults(self) -> Setting:
        """Return the setting that is used without a search."""
        return self._walk(lambda _, parameter: parameter.default)

    def complete(self, drawn: Mapping[str, Value]) -> Setting | None:
        """Return what a trial drew together with the fixed values, or None where it had not drawn everything."""
        try:
            return self._walk(lambda name, _: drawn[name])
        except KeyError:
            return None

    def searched(self, setting: Setting) -> Setting:
        """Return a setting without its fixed values: what a trial draws."""
        return {name: value for name, value in setting.items() if name not in self.fixed}

    def fix(self, assignments: Sequence[str]) -> Space:
        """Return the space with parameters fixed, `window=4`, or choices narrowed, `scorer=knn,pca`.

        Raises:
            OptionError: no such parameter, a value outside its range, or no value.

        >>> from tsreward.tuning.space import Int
        >>> Space(1, {"window": Int(2, 16, 4)}).fix(["window=40"])
        Traceback (most recent call last):
        tsreward.errors.OptionError: window is an integer from 2 to 16, got '40'.
        """
        parameters, fixed = dict(self.parameters), dict(self.fixed)
        for assignment in assignments:
            name, _, texts = assignment.partition("=")
            if name not in parameters:
                raise unknown_name("parameter", name, parameters)
            parameter = parameters[name]
            values = _values(name, parameter, texts)
            if isinstance(parameter, Categorical) and len(values) > 1:
                default = parameter.default if parameter.default in values else values[0]
                parameters[name] = replace(parameter, choices=tuple(values), default=default)
                fixed.pop(name, None)
            else:
                fixed[name] = values[0]
        return Space(self.version, parameters, fixed)

    def fingerprint(self) -> str:
        """Return a text that two spaces share where studies of one are studies of the other: defaults do not count."""
        listed = {
            name: {"kind": type(parameter).__name__} | asdict(parameter) | {"default": None}
            for name, parameter in self.parameters.items()
            if name not in self.fixed
        }
        return json.dumps({"version": self.version, "fixed": dict(self.fixed), "searched": listed}, sort_keys=True)

    def _walk(self, value: Callable[[str, Any], Value]) -> Setting:
        setting: Setting = {}
        for name, parameter in self.parameters.items():
            if parameter.when is None or str(setting.get(parameter.when[0])) in parameter.when[1:]:
                setting[name] = self.fixed[name] if name in self.fixed else value(name, parameter)
        return setting


def _values(name: str, parameter: Parameter, texts: str) -> list[Value]:
    parts = texts.split(",") if isinstance(parameter, Categorical) else [texts]
    try:
        return [parameter.read(text) for text in parts]
    except ValueError:
        raise OptionError(f"{name} is {parameter}, got '{texts}'.") from None
