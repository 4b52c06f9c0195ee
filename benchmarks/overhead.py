"""What the learned reward costs: PPO training throughput with and without it, 8 Hopper environments, in one run.

Rewards are computed once per rollout, or in every step.

    python -m benchmarks.overhead

Rounds of the arms alternate, so that a change of the machine's speed meets all of them; medians are reported.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
import tyro

from benchmarks.records import RESULTS, commit, device
from tsreward.agents.training import AgentOptions, train_agent
from tsreward.files import write_atomic
from tsreward.model import RewardModel
from tsreward.recipes.anoseqs import AnoSeqsOptions, fit_penalty
from tsreward.recipes.run_folder import installed_versions

ENV = "SafetyHopperVelocity-v1"
SCORERS = {"Deep SAD": "deep_sad", "transformer AE": "transformer_ae", "KNN": "knn"}
SCORINGS: dict[str, Literal["bulk", "step"]] = {"per rollout": "bulk", "per step": "step"}


@dataclass(frozen=True)
class Options:
    """How long to measure."""

    steps: int = 40_960
    """Environment steps of one training run."""
    rounds: int = 5
    scorers: tuple[str, ...] = tuple(SCORERS)
    """Labels of the scorers."""
    out: Path = RESULTS / "overhead.json"


def main(options: Options) -> None:
    torch.set_num_threads(1)
    agent = AgentOptions(steps=options.steps)
    episodes = train_agent(ENV, agent, needs_cost=True).record.all_episodes()
    arms: dict[str, tuple[AgentOptions, RewardModel | None]] = {"vanilla": (agent, None)}
    for label in options.scorers:
        model = fit_penalty(episodes, AnoSeqsOptions(env=ENV, scorer=SCORERS[label], weight=0.0))
        arms |= {f"{label}, {when}": (replace(agent, scoring=how), model) for when, how in SCORINGS.items()}
    seconds: dict[str, list[float]] = {label: [] for label in arms}
    for _ in range(options.rounds):
        for label, (trained, model) in arms.items():
            began = time.perf_counter()
            train_agent(ENV, trained, model)
            seconds[label].append(time.perf_counter() - began)
    # Within a round all arms met the same machine, so the ratio is taken there; a weight of 0 keeps the agents equal.
    ratios = {
        label: [mine / bare for mine, bare in zip(times, seconds["vanilla"], strict=True)]
        for label, times in seconds.items()
    }
    records = [
        {
            "arm": label,
            "steps_per_second": round(options.steps / statistics.median(seconds[label])),
            "overhead": round(statistics.median(ratios[label]) - 1, 4),
            "overhead_min": round(min(ratios[label]) - 1, 4),
            "overhead_max": round(max(ratios[label]) - 1, 4),
        }
        for label in arms
    ]
    content = {
        "env": ENV,
        "num_envs": agent.num_envs,
        "steps": options.steps,
        "rounds": options.rounds,
        "commit": commit(),
        "device": device(),
        "versions": installed_versions(),
        "records": records,
    }
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())
    for record in records:
        print(record)


if __name__ == "__main__":
    main(tyro.cli(Options))
