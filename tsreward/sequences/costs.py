"""What is a cost: where it stands in the infos of environments, and what becomes of its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tsreward.errors import OptionError, ProtocolError
from tsreward.named_warnings import warn
from tsreward.options import Options, option
from tsreward.user_modules import import_named, split_name

COMMON = (
    "cost",
    "costs",
    "cost_sum",
    "constraint_cost",
    "constraint_costs",
    "safety_cost",
    "constraint_violation",
    "constraint_violations",
    "violation",
    "violations",
    "unsafe",
    "is_unsafe",
    "crashed",
    "crash",
    "collided",
    "collision",
    "is_collision",
)
"""Keys of infos, and names in files, under which costs stand, the most usual first."""
CostFunction = Callable[[Mapping[str, Any]], Any]
"""info of one step -> its cost, or None where it has none."""


@dataclass(frozen=True, kw_only=True)
class CostRules(Options):
    """What becomes of the values that are costs; a step is unsafe where its cost is above 0."""

    cost_missing: Literal["error", "zero"] = "error"
    """What a step without a cost is. zero: safe, for environments that give costs only where they violate. error:
    refused where costs are needed; elsewhere it counts as safe with a warning."""
    cost_reduce: Literal["sum", "max"] | int | None = option(
        None, low=0, wanted="sum, max, or the number of one of them, from 0"
    )
    """What becomes of a cost that is several numbers: their sum, their maximum, or one of them by its number from 0.
    None adds up the values of several keys and refuses several numbers under one."""
    cost_sign: Literal["positive", "negative"] = "positive"
    """negative: what is given is below 0 where it is unsafe, as a penalty or a margin."""
    cost_above: float | None = option(None, low=-math.inf)
    """A step costs 1 where the value is above this, else 0; None takes the value itself."""
    cost_below: float | None = option(None, low=-math.inf)
    """A step costs 1 where the value is below this, as a distance to what is dangerous, else 0."""

    def check(self) -> None:
        if (self.cost_above is not None or self.cost_below is not None) and self.cost_sign == "negative":
            self.refuse("cost_sign", "positive beside cost_above or cost_below", "a limit says which side is unsafe")
        if None not in (self.cost_above, self.cost_below) and self.cost_below > self.cost_above:  # type: ignore[operator]
            self.refuse("cost_below", f"at most cost_above={self.cost_above}", "all would be unsafe")

    def costs_of(self, values: np.ndarray, where: str) -> np.ndarray:
        """Return the costs [T] of values [T] or [T, ...], in float64.

        NaN stays NaN, or is 0 where `cost_missing` is "zero".

        Raises:
            ProtocolError: several numbers for each step and nothing that says what becomes of them, or a number that is
                not there.
        """
        rows = np.asarray(values, np.float64)
        rows = rows.reshape(len(rows), -1)
        costs = rows[:, 0] if rows.shape[1] == 1 else self._reduced(rows, where)
        if self.cost_missing == "zero":
            costs = np.where(np.isnan(costs), 0.0, costs)
        if self.cost_above is None and self.cost_below is None:
            return -costs + 0.0 if self.cost_sign == "negative" else costs
        low = -math.inf if self.cost_below is None else self.cost_below
        high = math.inf if self.cost_above is None else self.cost_above
        return np.where(np.isnan(costs), np.nan, (costs < low) | (costs > high))

    def _reduced(self, rows: np.ndarray, where: str) -> np.ndarray:
        if self.cost_reduce == "sum":
            return rows.sum(1)
        if self.cost_reduce == "max":
            return rows.max(1)
        if self.cost_reduce is None:
            raise ProtocolError(
                f"{where} holds {rows.shape[1]} numbers for each step: say what is the cost with cost_reduce "
                f"(--cost-reduce sum, max, or the number of one of them, from 0)."
            )
        if self.cost_reduce >= rows.shape[1]:
            raise ProtocolError(
                f"{where} holds {rows.shape[1]} numbers for each step, so there is none with the number "
                f"{self.cost_reduce}: cost_reduce (--cost-reduce) counts from 0."
            )
        return rows[:, self.cost_reduce]


@dataclass(frozen=True, kw_only=True)
class CostOptions(CostRules):
    """Where the cost of a step is found in its info, and what becomes of it."""

    cost_key: tuple[str, ...] = ()
    """Key of info that holds the cost, a.b for one inside another; of several, the values are added up unless
    --cost-reduce says otherwise. my_module:cost_of is a function of your own, which gets info. Without any, a key that
    is common is found (cost, costs, constraint_cost, crashed, ...) and named."""

    def __post_init__(self) -> None:
        given: Any = self.cost_key
        function = given[0] if isinstance(given, tuple) and len(given) == 1 else given
        if callable(function):
            given = ()
        object.__setattr__(self, "cost_key", (given,) if isinstance(given, str) else given)
        super().__post_init__()
        if callable(function):
            object.__setattr__(self, "cost_key", (function,))

    @property
    def function(self) -> CostFunction | None:
        """The function that reads a cost; one that is named is imported now.

        Raises:
            OptionError: it cannot be found, or is none.
        """
        first: Any = self.cost_key[0] if len(self.cost_key) == 1 else None
        if isinstance(first, str) and split_name(first):
            name, first = first, import_named(first, "cost function")
            if not callable(first):
                raise OptionError(f"{name} is no cost function: it must take info and return a number or None.")
        return first if callable(first) else None

    def check(self) -> None:
        if "" in self.cost_key or len(set(self.cost_key)) < len(self.cost_key):
            self.refuse("cost_key", "keys of info, each once")
        if len(self.cost_key) > 1 and any(split_name(key) for key in self.cost_key):
            self.refuse("cost_key", "keys, or one function my_module:cost_of", "let the function put them together")


def tell_negative(source: str, negative: int, steps: int) -> None:
    """Warn where costs are below 0, `negative` of `steps` of them, which count as safe.

    Raises:
        StrictError: some are, and warnings are errors.
    """
    if negative:
        warn(
            "negative costs",
            f"{source} is below 0 in {negative:,} of {steps:,} steps, which counts as safe. If those are the unsafe "
            f"ones, say cost_sign='negative' (--cost-sign negative), or give a limit with cost_above or cost_below.",
        )


Costs = CostOptions | CostFunction | str | Sequence[str]
"""How costs are read: options, a function that gets info, or the keys of info alone."""
