"""Freeway from the screen: an agent that acts on the console's memory is paid for looking like an expert's recording.

The expert goes up all the time, which is all that Freeway needs and what reinforcement learning rarely finds, because
the first chicken has to cross by chance before anything is paid.

python examples/likeness_atari.py --steps 40000
"""

import argparse
import tempfile
from pathlib import Path

from tsreward.data.graded import save_graded
from tsreward.recipes.likeness import ExpertLikenessResult, run
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3 import AgentOptions
from tsreward.sb3.grading import GradingOptions, collect_graded


def main(steps: int, length: int = 500, episodes: int = 4, seed: int = 0) -> ExpertLikenessResult:
    """Return the result of the recipe, in games that are cut after `length` decisions."""
    env = f"atari/Freeway:ram,stack=2,scaled,max_episode_steps={length}"
    agent = AgentOptions("ppo", steps, num_envs=4, hidden=64, rollout=128, normalise=False, seed=seed)
    expert = collect_graded(env, agent, GradingOptions("constant:1", episodes, stages=()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "freeway.npz"
        save_graded(expert, file)  # what tsreward collect --agent graded --policy constant:1 writes
        return run(ExpertLikenessOptions(env, file, frames=42, evaluations=2), agent)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40_000)
    result = main(parser.parse_args().steps)
    print(
        f"chickens across: expert {result.expert_return:.1f}, random actions {result.random_return:.1f}, "
        f"agent {result.returns.mean():.1f}"
    )
