"""`CostReader`: the cost of every step, read out of the infos of environments and of recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsreward.errors import ProtocolError, shown
from tsreward.named_warnings import warn
from tsreward.sequences.costs import COMMON, CostOptions, Costs, tell_negative
from tsreward.user_modules import what_went_wrong

STEP_COST = "tsreward_step_cost"
"""Key of the cost of one decision that took several steps, read by the `CostReader` of the wrapper that took them."""


class CostReader:
    """Reads the cost of every step out of its info, and knows what it has read.

    Where no key is named, the first of `COMMON` that comes is taken, and stays; another that says something else about
    any step is told by `tell`.

    Args:
        costs: options; or what their `cost_key` is alone: keys, or a function that gets the info of a step and returns
            its cost, None where there is none.
        needed: whether a step without a cost is an error (unless `cost_missing` is "zero").

    Raises:
        OptionError: the function that is named cannot be found.

    >>> reader = CostReader()
    >>> reader.read({"constraint_cost": 2.0, "speed": 3.0}), reader.read({"constraint_cost": np.zeros(1)})
    (2.0, 0.0)
    >>> reader.summary()
    "info['constraint_cost'], above 0 in 1 of 2 steps (50.0 %)"
    """

    def __init__(self, costs: Costs = CostOptions(), needed: bool = False) -> None:  # noqa: B008 - frozen
        self.options = costs if isinstance(costs, CostOptions) else CostOptions(cost_key=costs)  # type: ignore[arg-type]
        self._function = self.options.function
        self.keys: tuple[str, ...] = self.options.cost_key if self._function is None else ()
        """Keys that are read; empty as long as none was named or found, and for a function."""
        self._named = bool(self.keys)
        self.needed = needed
        self.steps = self.missing = self.unsafe = self.negative = 0
        """Steps that were read; those without a cost, with one above 0, and with one below 0."""
        self._differing: dict[str, int] = {}
        self._keys_seen: list[str] = []
        self._worded: tuple[str, Any] | None = None
        """A common key, and what it held that is no number."""
        self._told = False

    @property
    def found(self) -> bool:
        """Whether any step had a cost."""
        return self.missing < self.steps

    def read(self, info: Mapping[str, Any], where: str = "The environment") -> float:
        """Return the cost of a step, 0 where it has none.

        Raises:
            ProtocolError: there is none although it is needed, or it is no number.
        """
        if STEP_COST in info:
            return info[STEP_COST]
        value = self._value(info, where)
        self.steps += 1
        if not self._keys_seen:
            self._keys_seen = [str(key) for key in info if not str(key).startswith("_")]
        if value is None:
            self.missing += 1
            if self.needed and self.options.cost_missing == "error":
                raise ProtocolError(self._absence(where, info))
            return 0.0
        self.unsafe += value > 0
        self.negative += value < 0
        return value

    def read_all(self, infos: Mapping[str, Any], steps: int, where: str) -> np.ndarray | None:
        """Return the costs [T] of recorded infos, arrays [T, ...] by name, or None where they have none.

        Raises:
            ProtocolError: there is none although it is needed, one is no number, or has another length.
        """
        if self._function is not None:
            rows = [_row_of(infos, index) for index in range(steps)]
            read = [self.read(row, f"{where}, step {index},") for index, row in enumerate(rows)]
            return np.array(read) if self.found else None
        values = self._values(infos, many=True)
        self.steps += steps
        self._keys_seen = self._keys_seen or [str(key) for key in infos]
        if values is None:
            self.missing += steps
            if self.needed and self.options.cost_missing == "error":
                raise ProtocolError(self._absence(where, infos))
            return None
        parts = [_rows(value) for value in values]
        if any(len(part) != steps for part in parts):
            raise ProtocolError(f"{where} has {len(parts[0])} costs for {steps} steps: record one for each.")
        costs = self._put_together(parts, where)
        self.unsafe += int((costs > 0).sum())
        self.negative += int((costs < 0).sum())
        return costs

    def read_vector(self, infos: Mapping[str, Any], num_envs: int, ended: np.ndarray | None = None) -> np.ndarray:
        """Return the costs [E] of one step of a Gymnasium vector environment, 0 where one has none.

        Args:
            infos: what `step` returned.
            num_envs: E.
            ended: [E] which episodes ended; their last step is read from `infos["final_info"]` where it is given.
        """
        given = infos.get("final_info")
        ended = np.zeros(num_envs, bool) if ended is None or given is None else ended
        return np.array(
            [
                self.read(_info_of(given if ended[index] else infos, index), f"Environment {index}")
                for index in range(num_envs)
            ]
        )

    def summary(self) -> str:
        """Describe in one line where costs were found and how many steps are unsafe."""
        if not self.found:
            return f"none found ({self._seen()}); name their key with cost_key (--cost-key)"
        rate = 100 * self.unsafe / self.steps
        return f"{self._source()}, above 0 in {self.unsafe:,} of {self.steps:,} steps ({rate:.1f} %)"

    def tell(self) -> None:
        """Warn once of what may be wrong with the costs that were read.

        Raises:
            StrictError: something may be, and warnings are errors.
        """
        asked = self._named or self._function is not None
        if self._told or not (self.found or (asked and self.steps)):
            return
        self._told = True
        if not self.found:
            warn(
                "no costs",
                f"No step gave {self._source()}, so nothing is known of costs ({self._seen()}). Name the key with "
                f"cost_key (--cost-key).",
            )
            return
        if self.missing and self.options.cost_missing == "error":
            warn(
                "missing costs",
                f"{self.missing:,} of {self.steps:,} steps gave no {self._source()} and count as safe. Say so with "
                f"cost_missing='zero' (--cost-missing zero), or name a key that every step has with cost_key "
                f"(--cost-key).",
            )
        if self._differing:
            others = ", ".join(f"info['{key}'] in {count:,}" for key, count in self._differing.items())
            warn(
                "several costs",
                f"Costs are {self._source()}, and other keys tell other steps apart: {others} of {self.steps:,} steps. "
                f"Choose with cost_key (--cost-key).",
            )
        tell_negative(self._source(), self.negative, self.steps)

    def _seen(self) -> str:
        """Say what infos hold."""
        if self._worded is not None:
            key, value = self._worded
            return f"info['{key}'] holds {shown(value)}, which is no number: a function makes one of it"
        return f"infos hold {', '.join(self._keys_seen[:12])}" if self._keys_seen else "infos are empty"

    def _source(self) -> str:
        if self._function is not None:
            return getattr(self._function, "__qualname__", "a function")
        return " and ".join(f"info['{key}']" for key in self.keys)

    def _value(self, info: Mapping[str, Any], where: str) -> float | None:
        if self._function is not None:
            try:
                given = self._function(info)
            except Exception as error:
                raise ProtocolError(f"The cost function {self._source()} failed: {what_went_wrong(error)}.") from error
            parts = None if given is None else [given]
        else:
            parts = self._values(info)
        if parts is None:
            return None
        # Nearly all costs are one number, and this runs in every step.
        if len(parts) == 1 and isinstance(parts[0], (bool, int, float)):
            return self._one(float(parts[0]), where)
        rows = [_numbers(part, self._source(), where) for part in parts]
        if not sum(map(len, rows)):
            return None
        return float(self._put_together([row[None] for row in rows], where)[0])

    def _one(self, value: float, where: str) -> float:
        options = self.options
        if options.cost_above is None and options.cost_below is None and options.cost_sign == "positive":
            return value
        return float(options.costs_of(np.array([value]), where)[0])

    def _put_together(self, parts: Sequence[np.ndarray], where: str) -> np.ndarray:
        """Return the costs [T] of values [T, n] of every key."""
        rows = np.concatenate(parts, 1)
        if self.options.cost_reduce is None and len(parts) > 1 and all(part.shape[1] == 1 for part in parts):
            rows = rows.sum(1)
        return self.options.costs_of(rows, f"{where}: {self._source()}")

    def _values(self, info: Mapping[str, Any], many: bool = False) -> list[Any] | None:
        """Return the values under the keys, or None where there are none; with `many`, values of all steps [T, ...]."""
        if self._named:
            found = [value for key in self.keys if (value := _at(info, key)) is not None]
            return found or None
        present = [key for key in COMMON if key in info and _is_numeric(info[key])]
        if not present:
            words = ((key, info[key]) for key in COMMON if info.get(key) is not None)
            self._worded = self._worded or next(words, None)
            return None
        if not self.keys:
            self.keys = (present[0],)
        if len(present) > 1:
            self._compare(info, present, many)
        value = info.get(self.keys[0])
        return None if value is None else [value]

    def _compare(self, info: Mapping[str, Any], present: Sequence[str], many: bool) -> None:
        """Count the steps that another key tells apart otherwise."""
        flags = {key: _flags(info[key], many) for key in present}
        mine = flags.pop(self.keys[0], np.zeros(1, bool))
        for key, other in flags.items():
            if count := int((mine != other).sum()):
                self._differing[key] = self._differing.get(key, 0) + count

    def _absence(self, where: str, info: Mapping[str, Any]) -> str:
        named = " or ".join(f"info['{key}']" for key in self.keys) or (
            "cost" if self._function is not None else "info['cost'] nor another common key"
        )
        held = ", ".join(str(key) for key in list(info)[:12]) or "nothing"
        once = " After the first that did," if self.found else ""
        return (
            f"{where} gave no {named}; info holds {held}.{once} Name its key with cost_key (--cost-key); where only "
            f"steps that violate have a cost, say cost_missing='zero' (--cost-missing zero)."
        )


def _at(info: Mapping[str, Any], key: str) -> Any:
    """Return the value under a key, or inside another: "metrics.cost" or "metrics/cost"; None if there is none."""
    if key in info:
        return info[key]
    for mark in "./":
        outer, cut, inner = key.partition(mark)
        if cut and isinstance(inside := info.get(outer), Mapping):
            return _at(inside, inner)
    return None


def _numbers(value: Any, source: str, where: str) -> np.ndarray:
    """Return the numbers [n] of a cost.

    Raises:
        ProtocolError: it is something else.
    """
    if isinstance(value, Mapping):
        parts = [_numbers(part, source, where) for part in value.values()]
        return np.concatenate(parts) if parts else np.zeros(0)
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        numbers = np.asarray(value)
        if numbers.dtype.kind in "biuf":
            return numbers.astype(np.float64).reshape(-1)
    except (TypeError, ValueError):
        pass
    raise ProtocolError(
        f"{where} gave {source} = {shown(value)}, which is no number: name another key with cost_key (--cost-key), or "
        f"a function that makes one of it."
    )


def _is_numeric(value: Any) -> bool:
    """Tell whether a value is a number, an array of numbers, a tensor, or a dict of such."""
    if isinstance(value, (bool, int, float)):
        return True
    if isinstance(value, Mapping):
        return bool(value) and all(map(_is_numeric, value.values()))
    try:
        return hasattr(value, "detach") or (value is not None and np.asarray(value).dtype.kind in "biuf")
    except ValueError:  # lists of different lengths
        return False


def _flags(value: Any, many: bool) -> np.ndarray:
    """Return where a cost is above 0 in any of its numbers, [1] for one step or [T]."""
    rows = _rows(value) if many else _numbers(value, "a cost", "The environment")[None]
    return np.any(rows > 0, axis=1)


def _rows(value: Any) -> np.ndarray:
    """Return recorded costs [T, n] of an array [T, ...], or of a dict of such."""
    if isinstance(value, Mapping):
        return np.concatenate([_rows(part) for part in value.values()], 1)
    numbers = np.asarray(value, np.float64)
    return numbers.reshape(len(numbers), -1)


def _row_of(infos: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return the info of one step out of recorded ones."""
    return {key: _row_of(value, index) if isinstance(value, Mapping) else value[index] for key, value in infos.items()}


def _info_of(infos: Any, index: int) -> Mapping[str, Any]:
    """Return the info of one environment out of a vector environment's: a dict of arrays with masks, or dicts."""
    if not isinstance(infos, Mapping):
        return infos[index] or {}
    info = {}
    for key, value in infos.items():
        if key.startswith("_") or (f"_{key}" in infos and not infos[f"_{key}"][index]):
            continue
        if isinstance(value, Mapping):
            info[key] = _info_of(value, index)
        elif hasattr(value, "__len__") and len(value) > index:
            info[key] = value[index]
    return info
