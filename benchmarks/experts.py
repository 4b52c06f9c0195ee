"""The experts of the likeness and video benchmarks: episodes of every skill, in benchmarks/cache/graded.

    python -m benchmarks.experts --names walker-walk boxing --seeds 100

dm_control experts are SAC of sbx (the extra `jax`) on sensors, Atari experts PPO on the console's memory; Freeway's
always goes up. Files that are there already are not made again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro

from tsreward.agents.grading import GradingOptions, collect_graded
from tsreward.agents.options import AgentOptions
from tsreward.data.graded import save_graded

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
    """An environment, how its agent is trained, and the episodes of every skill."""

    env: str
    agent: AgentOptions
    grading: GradingOptions

    @property
    def name(self) -> str:
        """Name of its files, without seed."""
        return self.env.partition(":")[0].replace("/", "-").lower()


def _control(task: str, steps: int, episodes: int = 24) -> Expert:
    return Expert(f"dmc/{task}", replace(SAC, steps=steps), GradingOptions(episodes=episodes))


def _atari(game: str, expert: str = "train", steps: int = PPO.steps) -> Expert:
    return Expert(f"atari/{game}:ram,stack=2,scaled", replace(PPO, steps=steps), GradingOptions(expert, episodes=8))


EXPERTS = {
    "cartpole-balance": _control("cartpole-balance", 20_000),
    "cartpole-swingup": _control("cartpole-swingup", 40_000),
    "reacher-easy": _control("reacher-easy", 60_000, episodes=100),
    "reacher-hard": _control("reacher-hard", 80_000),
    "walker-walk": _control("walker-walk", 120_000),
    "cheetah-run": _control("cheetah-run", 120_000),
    "boxing": _atari("Boxing", steps=400_000),
    "freeway": _atari("Freeway", "constant:1"),
    "atlantis": _atari("Atlantis"),
    "zaxxon": _atari("Zaxxon"),
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
            graded = collect_graded(expert.env, replace(expert.agent, seed=seed), expert.grading)
            save_graded(graded, path)
            print(path.name, graded.mean_returns(), f"{time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
