"""What the learned reward costs: training throughput with and without it, for 1, 8 and 32 Hopper environments.

    python -m benchmarks.overhead                          # about ten minutes of one idle core
    python -m benchmarks.overhead --envs 8 --scale 0.1 --rounds 1 --out /tmp/overhead.json

Rewards are computed in bulk (PPO: once per rollout; SAC: when a transition is first sampled) or in every step, by a
network of plain layers (Deep SAD) and by a transformer. Rounds of the arms alternate, so that a change of the machine's
speed meets all of them; medians are reported, and for every case the way that was faster in every round.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from benchmarks.records import RESULTS, commit, device
from tsreward.files import write_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.anoseqs import AnoSeqsOptions, fit_penalty
from tsreward.recipes.run_folder import installed_versions
from tsreward.sb3.training import AgentOptions, train_agent

ENV = "SafetyHopperVelocity-v1"
SOURCE_STEPS = 20_480
SCORERS = {"Deep SAD": "deep_sad", "transformer AE": "transformer_ae", "KNN": "knn"}
SCORINGS = {"in bulk": True, "per step": False}
Algorithm = Literal["ppo", "sac"]
STEPS: dict[tuple[Algorithm, int], int] = {
    ("ppo", 1): 8_192,
    ("ppo", 8): 20_480,
    ("ppo", 32): 40_960,
    ("sac", 1): 1_536,
    ("sac", 8): 2_048,
    ("sac", 32): 4_096,
}
"""(algorithm, environments) -> environment steps of one training run: some seconds each."""
UPDATES_PER_STEP = 0.5
"""Updates of SAC per environment step, whatever the number of environments."""


@dataclass(frozen=True)
class Options:
    """What to measure, and for how long."""

    envs: tuple[Literal[1, 8, 32], ...] = (1, 8, 32)
    """Numbers of environments."""
    algorithms: tuple[Algorithm, ...] = ("ppo", "sac")
    rounds: int = 3
    scale: float = 1.0
    """Factor on the steps of every training run."""
    scorers: tuple[str, ...] = ("Deep SAD", "transformer AE")
    """Labels of the scorers."""
    out: Path = RESULTS / "overhead.json"


@dataclass(frozen=True)
class Arm:
    """One way to train; without a scorer on the environment's own reward."""

    agent: AgentOptions
    model: RewardModel | None = None
    scorer: str | None = None
    scoring: str | None = None


def main(options: Options) -> None:
    torch.set_num_threads(1)
    source = AgentOptions(steps=max(4_096, round(options.scale * SOURCE_STEPS)))
    episodes = train_agent(ENV, source, needs_cost=True).record.all_episodes()
    # A weight of 0 keeps the agents of all arms equal.
    models = {
        label: fit_penalty(episodes, AnoSeqsOptions(env=ENV, scorer=SCORERS[label], weight=0.0))
        for label in options.scorers
    }
    records: list[dict[str, Any]] = []
    recommended: list[dict[str, Any]] = []
    for case in STEPS:
        if case[0] in options.algorithms and case[1] in options.envs:
            agent = agent_of(*case, options.scale)
            arms = [Arm(agent)]
            for label, model in models.items():
                arms += [Arm(replace(agent, lazy=how), model, label, when) for when, how in SCORINGS.items()]
            per_step = [[seconds_per_step(arm) for arm in arms] for _ in range(options.rounds)]
            for index, arm in enumerate(arms):
                records.append(record_of(arm, [row[0] for row in per_step], [row[index] for row in per_step]))
                print(records[-1], flush=True)
            recommended += [recommendation(label, arms, per_step) for label in models]
    content = {
        "env": ENV,
        "rounds": options.rounds,
        "commit": commit(),
        "device": device(),
        "versions": installed_versions(),
        "records": records,
        "recommended": recommended,
    }
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())


def agent_of(algorithm: Algorithm, num_envs: int, scale: float) -> AgentOptions:
    """Return how the agent of a case is trained."""
    steps = max(512, round(scale * STEPS[algorithm, num_envs]))
    if algorithm == "ppo":
        return AgentOptions(steps=steps, num_envs=num_envs)
    every = max(8 // num_envs, 1)
    updates = round(UPDATES_PER_STEP * every * num_envs)
    return AgentOptions("sac", steps, num_envs, train_every=every, gradient_steps=updates, learning_starts=256)


def seconds_per_step(arm: Arm) -> float:
    """Train, and return the seconds per environment step from the first step to the end."""
    beginnings: list[tuple[float, int]] = []

    def begin(done: int, total: int) -> None:
        if not beginnings:  # the environments are made and reset by now
            beginnings.append((time.perf_counter(), done))

    agent = train_agent(ENV, arm.agent, arm.model, report=begin)
    seconds = time.perf_counter() - beginnings[0][0]
    agent.normaliser.close()
    return seconds / (agent.algorithm.num_timesteps - beginnings[0][1])


def record_of(arm: Arm, bare: list[float], times: list[float]) -> dict[str, Any]:
    """Return the record of an arm; within a round all arms met the same machine, so ratios are taken there."""
    ratios = [mine / vanilla for mine, vanilla in zip(times, bare, strict=True)]
    return {
        "arm": "vanilla" if arm.scorer is None else f"{arm.scorer}, {arm.scoring}",
        "algorithm": arm.agent.algorithm,
        "num_envs": arm.agent.num_envs,
        "scorer": arm.scorer,
        "scoring": arm.scoring,
        "steps": arm.agent.steps,
        "steps_per_second": round(1 / statistics.median(times)),
        "overhead": round(statistics.median(ratios) - 1, 4),
        "overhead_min": round(min(ratios) - 1, 4),
        "overhead_max": round(max(ratios) - 1, 4),
    }


def recommendation(scorer: str, arms: list[Arm], per_step: list[list[float]]) -> dict[str, Any]:
    """Return the way of scoring that was faster in every round, or either where rounds disagree."""
    place = {arm.scoring: index for index, arm in enumerate(arms) if arm.scorer == scorer}
    ratios = [row[place["in bulk"]] / row[place["per step"]] for row in per_step]
    winner = "in bulk" if max(ratios) < 1 else "per step" if min(ratios) > 1 else "either"
    return {
        "algorithm": arms[0].agent.algorithm,
        "num_envs": arms[0].agent.num_envs,
        "scorer": scorer,
        "scoring": winner,
        "bulk_over_step": round(statistics.median(ratios), 4),
    }


if __name__ == "__main__":
    main(tyro.cli(Options))
