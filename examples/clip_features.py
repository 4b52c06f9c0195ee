"""CLIP features of rendered frames as what a reward looks at, through the real loading path.

A small CLIP with random weights is written to a folder on the spot, so that this runs without a network. With a folder
or a name on the hub of trained weights, nothing else changes:

python examples/clip_features.py --clip openai/clip-vit-base-patch16
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

import tsreward
from tsreward.envs.blind_policies import blind_policy
from tsreward.sb3.playing import play

ENV, SIZE = "dmc/cartpole-balance", 48


def write_small_clip(folder: Path) -> str:
    """Write an untrained CLIP vision tower for pictures of 32 x 32, and return its folder."""
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPVisionConfig(**shape, image_size=32, patch_size=8, projection_dim=32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPVisionModelWithProjection(config).save_pretrained(folder)
    crop = {"height": 32, "width": 32}
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=crop).save_pretrained(folder)
    return str(folder)


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def filmed(policy, seeds: range, steps: int) -> list[tsreward.Episode]:
    """Return episodes of which only the frames [T + 1, H, W, 3] are seen."""
    played = play(f"{ENV}:max_episode_steps={4 * steps}", policy, seeds, action_repeat=4)
    return [tsreward.Episode(tsreward.render_states(ENV, one.states, SIZE)) for one in played]


def main(steps: int, clip: str | None = None, seed: int = 0) -> tuple[float, float]:
    """Return the mean reward per step of an expert that the model has not seen, and of random actions."""
    random = blind_policy("random", tsreward.make(ENV).action_space, seed)
    with tempfile.TemporaryDirectory() as folder:
        source = clip or write_small_clip(Path(folder))
        encoder = tsreward.CLIPEncoder.pretrained((SIZE, SIZE, 3), source)
        model = tsreward.RewardModel(tsreward.KNN(window=3), tsreward.Likeness(), encoder)
        model.fit([episode.obs for episode in filmed(balance, range(seed, seed + 6), steps)])
        tests = range(seed + 100, seed + 102)
        rewards = [tsreward.relabel(model, filmed(policy, tests, steps)) for policy in (balance, random)]
    expert, noise = (float(np.mean([part.reward.mean() for part in parts])) for parts in rewards)
    return expert, noise


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100, help="decisions per episode")
    parser.add_argument("--clip", help="folder or hub name of a CLIP; default: a small random one")
    arguments = parser.parse_args()
    expert, noise = main(arguments.steps, arguments.clip)
    print(f"mean reward of an unseen expert {expert:.2f}, of random actions {noise:.2f}")
