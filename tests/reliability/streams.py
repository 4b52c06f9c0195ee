"""Logs that are scored in pieces, with episodes that begin anew and streams that are saved on the way."""

from __future__ import annotations

import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from tests.scripted import small_model
from tsreward.io.states import read_state, write_state
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.stream import RewardStream

MODES = (("penalty", 0.0, 1), ("penalty", 0.9, 1), ("likeness", 0.6, 2), ("likeness", 0.0, 3))


def stream_pieces(series: int, steps: int, seed: int) -> Counter[str]:
    """Score random series at once and in pieces of 1 to 512 steps; return what went wrong, and how much was done.

    Between two pieces an episode begins anew now and then, and every other time the stream is written to files and
    another one goes on. "differ": series of which any reward, score, p-value or flag is another one, to the bit.
    """
    seen: Counter[str] = Counter()
    models = [small_model(mode=mode, smoothing=smooth, frame_skip=skip) for mode, smooth, skip in MODES]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(series):
            draw = np.random.default_rng([seed, number])
            values = torch.from_numpy(draw.normal(size=(steps + 1, 3)).astype(np.float32))
            cuts = _cuts(draw, steps)
            resets = {cut for cut in cuts if draw.random() < 0.2}
            model = models[number % len(models)]
            seen["differ"] += _differ(_whole(model, values, resets), _pieces(model, values, cuts, resets, Path(folder)))
            seen["resets"] += len(resets)
            seen["saves"] += len(cuts) // 2
            seen["steps"] += steps
    return seen


def _cuts(draw: np.random.Generator, steps: int) -> list[int]:
    cuts, at = [], 0
    while (at := at + int(2 ** draw.uniform(0, 9))) < steps:
        cuts.append(at)
    return cuts


def _whole(model: RewardModel, values: torch.Tensor, resets: set[int]) -> StepReward:
    """Return the rewards of all steps, every episode pushed as a whole."""
    stream, parts = RewardStream(model, 1), []
    borders = [0, *sorted(resets), len(values) - 1]
    for start, stop in pairwise(borders):
        stream.start(values[start : start + 1])
        stream.push_many(values[start + 1 : stop + 1, None], torch.zeros(stop - start, 1, dtype=torch.float64))
        parts.append(stream.flush())
    return StepReward(*map(torch.cat, zip(*parts, strict=True)))


def _pieces(model: RewardModel, values: torch.Tensor, cuts: list[int], resets: set[int], folder: Path) -> StepReward:
    stream, parts = RewardStream(model, 1), []
    stream.start(values[:1])
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(values) - 1], strict=True)):
        if start in resets:
            stream.start(values[start : start + 1])
        for step in range(start + 1, stop + 1):
            stream.push(values[step : step + 1], torch.zeros(1, dtype=torch.float64))
        parts.append(stream.flush())
        if number % 2:
            write_state(folder, stream.state())
            stream = RewardStream(model, 1)
            stream.restore({name: torch.from_numpy(array) for name, array in read_state(folder).items()})
    return StepReward(*map(torch.cat, zip(*parts, strict=True)))


def _differ(first: StepReward, second: StepReward) -> bool:
    return not all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
