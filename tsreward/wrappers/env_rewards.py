"""`EnvRewards`: what environments pay, in whatever form, as one number per environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from tsreward.errors import OptionError, ProtocolError, shown
from tsreward.functional.arrays import as_array
from tsreward.pipeline.model import RewardModel

RewardReduce = Literal["sum", "mean"] | int | Callable[[np.ndarray], float]
"""What becomes of a reward of several numbers: their sum or mean, one of them by its number from 0, or what a function
makes of them."""


class EnvRewards:
    """Reads the environments' rewards for a model: numbers of any kind, arrays, tensors.

    A likeness does without: where there is none, or a vector and nothing that says what becomes of it, it goes on with
    None. A penalty refuses that.

    Args:
        who: reads them.
        model: a fitted model.
        reduce: what becomes of a reward of several numbers.

    Raises:
        OptionError: `reduce` is nothing of that.
    """

    def __init__(self, who: str, model: RewardModel, reduce: RewardReduce | None = None) -> None:
        if not (reduce is None or callable(reduce) or reduce in ("sum", "mean") or type(reduce) is int):
            raise OptionError(
                f"{who}: reward_reduce is 'sum', 'mean', the number of one of the rewards or a function, got "
                f"{shown(reduce)}."
            )
        self._who, self._model, self._reduce = who, model, reduce

    def __call__(self, given: Any, num_envs: int) -> np.ndarray | None:
        """Return the rewards [E] in float64, or None where there are none and the model does without.

        Raises:
            ProtocolError: there are none, or several numbers for each environment, and the model needs one.
        """
        rows = self._rows(given, num_envs)
        if rows is not None and rows.shape[1] > 1:
            rows = None if self._reduce is None else self._reduced(rows)
        if rows is not None:
            return rows[:, 0]
        if self._model.mode.replaces:
            return None
        raise ProtocolError(
            f"{self._who}: a {type(self._model.mode).__name__} lowers the environment's reward and needs one number "
            f"for each step, got {shown(given)}: say what becomes of several with reward_reduce='sum' (or 'mean', the "
            f"number of one, a function), or take a likeness, which does without."
        )

    def _rows(self, given: Any, num_envs: int) -> np.ndarray | None:
        """Return the rewards [E, n], or None where they are no numbers."""
        try:
            values = as_array(given)
        except (TypeError, ValueError):
            return None
        if values.dtype.kind == "O" and values.size and all(part is not None for part in values.ravel()):
            try:
                values = np.stack([np.asarray(part, np.float64) for part in values.ravel()])
            except (TypeError, ValueError):
                return None
        if values.dtype.kind not in "biuf" or not values.size or values.size % num_envs:
            return None
        return values.astype(np.float64).reshape(num_envs, -1)

    def _reduced(self, rows: np.ndarray) -> np.ndarray:
        if callable(self._reduce):
            return np.array([[float(self._reduce(row))] for row in rows])
        if isinstance(self._reduce, int):
            if not 0 <= self._reduce < rows.shape[1]:
                raise ProtocolError(f"{self._who}: a reward has {rows.shape[1]} numbers, none with {self._reduce}.")
            return rows[:, [self._reduce]]
        return rows.sum(1, keepdims=True) if self._reduce == "sum" else rows.mean(1, keepdims=True)
