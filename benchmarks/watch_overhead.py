"""What a watch costs: its processor time as a fraction of that of the training that it watches, measured in one run.

    python -m benchmarks.watch_overhead

Timed are the callback with all that it computes, what the learned reward keeps for it, and the features of the steps.
Processor time is that of the one thread, so that other programs do not count. What every row needs anyway (returns,
flags, scores) is in it too, so the fraction is an upper bound.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import tyro

from benchmarks.controllers import TASKS
from benchmarks.records import RESULTS, commit, device
from tsreward.data.episodes import load_episodes
from tsreward.files import write_atomic
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.recipes.run_folder import installed_versions
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.reward_watch import RewardWatch, WatchOptions
from tsreward.sb3.training import TrainingOutputs, train_agent
from tsreward.scorers.presets import scorer_preset
from tsreward.wrappers.infos import EpisodeScores

SAC = AgentOptions("sac", 2_000, num_envs=1, hidden=128, train_every=8, gradient_steps=8, learning_starts=256)
PPO = AgentOptions("ppo", 16_384, num_envs=8)
CASES = {
    "SAC, 1 environment, in bulk": SAC,
    "SAC, 1 environment, per step": replace(SAC, lazy=False),
    "PPO, 8 environments, in bulk": PPO,
    "PPO, 8 environments, per step": replace(PPO, lazy=False),
}
TIMED: tuple[tuple[type, str], ...] = (
    (RewardWatch, "_on_step"),
    (RewardWatch, "_on_rollout_end"),
    (RewardWatch, "_on_training_end"),
    (RewardStream, "arrivals"),
    (EpisodeScores, "add"),
    (EpisodeScores, "end"),
)


@dataclass(frozen=True)
class Options:
    """What to measure."""

    cases: tuple[str, ...] = tuple(CASES)
    scale: float = 1.0
    """Factor on the steps of every training run."""
    out: Path = RESULTS / "watch-overhead.json"


def main(options: Options) -> None:
    torch.set_num_threads(1)
    task = TASKS["pendulum"]
    expert = [one.obs for one in load_episodes(task.demos())]
    model = RewardModel(scorer_preset("deep_svdd").build(4), Likeness()).fit(expert)
    records = []
    for name in options.cases:
        agent = CASES[name]
        agent = replace(agent, steps=round(options.scale * agent.steps))
        records.append({"case": name, **measure(task.env, agent, model, ExpertWindows.seen_by(model, expert))})
        print(records[-1], flush=True)
    content = {"commit": commit(), "device": device(), "versions": installed_versions(), "records": records}
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())


def measure(env: str, agent: AgentOptions, model: RewardModel, expert: ExpertWindows) -> dict[str, Any]:
    """Train with a watch; return the seconds of all, and the fraction that the watch takes."""
    spent = [0.0]
    outputs = TrainingOutputs(expert=expert, watch=WatchOptions(alarms=()))
    patches = [patch.object(owner, name, _timed(getattr(owner, name), spent)) for owner, name in TIMED]
    for one in patches:
        one.start()
    begun = time.thread_time()
    trained = train_agent(env, agent, model, outputs=outputs)
    seconds = time.thread_time() - begun
    for one in patches:
        one.stop()
    trained.normaliser.close()
    return {"steps": agent.steps, "seconds": round(seconds, 2), "fraction": round(spent[0] / seconds, 5)}


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function whose processor time is added up; what it calls of the others does not count twice."""

    def call(*arguments: Any, **named: Any) -> Any:
        begun, before = time.thread_time(), spent[0]
        try:
            return function(*arguments, **named)
        finally:
            spent[0] = before + time.thread_time() - begun

    return call


if __name__ == "__main__":
    main(tyro.cli(Options))
