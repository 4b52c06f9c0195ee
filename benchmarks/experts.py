"""The experts of the likeness and video benchmarks: episodes of every skill, in benchmarks/cache/graded.

    python -m benchmarks.experts --names walker-walk boxing --seeds 100

dm_control experts are SAC of sbx (the extra `jax`) on sensors. In Boxing the expert is PPO on the console's memory, in
Freeway it always goes up, and in Atlantis and Zaxxon, where PPO learns little or nothing in 200,000 decisions, it plans
in a copy of the game. Files that are there already are not made again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro

from benchmarks.planner import Planning, collect_planned
from tsreward.data.graded import GradedEpisodes, save_graded
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_graded

FOLDER = Path(__file__).parent / "cache" / "graded"
SAC = AgentOptions(
    "sac",
    num_envs=1,
    action_repeat=4,
    hidden=128,
    gradient_steps=8,
    library="jax",
    learning_rate=1e-3,
    gamma=0.97,
    tau=0.01,
    layer_norm=True,
    normalise=False,
    train_every=8,
    learning_starts=500,
)
"""Learns dm_control's tasks on sensors in minutes of one core."""
PPO = AgentOptions("ppo", 200_000, hidden=256, normalise=False)


@dataclass(frozen=True)
class Expert:
    """An environment, how its agent is trained or how it plans, and the episodes of every skill."""

    env: str
    agent: AgentOptions | Planning
    grading: GradingOptions

    @property
    def name(self) -> str:
        """Name of its files, without seed."""
        return self.env.partition(":")[0].replace("/", "-").lower()

    def collect(self, seed: int) -> GradedEpisodes:
        """Train or plan, and record."""
        if isinstance(self.agent, Planning):
            return collect_planned(self.env, seed, self.agent, self.grading)
        return collect_graded(self.env, replace(self.agent, seed=seed), self.grading)


def _control(task: str, steps: int, episodes: int = 24) -> Expert:
    return Expert(f"dmc/{task}", replace(SAC, steps=steps), GradingOptions(num_episodes=episodes))


def _atari(game: str, expert: str = "train", steps: int = PPO.steps) -> Expert:
    return Expert(f"atari/{game}:ram,stack=2,scaled", replace(PPO, steps=steps), GradingOptions(expert, num_episodes=8))


def _planned(game: str, decisions: int) -> Expert:
    return Expert(f"atari/{game}:ram,max_episode_steps={decisions}", Planning(), GradingOptions(num_episodes=8))


EXPERTS = {
    "cartpole-balance": _control("cartpole-balance", 20_000),
    "cartpole-swingup": _control("cartpole-swingup", 40_000),
    "reacher-easy": _control("reacher-easy", 60_000, episodes=100),
    "reacher-hard": _control("reacher-hard", 80_000),
    "walker-walk": _control("walker-walk", 120_000),
    "cheetah-run": _control("cheetah-run", 120_000),
    "boxing": _atari("Boxing", steps=400_000),
    "freeway": _atari("Freeway", "constant:1"),
    "atlantis": _planned("Atlantis", 400),
    "zaxxon": _planned("Zaxxon", 400),
}


@dataclass(frozen=True)
class Options:
    """What to record."""

    names: tuple[str, ...] = tuple(EXPERTS)
    seeds: tuple[int, ...] = (100, 101, 102)


def main(options: Options) -> None:
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for expert in (EXPERTS[name] for name in options.names):
            path = FOLDER / f"{expert.name}-{seed}.npz"
            if path.exists():
                continue
            began = time.perf_counter()
            graded = expert.collect(seed)
            save_graded(graded, path)
            print(path.name, graded.mean_returns(), f"{time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
