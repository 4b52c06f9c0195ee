"""A world-model agent on pictures: DreamerV3 learns from a reward that was learned from an expert's frames.

python examples/dreamer.py --steps 20000 --out runs/dreamer    # needs the extra dreamer; hours on one core
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import tsreward
from tsreward.envs.blind_policies import BLIND, Policy, blind_policy
from tsreward.recipes.dreamer import DreamerOptions, DreamerResult, run
from tsreward.sb3.playing import play

ENV, REPEAT, SIZE = "dmc/cartpole-balance", 4, 64


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def filmed(policy: Policy, seeds: range) -> list[np.ndarray]:
    """Return frames [T + 1, SIZE, SIZE, 3] of one episode a seed."""
    return [tsreward.render_states(ENV, one.states, SIZE) for one in play(ENV, policy, seeds, REPEAT)]


def reward_model(episodes: int) -> tsreward.RewardModel:
    """Return a likeness to the expert's frames, on a scale at which blind policies earn nearly nothing."""
    space = tsreward.make(ENV).action_space
    expert = filmed(balance, range(episodes))
    clumsy = filmed(blind_policy("random", space), range(100, 100 + episodes))
    encoder = tsreward.PixelPCA((SIZE, SIZE, 3), tsreward.PixelPCAOptions(dim=16))
    encoder.fit([*expert, *clumsy])
    model = tsreward.RewardModel(tsreward.KNN(window=4), tsreward.Likeness("auto"), encoder)
    blind = [frames for name in BLIND for frames in filmed(blind_policy(name, space), range(1))]
    return model.fit(expert, probes=tsreward.WindowSet.from_episodes(blind, 4))


def main(steps: int, out: Path, episodes: int = 8, **options: float) -> DreamerResult:
    """Train in the folder `out`; return what was played, with true and learned returns."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        tsreward.save(reward_model(episodes), model)
        agent = DreamerOptions(f"{ENV}:pixels={SIZE}", model, steps=steps, num_envs=1, action_repeat=REPEAT, **options)
        return run(agent, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    played = main(given.steps, given.out).evaluation
    print(f"true return of the agent {np.mean([one.true_return for one in played]):.0f}")
