"""A masked autoencoder on one core: frames of a balancing cart-pole are filled in, those of a clumsy one are not.

python examples/masked_autoencoder.py --epochs 10 --out strip.png
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import tsreward
from tsreward.detection.metrics import roc_auc
from tsreward.envs.blind_policies import Policy, blind_policy
from tsreward.sb3.playing import play

ENV, REPEAT, SIZE = "dmc/cartpole-balance", 4, 64


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def filmed(policy: Policy, seeds: range) -> list[np.ndarray]:
    """Return frames [T + 1, SIZE, SIZE, 3] of one episode a seed."""
    return [tsreward.render_states(ENV, one.states, SIZE) for one in play(ENV, policy, seeds, REPEAT)]


def film_strip(model: tsreward.RewardModel, frames: np.ndarray, path: Path, count: int = 10) -> None:
    """Draw some frames of an episode, what the model expected to see below, and the score of every step."""
    import matplotlib.figure

    scorer = model.scorer
    assert isinstance(scorer, tsreward.MaskedAutoencoder)
    chosen = torch.linspace(0, len(frames) - 1, count).long()
    windows = model.features([frames]).gather(chosen)
    expected = ((scorer.reconstruct(windows).clamp(-1, 1) + 1) / 2).numpy()
    figure = matplotlib.figure.Figure(figsize=(12, 4), layout="constrained")
    above, middle, below = figure.subplots(3, 1)
    for axes, shown in ((above, frames[chosen]), (middle, expected)):
        axes.imshow(np.concatenate(list(shown), axis=1))
        axes.set_axis_off()
    below.plot(model.score(frames))
    below.set(xlabel="step", ylabel="score", xlim=(0, len(frames) - 1))
    figure.savefig(path, dpi=120)


def main(
    epochs: int, episodes: int = 6, windows_per_epoch: int = 3_200, out: Path | None = None
) -> tuple[float, float, float]:
    """Return the mean score of unseen expert and random episodes, and the ROC AUC between them."""
    clumsy = blind_policy("random", tsreward.make(ENV).action_space, seed=0)
    expert, random = filmed(balance, range(2 * episodes)), filmed(clumsy, range(100, 100 + episodes))

    scorer = tsreward.MaskedAutoencoder(window=3)
    encoder = tsreward.RawFrames((SIZE, SIZE, 3))
    model = tsreward.RewardModel(scorer, tsreward.Likeness("exponential"), encoder, frame_skip=3)
    budget = tsreward.TrainOptions(epochs=epochs, batch_size=32, windows_per_epoch=windows_per_epoch)
    model.fit(expert[:episodes], options=budget)
    good, bad = (np.concatenate([each.numpy() for each in model.score(of)]) for of in (expert[episodes:], random))
    if out is not None:
        film_strip(model, random[-1], out)
    labels = np.repeat([0, 1], [len(good), len(bad)])
    return float(good.mean()), float(bad.mean()), roc_auc(labels, np.concatenate([good, bad]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    print("score: expert {:.4f}, random {:.4f}; ROC AUC {:.3f}".format(*main(given.epochs, out=given.out)))
