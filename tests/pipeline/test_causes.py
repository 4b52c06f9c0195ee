"""The likely cause is named where it is plain, and none is asserted where behaviour alone explains the data."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
import torch

from tests.pipeline.test_monitor import plant
from tsreward.pipeline.monitor import outside_text
from tsreward.pipeline.profile import DataProfile

PLANT = plant(2880)
PART = plant(500, 2880)
"""A third of the daily cycle."""


def cause(fitted: np.ndarray, new: np.ndarray) -> str | None:
    """Return the likely cause that is named, "" where none is found, None where nothing is said."""
    text = outside_text(DataProfile().fit(torch.from_numpy(fitted)), new, None)
    if text is None or "no likely cause found" in text:
        return None if text is None else ""
    return text.split("likely cause: ")[1].split(". Give data")[0]


def server(rows: int, seed: int) -> np.ndarray:
    """Return 12 columns [T, 12] as of a server: bursts, rates, percentages, two constants."""
    rng = np.random.default_rng(seed)
    middle = np.array([0.5, 3, 40, 200, 1e3, 5e4, 2e6, 7, 90, 0.02])
    values = middle * np.exp(rng.normal(0, np.linspace(0.1, 0.5, 10), (rows, 10)))
    values[:, :3] *= rng.random((rows, 3)) < 0.3  # mostly 0
    return np.concatenate([values, np.full((rows, 1), 4.0), np.zeros((rows, 1))], 1)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda x: 1000 * x, "other units: column 0, column 1, column 2 are 1,000 times as large"),
        (lambda x: x / 1000, "other units: column 0, column 1, column 2 are 1/1,000 as large"),
        (lambda x: x * [1, 1000, 1], "other units: column 1 is 1,000 times as large"),
        (lambda x: (x - PLANT.mean(0)) / PLANT.std(0), "the data was normalised before"),
        (lambda x: x + np.linspace(0, 300, len(x))[:, None] * [1, 1, 1], "drift: column "),
    ],
)
def test_a_part_of_a_cycle_is_enough_for_what_is_plain(change: Callable[[np.ndarray], np.ndarray], wanted: str) -> None:
    assert (cause(PLANT, change(PART)) or "").startswith(wanted)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda x: 2.54 * x, "2.54 times as large, as centimetres are of inches"),
        (lambda x: x * 7.3, "other units: the columns are 7."),
        (lambda x: 1e4 * x, "10,000 times as large"),
        (lambda x: x[:, ::-1], "the columns stand in another order"),
        (lambda x: np.roll(x, 3, axis=1), "the columns stand in another order"),
        (lambda x: x[:, [0, 1, 2, 3, 8, 5, 6, 7, 4, 9, 10, 11]], "column 4 looks like column 8"),
        (lambda x: (x - x.mean(0)) / np.maximum(x.std(0), 1e-8), "the data was normalised before"),
        (lambda x: x + np.linspace(0, 8, len(x))[:, None] * x.std(0), "drift: "),
        (lambda x: (x - x.min(0)) / np.maximum(np.ptp(x, axis=0), 1e-8), "rescaled to [0, 1]"),
    ],
)
def test_skewed_columns_of_many_scales(change: Callable[[np.ndarray], np.ndarray], wanted: str) -> None:
    fitted, new = server(4000, 0), server(1000, 1)
    assert cause(fitted, new) is None
    assert wanted in (cause(fitted, change(new)) or "")


def test_wider_behaviour_is_no_other_unit() -> None:
    def played(rows: int, seed: int, careful: bool) -> np.ndarray:
        env = gymnasium.make("CartPole-v1")
        rng, seen = np.random.default_rng(seed), [env.reset(seed=seed)[0]]
        while len(seen) < rows:
            side = seen[-1] @ [0.02, 0.05, 1, 0.3] > 0
            obs, _, ended, cut, _ = env.step(int(side) if careful else int(rng.integers(2)))
            seen.append(env.reset()[0] if ended or cut else obs)
        return np.array(seen, np.float64)

    text = cause(played(4000, 0, True), played(1000, 1, False))
    assert text is not None and text.startswith("the columns spread ") and "behaviour that goes further" in text


def test_two_columns_that_are_exchanged_are_not_two_units() -> None:
    rng = np.random.default_rng(0)
    fitted = np.stack([rng.normal(5, 1, 3000), rng.normal(5000, 2000, 3000), rng.normal(0, 1, 3000)], 1)
    text = cause(fitted, fitted[:1000, [1, 0, 2]])
    assert text is None or "units" not in text


def test_a_level_that_changed_is_not_called_drift_or_units() -> None:
    rng = np.random.default_rng(0)
    fitted, new = rng.normal(0, 1, (3000, 4)), rng.normal(0, 1, (1000, 4))
    new[:, 2] += 9
    assert cause(fitted, new) == ""
