"""Likeness to an expert as the only reward: what the trained agent's true return is, arm by arm, over seeds.

    python -m benchmarks.likeness --tasks swingup walker --seeds 10 11

Experts are those of benchmarks.experts, and agents learn as they did, SAC of sbx (the extra `jax`) with a falling rate,
in Boxing PPO. Runs that are in the result file already are not repeated, except with another budget, or on another
machine, because an expert that is trained there is another one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import tyro
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from benchmarks import pixel_agent
from benchmarks.experts import FOLDER
from benchmarks.likeness_arms import ARMS, SENSORS, TASKS, Arm, Task
from benchmarks.records import RESULTS, Records, device
from tsreward.recipes.likeness import run as run_recipe
from tsreward.recipes.likeness import true_returns
from tsreward.recipes.likeness_data import gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.training import train_agent
from tsreward.sequences.episodes import Episode

LEAST_SHARE = 0.9
"""Episodes of an expert below this share of its median are not shown: reacher's experts fail now and then."""
EVALUATIONS = 30


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = SENSORS
    arms: tuple[str, ...] = tuple(ARMS)
    seeds: tuple[int, ...] = (10, 11, 12, 13, 14)
    """Options were chosen on the seeds 0 to 6."""


class Constant(VecEnvWrapper):
    """Pays 1 for every step."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        return obs, np.ones_like(rewards), dones, infos


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "likeness.json", ("task", "arm", "seed", "steps", "device"))
    for seed in options.seeds:
        for task in options.tasks:
            for arm in options.arms:
                if "side" in ARMS[arm].learned and TASKS[task].frames is None:
                    continue  # sizes of pixel PCA are nothing to a reward from sensors
                identity = {"task": task, "arm": arm, "seed": seed, "steps": TASKS[task].steps, "device": device()}
                if not records.has(**identity):
                    record = run(task, arm, seed)
                    records.add(record)
                    print({key: value for key, value in record.items() if key != "curve"}, flush=True)


def run(name: str, arm_name: str, seed: int) -> dict[str, Any]:
    """Train one agent and return its record."""
    task, arm = TASKS[name], ARMS[arm_name]
    if task.env == pixel_agent.ID:
        pixel_agent.prepare()
    agent = replace(task.agent, steps=task.steps, seed=seed)
    options = recipe_options(task, arm)
    began = time.perf_counter()
    if arm.paid == "likeness":
        result = run_recipe(options, agent, arm.active)
        returns, expert, random, trained = result.returns, result.expert_return, result.random_return, result.agent
    else:
        data = gather(replace(options, frames=None), agent)
        expert, random = data.expert_return, data.random_return
        trained = train_agent(task.env, agent, reward=_constant if arm.paid == "constant" else None)
        returns = true_returns(trained, task.env, agent, EVALUATIONS)
    assert expert is not None
    return {
        "task": name,
        "arm": arm_name,
        "seed": seed,
        "steps": task.steps,
        "return": round(float(returns.mean()), 2),
        "share": round(float(returns.mean()) / expert, 4),
        "expert": round(expert, 2),
        "random": round(random, 2),
        "curve": [round(_paid(episode), 1) for episode in trained.record.finished],
        "seconds": round(time.perf_counter() - began, 1),
    }


def recipe_options(task: Task, arm: Arm) -> ExpertLikenessOptions:
    """Return what the recipe is told for an arm of a task."""
    return ExpertLikenessOptions(
        env=task.env,
        demos=FOLDER / f"{task.expert}.npz",
        num_demos=task.experts,
        min_return_fraction=LEAST_SHARE,
        frames=task.frames,
        masks=task.masks,
        evaluations=EVALUATIONS,
        **arm.learned,
    )


def _paid(episode: Episode) -> float:
    assert episode.rewards is not None
    return float(episode.rewards.sum())


def _constant(venv: VecEnv) -> VecEnv:
    return Constant(venv)


if __name__ == "__main__":
    main(tyro.cli(Options))
