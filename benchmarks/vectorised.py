"""Rewards of thousands of environments at once: milliseconds a step, host reads, and the distance to the slow path.

    python -m benchmarks.vectorised                     # about a minute of one core
    python -m benchmarks.vectorised --compile           # and what torch.compile of the scorer changes
    python -m benchmarks.vectorised --device cuda       # on a GPU, beside the CPU's record

E = 4,096 environments of D = 48 numbers, windows of K = 4, random walks that end at random. Every record names its
device; what was not measured has no record. The matrix products alone are what no stream round them can take from a
step. On the CPU the clock is the processor time of the one thread, so that
other programs on the machine count little; they still share its caches.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from benchmarks.records import RESULTS, Records
from benchmarks.records import device as processor
from tsreward.pipeline.device_stream import DeviceStream
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.transformer_ae import TransformerAE
from tsreward.training import TrainOptions

WINDOW, DIM = 4, 48
SCORERS: dict[str, Callable[[], Any]] = {
    "Deep SAD": lambda: DeepSVDD(WINDOW),
    "transformer AE": lambda: TransformerAE(WINDOW),
}


@dataclass(frozen=True)
class Options:
    """What to measure."""

    num_envs: int = 4096
    steps: int = 30
    rounds: int = 3
    device: str = "cpu"
    compile: bool = False
    seed: int = 0
    out: Path = RESULTS / "vectorised.json"


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out, ("scorer", "path", "num_envs", "place"))
    for label, make in SCORERS.items():
        model = fitted(make(), options.seed)
        slow, reference = seconds_of(RewardStream(model, options.num_envs), options, "cpu", options.rounds)
        place = processor() if options.device == "cpu" else torch.cuda.get_device_name()
        ways = [("RewardStream", slow, processor(), 0.0)]
        for path in ["DeviceStream"] + ["DeviceStream, torch.compile"] * options.compile:
            began = time.perf_counter()
            if path.endswith("compile"):
                model.scorer.measure = torch.compile(model.scorer.measure)
            stream = DeviceStream(model.to(options.device), options.num_envs, check_every=0)
            fast, scores = seconds_of(stream, options, options.device, options.rounds)
            gap = (scores.cpu() - reference).abs().max() / reference.std()
            ways.append((path, fast, place, float(gap)))
            print(f"{path}, all of it: {time.perf_counter() - began:.0f} s")
        if options.compile:
            del model.scorer.measure
        if options.device == "cpu":
            windows = drawn(options, WINDOW, DIM)
            ways.append(("scorer.measure alone", bare(model.scorer.measure, windows, options), place, 0.0))
            if label == "Deep SAD":
                products = bare(Products(model.scorer), windows.flatten(1), options)
                ways.append(("matrix products alone", products, place, 0.0))
        for path, seconds, where, distance in ways:
            record = {
                "scorer": label,
                "path": path,
                "num_envs": options.num_envs,
                "window": WINDOW,
                "dim": DIM,
                "seed": options.seed,
                "place": where,
                "ms_per_step": round(1e3 * statistics.median(seconds), 2),
                "ms_min": round(1e3 * min(seconds), 2),
                "rewards_per_second": round(options.num_envs / statistics.median(seconds)),
                "largest_score_difference_in_std": distance,
            }
            records.add(record)
            print(record, flush=True)


def fitted(scorer: Any, seed: int) -> RewardModel:
    """Return a penalty with the scorer, fitted on a little noise: its speed does not depend on what it knows."""
    draw = torch.Generator().manual_seed(seed)
    normal, bad = (torch.randn(16, 40, DIM, generator=draw) + shift for shift in (0.0, 2.0))
    model = RewardModel(scorer, Penalty(PenaltyOptions(unit=1.0)))
    return model.fit(list(normal), list(bad) if scorer.uses_negative else None, options=TrainOptions(epochs=2))


def seconds_of(stream: Any, options: Options, where: str, rounds: int) -> tuple[list[float], Tensor]:
    """Return the seconds of every step, and the scores of the first round [T, E]."""
    draw = torch.Generator().manual_seed(options.seed + 1)
    steps, envs = options.steps, options.num_envs
    obs = torch.randn(steps + 1, envs, DIM, generator=draw).cumsum(0).mul(0.3).to(where)
    rewards, ended = torch.ones(envs, device=where), (torch.rand(steps, envs, generator=draw) < 0.01).to(where)
    clock = time.thread_time if where == "cpu" else time.perf_counter
    seconds, scores = [], []
    for turn in range(rounds):
        stream.start(obs[0])
        for step in range(steps):
            synchronise(where)
            began = clock()
            earned = stream.step(obs[step + 1], rewards)
            stream.start(obs[step + 1], ended[step])
            synchronise(where)
            if step > 1:
                seconds.append(clock() - began)
            if turn == 0:
                scores.append(earned.score)
    return seconds, torch.stack(scores)


def bare(function: Callable[[Tensor], Any], rows: Tensor, options: Options) -> list[float]:
    """Return the seconds that a function takes for E rows, without any stream round it."""
    seconds = []
    with torch.no_grad():
        for _ in range(options.rounds * options.steps):
            began = time.thread_time()
            function(rows)
            seconds.append(time.thread_time() - began)
    return seconds[2:]


class Products:
    """The matrix products of a network's linear layers one after another, into memory that is there already."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = [layer.weight.T for layer in network.modules() if isinstance(layer, nn.Linear)]
        self.results: list[Tensor] = []

    def __call__(self, rows: Tensor) -> None:
        if not self.results:
            self.results = [rows.new_empty(len(rows), weight.shape[1]) for weight in self.weights]
        for weight, result in zip(self.weights, self.results, strict=True):
            rows = torch.mm(rows, weight, out=result)


def drawn(options: Options, *shape: int) -> Tensor:
    return torch.randn(options.num_envs, *shape, generator=torch.Generator().manual_seed(options.seed))


def synchronise(where: str) -> None:
    if where != "cpu":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(tyro.cli(Options))
