"""VIPER on one core: the likelihood of an expert's frames tells a balancing cart-pole from a clumsy one.

python examples/video_likelihood.py --epochs 8 --out strip.png
"""

import argparse
from pathlib import Path

import numpy as np

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


def film_strip(frames: np.ndarray, scores: np.ndarray, path: Path, count: int = 12) -> None:
    """Draw some frames of an episode side by side, and under them the score of every step in nats."""
    import matplotlib.figure

    chosen = np.linspace(0, len(scores) - 1, count).astype(int)
    figure = matplotlib.figure.Figure(figsize=(12, 2.6), layout="constrained")
    above, below = figure.subplots(2, 1)
    above.imshow(np.concatenate(list(frames[chosen]), axis=1))
    above.set_axis_off()
    below.plot(scores)
    below.set(xlabel="step", ylabel="nats", xlim=(0, len(scores) - 1))
    figure.savefig(path, dpi=120)


def main(epochs: int, episodes: int = 6, out: Path | None = None) -> tuple[float, float, float]:
    """Return the mean score of unseen expert and random episodes, in nats a frame, and the ROC AUC between them."""
    clumsy = blind_policy("random", tsreward.make(ENV).action_space, seed=0)
    expert, random = filmed(balance, range(2 * episodes)), filmed(clumsy, range(100, 100 + 2 * episodes))
    tokenizer = tsreward.VQTokenizer((SIZE, SIZE, 3), tsreward.VQOptions(codes=128, epochs=epochs))
    tokenizer.fit([*expert[:episodes], *random[:episodes]])  # codes for what experts never do, too

    model = tsreward.RewardModel(tsreward.VideoLikelihood(window=4), tsreward.Likeness("negative"), tokenizer)
    budget = tsreward.TrainOptions(epochs=epochs, batch_size=64, windows_per_epoch=3_200)
    model.fit(expert[:episodes], options=budget)
    good, bad = (np.concatenate([each.numpy() for each in model.score(of[episodes:])]) for of in (expert, random))
    if out is not None:
        film_strip(random[-1], model.score(random[-1]).numpy(), out)
    labels = np.repeat([0, 1], [len(good), len(bad)])
    return float(good.mean()), float(bad.mean()), roc_auc(labels, np.concatenate([good, bad]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    print("nats a frame: expert {:.1f}, random {:.1f}; ROC AUC {:.3f}".format(*main(given.epochs, out=given.out)))
