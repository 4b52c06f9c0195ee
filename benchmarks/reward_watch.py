"""Do a watch's alarms ring in trainings that go wrong, in time, and only there?

    python -m benchmarks.reward_watch --tasks pendulum inverted --seeds 20 21

Fresh trainings on frozen and on active likenesses, and on the environment's reward as a control. Of every run the rows
of its episodes are kept, one file a run in benchmarks/results/reward-watch, and alarms are read off them afterwards, as
`tsreward report` does: another rule needs no other training. A run fails where the trained agent comes less than
0.8 of the way from random actions to the expert. Runs that are there are not repeated.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from benchmarks.controllers import TASKS
from benchmarks.likeness_arms import ARMS
from benchmarks.records import RESULTS, commit, device
from tsreward.data.episode_rows import EpisodeRow
from tsreward.encoders.base import Identity
from tsreward.files import write_atomic
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.recipes.likeness import run as run_recipe
from tsreward.recipes.likeness import true_returns
from tsreward.recipes.likeness_data import gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.training import TrainingOutputs, train_agent

FOLDER = RESULTS / "reward-watch"
ARMS_RUN = (
    "true reward",
    "active least-squares SAD",
    "KNN, auto",
    "Deep SAD, random negatives, auto",
    "PCA, auto",
    "forecaster, auto",
    "transformer AE, auto",
    "constant reward",
)
EVALUATIONS = 10


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = tuple(TASKS)
    arms: tuple[str, ...] = ARMS_RUN
    seeds: tuple[int, ...] = (20, 21)


def main(options: Options) -> None:
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for task in options.tasks:
            for arm in options.arms:
                path = path_of(task, arm, seed)
                if path.exists():
                    continue
                record = run(task, arm, seed)
                write_atomic(path, (json.dumps(record) + "\n").encode())
                print({key: value for key, value in record.items() if key != "rows"}, flush=True)


def path_of(task: str, arm: str, seed: int) -> Path:
    """Return where a run is kept."""
    name = "-".join("".join(letter if letter.isalnum() else " " for letter in f"{task} {arm}").lower().split())
    return FOLDER / f"{name}-{seed}.json"


def recipe_options(name: str, arm_name: str) -> ExpertLikenessOptions:
    """Return how the reward of a training is learned."""
    task = TASKS[name]
    return ExpertLikenessOptions(env=task.env, demos=task.demos(), evaluations=EVALUATIONS, **ARMS[arm_name].learned)


def run(name: str, arm_name: str, seed: int) -> dict[str, Any]:
    """Train one agent and return its record."""
    task, arm = TASKS[name], ARMS[arm_name]
    agent = task.trained(seed)
    options = recipe_options(name, arm_name)
    rows: list[EpisodeRow] = []
    began = time.perf_counter()
    if arm.paid == "likeness":
        result = run_recipe(options, agent, arm.active, outputs=TrainingOutputs(log=rows.append))
        returns, expert, random = result.returns, result.expert_return, result.random_return
    else:
        data = gather(options, agent)
        encode = Identity(data.expert[0].obs.shape[1:])
        near = ExpertWindows.of([encode(torch.from_numpy(one.obs)) for one in data.expert], options.window, seed=seed)
        trained = train_agent(task.env, agent, outputs=TrainingOutputs(log=rows.append, expert=near))
        expert, random = data.expert_return, data.random_return
        returns = true_returns(trained, task.env, agent, EVALUATIONS)
    assert expert is not None
    return {
        "task": name,
        "arm": arm_name,
        "seed": seed,
        "steps": task.steps,
        "learned": arm.paid == "likeness",
        "reached": round((float(returns.mean()) - random) / (expert - random), 4),
        "expert": round(expert, 2),
        "random": round(random, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "commit": commit(),
        "device": device(),
        "rows": [[None if one is None else float(f"{one:.5g}") for one in row] for row in rows],
    }


if __name__ == "__main__":
    main(tyro.cli(Options))
