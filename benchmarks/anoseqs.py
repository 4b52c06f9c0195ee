"""Safety penalty on Safety-Gymnasium: source run → scorer → target run, every arm over several seeds.

    python -m benchmarks.anoseqs --tasks hopper circle --seeds 0 1 2 3 4

The source runs of seed s are the vanilla runs of the next three seeds, and the ROC of a scorer is taken on the vanilla
run of the fourth, which neither the scorer nor the target agent has seen. Runs that are in the result file already are
not repeated.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks.anoseqs_arms import ARMS, SEEDS, TASKS, Arm, Task
from benchmarks.oracle import TrueCostPenalty
from benchmarks.records import RESULTS, Records
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.anoseqs import AnoSeqsOptions, fit_penalty, reward_mode
from tsreward.recipes.fitting import agreement_with_cost
from tsreward.report.run import summarise_training
from tsreward.rewards.base import RewardMode
from tsreward.rewards.penalty import Penalty
from tsreward.sb3.training import AgentOptions, train_agent
from tsreward.sequences.episodes import Episode

CACHE = Path(__file__).parent / "cache"
SOURCES = 3


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = tuple(TASKS)
    arms: tuple[str, ...] = ()
    """Arms of the tasks; empty takes all that a task lists."""
    seeds: tuple[int, ...] = SEEDS


def main(options: Options) -> None:
    torch.set_num_threads(1)
    for seed in options.seeds:
        for name in options.tasks:
            records = records_of(name, seed)
            for arm in options.arms or TASKS[name].arms:
                if not records.has(arm=arm, seed=seed):
                    record = run(name, arm, seed)
                    records.add(record)
                    print(name, arm, seed, {key: value for key, value in record.items() if key != "arm"}, flush=True)


def records_of(name: str, seed: int) -> Records:
    """Return the records of a task: those that are reported, or those of seeds for choosing."""
    choosing = "" if seed in SEEDS else "-choosing"
    return Records(RESULTS / f"anoseqs-{name}{choosing}.json", ("arm", "seed"))


def run(name: str, arm_name: str, seed: int) -> dict[str, Any]:
    """Train one agent and return its record."""
    task, arm = TASKS[name], ARMS[arm_name]
    record: dict[str, Any] = {
        "task": name,
        "arm": arm_name,
        "seed": seed,
        "steps": task.agent.steps * task.agent.action_repeat,
    }
    model, reward = None, None
    if arm.scorer is not None:
        model, seconds = fitted(task, arm, seed)
        record["fit_seconds"] = round(seconds, 2)
        unseen = vanilla(task, neighbour(seed, SOURCES + 1))
        record["roc"], record["average_precision"] = agreement_with_cost(model, unseen)
    if not arm.train:
        return record
    if arm.oracle:
        reward = partial(TrueCostPenalty, weight=arm.weight * unit_of(sources(task.source, seed)))
    began = time.perf_counter()
    options = replace(task.agent, seed=seed)
    if arm.limit is not None:
        options = replace(options, algorithm="ppo_lagrangian", cost_limit=arm.limit)
    ramp = [Ramp(model.mode, round(arm.ramp * options.steps))] if model is not None and arm.ramp else []
    agent = train_agent(task.target, options, model, reward, needs_cost=True, callbacks=ramp)
    record["train_seconds"] = round(time.perf_counter() - began, 2)
    everything = agent.record.all_episodes()
    if arm_name == "vanilla":
        keep(everything, cached(task.target, task, seed))
    return record | per_env_step(summarise_training(agent.record.finished, everything).as_json(), task.agent)


class Ramp(BaseCallback):
    """Lets the weight of a penalty grow from 0 in so many decisions; it stays during a rollout."""

    def __init__(self, mode: RewardMode, decisions: int) -> None:
        super().__init__()
        assert isinstance(mode, Penalty)
        self._mode, self._full, self._decisions = mode, mode.options, decisions

    def _on_rollout_start(self) -> None:
        share = min(1.0, self.num_timesteps / self._decisions)
        self._mode.options = replace(self._full, weight=share * self._full.weight)

    def _on_step(self) -> bool:
        return True


def per_env_step(summary: dict[str, float], agent: AgentOptions) -> dict[str, float]:
    """Return the summary with rates and length in environment steps, also where an action is held for several."""
    repeat = agent.action_repeat
    rates = {name: summary[name] / repeat for name in ("cost_rate", "final_cost_rate")}
    return summary | rates | {"length": summary["length"] * repeat}


def fitted(task: Task, arm: Arm, seed: int) -> tuple[RewardModel, float]:
    """Return the reward model of an arm, and the seconds that fitting its scorer took."""
    assert arm.scorer is not None
    options = AnoSeqsOptions(
        form=arm.penalty, weight=arm.weight, false_alarm_rate=arm.false_alarm_rate, floor=arm.floor, seed=seed
    )
    base, seconds = scorer_of(task.source, arm.scorer, seed)
    model = RewardModel(base.scorer, reward_mode(options), base.encoder)
    model.calibration = base.calibration
    model.mode.fit(base.calibration, unit_of(sources(task.source, seed)))
    return model, seconds


@lru_cache(maxsize=8)
def scorer_of(env: str, scorer: str, seed: int) -> tuple[RewardModel, float]:
    """Return a model with the scorer that is learned on the source run of this seed, and how long that took."""
    began = time.perf_counter()
    model = fit_penalty(sources(env, seed), AnoSeqsOptions(env=env, scorer=scorer, seed=seed))
    return model, time.perf_counter() - began


def unit_of(episodes: list[Episode]) -> float:
    """Return the mean single-step |reward|."""
    return float(
        np.abs(np.concatenate([episode.rewards for episode in episodes if episode.rewards is not None])).mean()
    )


def sources(env: str, seed: int) -> list[Episode]:
    """Return the source runs of a seed: vanilla PPO runs of other seeds on the source environment."""
    task = next(other for other in TASKS.values() if other.target == env)
    return [episode for other in range(1, SOURCES + 1) for episode in vanilla(task, neighbour(seed, other))]


def neighbour(seed: int, other: int) -> int:
    """Return another seed of the same five: 0 to 4 are reported, 5 to 9 and so on are for choosing.

    >>> neighbour(0, 1), neighbour(4, 1), neighbour(13, 4)
    (1, 0, 12)
    """
    block = len(SEEDS)
    return seed - seed % block + (seed + other) % block


def vanilla(task: Task, seed: int) -> list[Episode]:
    """Return the episodes of the vanilla run of a task, which is done now, and recorded, if it is not in the cache."""
    path = cached(task.target, task, seed)
    if not path.exists():
        name = next(name for name, other in TASKS.items() if other == task)
        records_of(name, seed).add(run(name, "vanilla", seed))
    return load_episodes(path)


def cached(env: str, task: Task, seed: int) -> Path:
    """Return the file of the episodes of a run."""
    agent, name = task.agent, re.sub(r"[^\w.-]", "_", env)
    return CACHE / f"{name}-{agent.algorithm}-{agent.hidden}-{agent.steps}-{seed}.npz"


def keep(episodes: list[Episode], path: Path) -> None:
    """Keep the episodes of a run for those that learn from it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_episodes(episodes, path)


if __name__ == "__main__":
    main(tyro.cli(Options))
