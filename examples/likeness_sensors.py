"""A pole learns to be balanced from an expert's sensor readings alone: no actions and no rewards of anybody.

The scorer goes on learning while the agent trains, with the agent's own windows as bad ones.

python examples/likeness_sensors.py --steps 20000
"""

import argparse
from dataclasses import replace

import numpy as np

import tsreward
from tsreward.recipes.likeness import DEFAULT_AGENT
from tsreward.sb3.playing import play

ENV, REPEAT = "dmc/cartpole-balance", DEFAULT_AGENT.action_repeat


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def main(steps: int, episodes: int = 8, seed: int = 0) -> tuple[float, float, float]:
    """Return the true return of the expert and of the agent, and the mean learned reward of unseen expert steps."""
    expert = play(ENV, balance, range(seed, seed + episodes), REPEAT)
    options = replace(DEFAULT_AGENT, learning_starts=min(500, steps // 4), seed=seed)
    likeness = tsreward.AdversarialLikeness(ENV, [one.episode for one in expert], options).train(steps)

    unseen = tsreward.relabel(likeness.model, [play(ENV, balance, [seed + 200], REPEAT)[0].episode])[0]
    wanted, returns = np.array([one.total for one in expert]), likeness.evaluate(episodes=2)
    return float(wanted.mean()), float(returns.mean()), float(unseen.reward.mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    expert, agent, reward = main(parser.parse_args().steps)
    print(f"true return of the expert {expert:.0f}, of the agent {agent:.0f}; learned reward of an expert {reward:.2f}")
