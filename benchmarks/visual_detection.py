"""Expert against random and half-trained behaviour, frame by frame, from 64×64 pixels (the AD-RL paper's tables 1–3).

    python -m benchmarks.visual_detection --tasks walker-walk boxing --seeds 100 101 102

One seed is one expert of benchmarks.experts. Half of the episodes of every skill are for learning, the other half is
judged; pixel PCA takes its components from learning episodes of the expert and of the random policy. Runs that are in
the result file already are not repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from scipy.special import expit
from scipy.stats import spearmanr

from benchmarks.experts import FOLDER
from benchmarks.records import RESULTS, Records
from tsreward.data.features import encode_episodes
from tsreward.data.graded import GradedEpisodes, load_graded
from tsreward.detection.metrics import average_precision, macro_auc, micro_auc
from tsreward.encoders.base import Encoder
from tsreward.encoders.conv import ConvEncoder
from tsreward.encoders.efficientnet import EfficientNetEncoder, EfficientNetOptions
from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.encoders.raw_frames import RawFrames
from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.grading import draw_episodes
from tsreward.scorers.base import ScorerOptions
from tsreward.scorers.presets import scorer_preset
from tsreward.scorers.video_likelihood import VideoLikelihoodOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

CACHE = Path(__file__).parent / "cache"
SIZE = 64
HALF_TRAINED = "25 %"
TASKS = {
    "walker-walk": "dmc-walker-walk",
    "cheetah-run": "dmc-cheetah-run",
    "cartpole-balance": "dmc-cartpole-balance",
    "reacher-hard": "dmc-reacher-hard",
    "boxing": "atari-boxing",
    "freeway": "atari-freeway",
    "atlantis": "atari-atlantis",
    "zaxxon": "atari-zaxxon",
}
ENCODERS: dict[str, Callable[[tuple[int, ...]], Encoder]] = {
    "pixel PCA": PixelPCA,
    "random convolution": ConvEncoder,
    "EfficientNet": lambda shape: EfficientNetEncoder(shape, EfficientNetOptions(blocks=11, grid=2)),
    "VQ tokens": VQTokenizer,
    "fine VQ tokens": lambda shape: VQTokenizer(shape, VQOptions(grid=8)),
    "raw frames": RawFrames,
}
MASKED = TrainOptions(epochs=10, batch_size=32, windows_per_epoch=3_200)
LIKELIHOOD = TrainOptions(epochs=10, batch_size=64, windows_per_epoch=6_400)


@dataclass(frozen=True)
class Arm:
    """A scorer on features, its windows and its budget."""

    scorer: str
    encoder: str
    window: int = 4
    frame_skip: int = 1
    training: TrainOptions | None = None
    options: ScorerOptions | None = None
    ratio: bool = False
    """Minus the score of a twin that was fitted on the random policy: a ratio of two likelihoods."""


SCORERS = ("knn", "pca", "deep_svdd", "transformer_ae", "lstm_vae", "forecaster", "deep_sad")
VIPER = Arm("video_likelihood", "VQ tokens", training=LIKELIHOOD)
ARMS = {
    f"{scorer}, {encoder}": Arm(scorer, encoder)
    for encoder in ("pixel PCA", "random convolution")
    for scorer in SCORERS
}
ARMS |= {f"{scorer}, EfficientNet": Arm(scorer, "EfficientNet") for scorer in ("knn", "deep_sad")}
ARMS |= {f"vadclip, {encoder}": Arm("vadclip", encoder, window=16) for encoder in ("EfficientNet", "pixel PCA")}
ARMS |= {
    f"{scorer}, raw frames": Arm(scorer, "raw frames", window=3, frame_skip=3, training=MASKED)
    for scorer in ("masked_autoencoder", "semi_supervised_mae")
}
ARMS["video_likelihood, VQ tokens"] = VIPER
VARIANTS = {
    "joint": replace(VIPER, options=VideoLikelihoodOptions(score="joint")),
    "entropy": replace(VIPER, options=VideoLikelihoodOptions(score="entropy")),
    "one shot": replace(VIPER, options=VideoLikelihoodOptions(decoding="one_shot")),
    "K = 1": replace(VIPER, window=1),
    "K = 2": replace(VIPER, window=2),
    "K = 8": replace(VIPER, window=8),
    "every fourth frame": replace(VIPER, frame_skip=4),
    "8×8 tokens": replace(VIPER, encoder="fine VQ tokens"),
    "ratio to random": replace(VIPER, ratio=True),
    "ratio to random, every fourth frame": replace(VIPER, frame_skip=4, ratio=True),
    "ratio to random, 8×8 tokens": replace(VIPER, encoder="fine VQ tokens", ratio=True),
}
"""What else the video likelihood could be."""
ARMS |= {f"video_likelihood, {name}": arm for name, arm in VARIANTS.items()}
RANDOM = "random scores"


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = tuple(TASKS)
    seeds: tuple[int, ...] = (100, 101, 102)
    arms: tuple[str, ...] = (RANDOM, *ARMS)


@dataclass(frozen=True)
class Split:
    """Episodes of one task and seed; those that are judged were not learned from."""

    codes: int | None
    """Features are tokens below this; None for numbers."""
    encoder: Encoder | None
    """What frames are yet to be encoded with; None where episodes hold features."""

    expert: list[Episode]
    random: list[Episode]
    judged: GradedEpisodes


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "visual-detection.json", ("task", "arm", "seed"))
    for seed in options.seeds:
        for task in options.tasks:
            path = FOLDER / f"{TASKS[task]}-{seed}.npz"
            missing = [arm for arm in options.arms if not records.has(task=task, arm=arm, seed=seed)]
            if not missing:
                continue
            if not path.exists():
                print(f"{task} {seed}: no {path}", flush=True)
                continue
            graded = drawn(load_graded(path))
            splits = {
                name: encoded(graded, name, seed) for name in {ARMS[arm].encoder for arm in missing if arm in ARMS}
            }
            for arm in missing:
                record = {"task": task, "arm": arm, "seed": seed, "returns": graded.mean_returns()}
                record |= noise(graded, seed) if arm == RANDOM else run(ARMS[arm], splits[ARMS[arm].encoder], seed)
                records.add(record)
                print(task, seed, arm, {key: value for key, value in record.items() if key != "returns"}, flush=True)


def drawn(graded: GradedEpisodes) -> GradedEpisodes:
    """Return the first 24 episodes of every skill as frames."""
    keep = np.concatenate([np.flatnonzero(graded.skill == skill)[:24] for skill in np.unique(graded.skill)])
    return draw_episodes(graded.take(keep), SIZE)


def halves(graded: GradedEpisodes) -> tuple[GradedEpisodes, GradedEpisodes]:
    """Return (every second episode of each skill, the others)."""
    position = np.concatenate([np.arange(np.sum(graded.skill == skill)) for skill in np.unique(graded.skill)])
    return graded.take(np.flatnonzero(position % 2 == 0)), graded.take(np.flatnonzero(position % 2 == 1))


def encoded(graded: GradedEpisodes, name: str, seed: int) -> Split:
    """Return features of all frames; every frame is encoded once."""
    learned, judged = halves(graded)
    expert, random = learned.where("expert").episodes, learned.where("random").episodes
    encoder = ENCODERS[name](expert[0].obs.shape[1:])
    if isinstance(encoder, RawFrames):
        return Split(None, encoder, expert, random, judged)
    if isinstance(encoder, PixelPCA | VQTokenizer):
        encoder.fit([episode.obs for episode in (*expert, *random)])
    folder = CACHE / "features"
    return Split(
        encoder.codes,
        None,
        encode_episodes(encoder, expert, folder),
        encode_episodes(encoder, random, folder),
        replace(judged, episodes=encode_episodes(encoder, judged.episodes, folder)),
    )


def run(arm: Arm, split: Split, seed: int) -> dict[str, Any]:
    """Fit a scorer on the expert's features, with the random policy's as bad ones where it uses them, and judge it."""
    negative = scorer_preset(arm.scorer).negative
    began = time.perf_counter()
    model = fitted(arm, split, split.expert, split.random if negative else None, seed)
    twin = fitted(arm, split, split.random, None, seed) if arm.ratio else None
    fit_seconds = time.perf_counter() - began
    began = time.perf_counter()
    earned = relabel(model, split.judged.episodes)
    scores = [step.score.numpy() for step in earned]
    strange = [(1 - step.p_value.numpy()).clip(0, 1) for step in earned]
    if twin is not None:
        usual = relabel(twin, split.judged.episodes)
        scores = [score - step.score.numpy() for score, step in zip(scores, usual, strict=True)]
        strange = [expit(score) for score in scores]
    seconds = time.perf_counter() - began
    return judge(split.judged, scores, strange) | {
        "fit_seconds": round(fit_seconds, 2),
        "frames_per_second": round(sum(map(len, strange)) / seconds),
        "parameters": sum(weight.numel() for weight in model.scorer.parameters()),
    }


def fitted(arm: Arm, split: Split, good: list[Episode], bad: list[Episode] | None, seed: int) -> RewardModel:
    """Return a model of the arm's scorer that has learned from these episodes."""
    built = scorer_preset(arm.scorer, arm.options).build(arm.window)
    if split.codes is not None:
        built.adopt_codes(split.codes)
    model = RewardModel(built, Likeness(), split.encoder, arm.frame_skip)
    return model.fit(
        [np.asarray(episode.obs) for episode in good],
        None if bad is None else [np.asarray(episode.obs) for episode in bad],
        options=replace(arm.training or TrainOptions(), seed=seed),
    )


def noise(graded: GradedEpisodes, seed: int) -> dict[str, Any]:
    """Return what scores without meaning get."""
    rng = np.random.default_rng(seed)
    judged = halves(graded)[1]
    scores = [rng.random(len(episode)) for episode in judged.episodes]
    return judge(judged, scores, scores)


def judge(judged: GradedEpisodes, scores: Sequence[np.ndarray], bounded: Sequence[np.ndarray]) -> dict[str, Any]:
    """Compare scores per episode, and the same mapped to [0, 1], with who acted."""
    names = [judged.names[skill] for skill in judged.skill]

    def between(bad: str, of: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        kept = [index for index, name in enumerate(names) if name in ("expert", bad)]
        return [np.full(len(of[index]), int(names[index] == bad)) for index in kept], [of[index] for index in kept]

    labels, values = between("random", scores)
    means = [-float(np.mean(score)) for score in scores]
    return {
        "micro_auc": micro_auc(labels, values),
        "macro_auc": macro_auc(*between("random", bounded)),
        "average_precision": average_precision(np.concatenate(labels), np.concatenate(values)),
        "half_trained_auc": micro_auc(*between(HALF_TRAINED, scores)),
        "spearman": float(np.asarray(spearmanr(means, judged.returns))[0]),
    }


if __name__ == "__main__":
    main(tyro.cli(Options))
