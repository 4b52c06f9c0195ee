"""What the golden numbers of rewards need of the package, in thin functions: to change when a name or a call does.

Every import from `tsreward` is here or in `evaluation_adapters`. Names that the functions take and return are neutral,
so that the recorded names stay when classes and modules are renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from tsreward.encoders.base import Encoder, Identity
from tsreward.encoders.clip import CLIPEncoder
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.functional.tensors import as_tensor
from tsreward.io import load, save
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import stream_scores
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.base import RewardMode
from tsreward.rewards.exploration import EnsembleDisagreement, ExplorationBonus, RandomNetworkDistillation
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.training import roll_out, train_agent
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.discriminator import Discriminator, DiscriminatorOptions
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.scorers.presets import scorer_names, scorer_preset
from tsreward.sequences.episodes import Episode, safe_windows
from tsreward.sequences.probes import probe_windows
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

__all__ = ["Encoder", "Episode", "RewardModel"]

SCORER_NAMES = tuple(scorer_names())
"""Scorers and presets by name."""
INFO_COLUMNS = ("original_reward", "anomaly_score", "anomaly_p_value", "is_anomaly")
"""What adapters add to `info`: environment reward, score, p-value, flag."""
Columns = tuple[np.ndarray, ...]
"""Columns [N] of one table."""


# Models ---------------------------------------------------------------------------------------------------------------

MODES: dict[str, Callable[[float], RewardMode]] = {
    "penalty-tail": lambda smoothing: Penalty(PenaltyOptions(form="tail", smoothing=smoothing)),
    "penalty-raw": lambda smoothing: Penalty(PenaltyOptions(form="raw", smoothing=smoothing, false_alarm_rate=0.4)),
    "penalty-constant": lambda smoothing: Penalty(PenaltyOptions(form="constant", smoothing=smoothing, weight=3.0)),
    "lagrangian": lambda smoothing: Lagrangian(LagrangianOptions(smoothing=smoothing)),
    "likeness-exponential": lambda smoothing: Likeness(LikenessOptions(smoothing=smoothing)),
    "likeness-clipped": lambda smoothing: Likeness(
        LikenessOptions(smoothing=smoothing, scale=0.7, clip_low=0.2, clip_high=0.9)
    ),
    "likeness-negative": lambda smoothing: Likeness(LikenessOptions(transform="negative", smoothing=smoothing)),
    "likeness-p_value": lambda smoothing: Likeness(LikenessOptions(transform="p_value", smoothing=smoothing)),
    "likeness-auto": lambda smoothing: Likeness(LikenessOptions(transform="auto", smoothing=smoothing)),
    "likeness-odds": lambda smoothing: Likeness(LikenessOptions(transform="odds", smoothing=smoothing)),
    "likeness-least_squares": lambda smoothing: Likeness(
        LikenessOptions(transform="least_squares", smoothing=smoothing)
    ),
}
SUITED = {
    "deep_svdd": ("likeness-odds",),
    "deep_sad": ("likeness-odds",),
    "least_squares_sad": ("likeness-least_squares",),
    "discriminator": ("likeness-least_squares",),
}
"""Likeness shapes that only suit some scorers."""


def takes_negatives(scorer: str) -> bool:
    """Tell whether a scorer of this name learns from negative windows too."""
    return scorer_preset(scorer).negative


def fit_model(
    scorer: str,
    mode: str,
    normal: Sequence[np.ndarray],
    negative: Sequence[np.ndarray],
    smoothing: float = 0.0,
    window: int = 4,
    frame_skip: int = 1,
) -> RewardModel:
    """Return a model fitted on normal episodes [T, D]; negative ones are probes, and negatives for what takes them."""
    built = scorer_preset(scorer).build(window)
    model = RewardModel(built, MODES[mode](smoothing), frame_skip=frame_skip)
    model.fit(
        list(normal),
        list(negative) if takes_negatives(scorer) else None,
        rewards=np.array([0.5, -1.5]),
        options=TrainOptions(epochs=2, batch_size=64, windows_per_epoch=None),
        probes=list(negative),
    )
    if isinstance(model.mode, Lagrangian):
        model.mode.update(0.35, 30.0)  # a multiplier of 0 would lower nothing
    return model


def moves(model: RewardModel) -> bool:
    """Tell whether the reward mode changes while an agent trains, so that it cannot be read in bulk."""
    return isinstance(model.mode, Lagrangian)


def small_model(
    shape: tuple[int, ...] = (3,), mode: str = "penalty-raw", smoothing: float = 0.0, frame_skip: int = 1
) -> RewardModel:
    """Return a small model for observations of a shape, fitted on noise."""
    scorer = DeepSVDD(4, DeepSVDDOptions(hidden=16, embedding=4))
    model = RewardModel(scorer, MODES[mode](smoothing), Identity(shape), frame_skip=frame_skip)
    normal = np.random.default_rng(7).normal(size=(6, 20, *shape)).astype(np.float32)
    model.fit(list(normal), rewards=np.ones(1), options=TrainOptions(windows_per_epoch=None, epochs=1))
    return model


def saved_and_loaded(model: RewardModel, folder: Path) -> RewardModel:
    """Return the model as a file gives it back."""
    save(model, folder / "model.safetensors")
    return load(folder / "model.safetensors")


def scores(model: RewardModel, episodes: Sequence[np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores of all windows of episodes: of the model, of the scorer, of the scorer's pass over a whole set."""
    windows = WindowSet.from_episodes(episodes, model.window, model.frame_skip)
    gathered = windows.gather(torch.arange(len(windows)))
    return model.score_windows(gathered), model.scorer(gathered), model.scorer.score_all(windows)


def calibration_numbers(model: RewardModel) -> list[float]:
    """Return thresholds and quantiles of the calibration, and the scales of the mode."""
    calibration, mode = model.calibration, model.mode
    found = [calibration.threshold(rate) for rate in (0.01, 0.05, 0.2)]
    found += [calibration.quantile(share) for share in (0.0, 0.1, 0.5, 0.9, 1.0)]
    found += calibration.p_value(torch.linspace(found[0] - 1, found[0] + 1, 5)).tolist()
    names = ("threshold", "unit", "multiplier", "origin", "scale", "low", "high")
    return found + [float(getattr(mode, name)) for name in names if hasattr(mode, name)]


def window_rows(episodes: Sequence[Episode]) -> dict[str, Tensor]:
    """Return what windows, their split, safe windows and probes are made of."""
    windows = WindowSet.from_episodes([episode.obs for episode in episodes], 4, 2)
    first, second = windows.split(0.25, seed=3)
    safe, unsafe = safe_windows(episodes, 3)
    assert unsafe is not None
    made = {name: probe.gather(torch.arange(len(probe))) for name, probe in probe_windows(windows, 20, seed=1).items()}
    rest = {"all": windows, "split-first": first, "split-second": second, "safe": safe, "unsafe": unsafe}
    return {name: part.gather(torch.arange(len(part))) for name, part in rest.items()} | {
        f"probe-{name}": probe for name, probe in made.items()
    }


# Rewards by every route -----------------------------------------------------------------------------------------------


def _columns(earned: StepReward) -> Columns:
    parts = (earned.reward, earned.score, earned.p_value, earned.is_anomaly)
    return tuple(part.numpy() for part in parts)


def relabelled(model: RewardModel, episodes: Sequence[Episode]) -> list[Columns]:
    """Return reward, score, p-value and flag of every episode, from whole episodes."""
    mode = model.mode
    model.mode = mode.fixed() if isinstance(mode, Lagrangian) else mode  # with the multiplier that it has
    try:
        return [_columns(earned) for earned in relabel(model, episodes)]
    finally:
        model.mode = mode


class Online:
    """Rewards of running episodes, step by step."""

    def __init__(self, model: RewardModel, num_envs: int, bonus: ExplorationBonus | None = None) -> None:
        self.online, self.found = RewardStream(model, num_envs, bonus), []

    def start(self, obs: np.ndarray, mask: np.ndarray | None = None) -> None:
        self.online.start(as_tensor(obs), None if mask is None else torch.from_numpy(mask))

    def step(self, arrived: np.ndarray, env_rewards: np.ndarray, ended: np.ndarray, begun: np.ndarray) -> None:
        self.found.append(_columns(self.online.step(as_tensor(arrived), torch.from_numpy(env_rewards))))
        if ended.any():
            self.start(begun, ended)

    def finish(self) -> Columns:
        """Return columns [T, E]."""
        return tuple(np.stack(parts) for parts in zip(*self.found, strict=True))


class Bulk:
    """Rewards of running episodes, noted step by step and computed after every `every` steps."""

    def __init__(self, model: RewardModel, num_envs: int, every: int = 17) -> None:
        self.bulk, self.every, self.found = RewardStream(model, num_envs), every, []

    def start(self, obs: np.ndarray) -> None:
        self.bulk.start(as_tensor(obs))

    def step(self, arrived: np.ndarray, env_rewards: np.ndarray, ended: np.ndarray, begun: np.ndarray) -> None:
        self.bulk.push(as_tensor(arrived), torch.from_numpy(env_rewards))
        if ended.any():
            self.bulk.start(as_tensor(begun), torch.from_numpy(ended))
        if self.bulk.pending == self.every:
            self.found.append(_columns(self.bulk.flush()))

    def finish(self) -> Columns:
        """Return columns [T, E]."""
        if self.bulk.pending:
            self.found.append(_columns(self.bulk.flush()))
        return tuple(np.concatenate(parts) for parts in zip(*self.found, strict=True))


def streamed(model: RewardModel, rows: np.ndarray, cuts: Sequence[int]) -> Columns:
    """Return score, p-value and flag of the rows [T, D] of a log that comes in chunks."""
    parts = list(stream_scores(model, np.split(rows, cuts)))
    return tuple(np.concatenate([getattr(part, name) for part in parts]) for name in ("score", "p_value", "is_anomaly"))


def bonuses(window: int, dim: int, seen: Tensor) -> dict[str, ExplorationBonus]:
    """Return exploration bonuses that have learned from windows [B, K, D] a few times."""
    made: dict[str, ExplorationBonus] = {
        "random_network": RandomNetworkDistillation(window, dim, hidden=16),
        "disagreement": EnsembleDisagreement(window, dim, hidden=16),
    }
    for bonus in made.values():
        for batch in seen.split(64):
            bonus.update(batch)
    return made


# Wrappers -------------------------------------------------------------------------------------------------------------


def wrap_env(env: Any, model: RewardModel) -> Any:
    """Return a Gymnasium environment with learned rewards."""
    return LearnedReward(env, model, driven=True)


def wrap_vector(envs: VectorEnv, model: RewardModel) -> Any:
    """Return Gymnasium vector environments with learned rewards."""
    return LearnedRewardVector(envs, model, driven=True)


def wrap_vec_env(venv: Any, model: RewardModel) -> Any:
    """Return Stable-Baselines3 environments with learned rewards in every step, of a mode as it is."""
    wrapped = LearnedRewardVecEnv(venv, model)
    wrapped.driven = True
    return wrapped


def rollout_columns(venv: Any, model: RewardModel, rollouts: Sequence[int]) -> Columns:
    """Return reward, score, p-value and flag [T, E] of rollouts that are computed when each of them has ended."""
    wrapped, found = LearnedRewardVecEnv(venv, model, lazy=True), []
    wrapped.driven = True
    wrapped.reset()
    for steps in rollouts:
        for _ in range(steps):
            wrapped.step(np.zeros((venv.num_envs, 1), np.float32))
        rewards, earned = wrapped.take()
        found.append((rewards, *_columns(earned)[1:]))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


# Encoders -------------------------------------------------------------------------------------------------------------


def encoders(shape: tuple[int, ...], fitted_on: np.ndarray, clip_folder: Path) -> Iterator[tuple[str, Encoder]]:
    """Yield encoders of pictures of a shape; the CLIP tower is read from a folder."""
    yield "conv", ConvEncoder(shape, ConvOptions(channels=(8, 8), dim=10))
    yield "conv-resized", ConvEncoder(shape, ConvOptions(channels=(8, 8), dim=10, masks=((2, 3, 9, 8),), size=(18, 16)))
    pca = PixelPCA(shape, PixelPCAOptions(dim=5, side=8))
    pca.fit([fitted_on])
    yield "pixel_pca", pca
    yield "clip", CLIPEncoder.pretrained(shape, str(clip_folder))


def flat_encoders(dim: int) -> dict[str, Encoder]:
    """Return encoders of sensors."""
    return {
        "identity": Identity((dim,)),
        "sorted_lidar": SortedLidar((dim,), SortedLidarOptions(groups=((2, dim - 1),))),
    }


def encode(encoder: Encoder, obs: np.ndarray) -> Tensor:
    """Return features [B, D] of observations."""
    return encoder(torch.from_numpy(obs))


def pixel_model(encoder: Encoder, episodes: Sequence[np.ndarray]) -> RewardModel:
    """Return a likeness of pictures, fitted."""
    model = RewardModel(KNN(2, KNNOptions(bank_size=100)), Likeness(), encoder)
    model.fit(list(episodes))
    return model


# Agents ---------------------------------------------------------------------------------------------------------------


def record_episodes(venv: Any) -> Any:
    """Return Stable-Baselines3 environments that keep what really happened."""
    return EpisodeRecorder(venv)


def true_returns(record: Any) -> np.ndarray:
    """Return the environment's returns of the finished episodes."""
    return np.array([episode.rewards.sum() for episode in record.finished])


def active_learner(kind: str, expert: Sequence[np.ndarray], negatives: Sequence[np.ndarray] | None = None) -> Any:
    """Return a learner whose scorer goes on learning while an agent trains."""
    scorer, mode = {
        "deep_sad": (DeepSVDD(4, DeepSVDDOptions(hidden=16, embedding=4)), MODES["likeness-odds"](0.0)),
        "discriminator": (Discriminator(4, DiscriminatorOptions(hidden=16)), MODES["likeness-least_squares"](0.0)),
    }[kind]
    options = ActiveLearnerOptions(every=64, updates=2, batch_size=32, recent=600, calibrate_every=4, seed=2)
    return ActiveLearner(RewardModel(scorer, mode), list(expert), options, negatives)


def learner_model(learner: Any) -> RewardModel:
    """Return the model of a learner."""
    return learner.model


def learner_numbers(learner: Any) -> list[float]:
    """Return how often it learned, and its last loss."""
    return [learner.refreshes, learner.loss]


def refresh(learner: Any, windows: Callable[[int], Tensor]) -> None:
    """Let it learn once, from windows [n, K, D] of an agent."""
    learner.refresh(windows)


def multiplier(model: RewardModel) -> float:
    """Return the multiplier of a Lagrangian mode."""
    assert isinstance(model.mode, Lagrangian)
    return float(model.mode.multiplier)


def delivered(
    route: str, record: Any, model: RewardModel, learner: Any = None, bonus: ExplorationBonus | None = None
) -> tuple[Any, list[Any]]:
    """Return the environments that an algorithm trains on, and the callbacks it needs, for one way of delivery."""
    venv = LearnedRewardVecEnv(record, model, bonus, lazy=route != "step")
    return venv, [LearnedRewardCallback(venv, learner, mode_every=256)]


def trained_agent(
    algorithm: Any, model: RewardModel | None, learner: Any = None, bonus: Any = None, lazy: bool | None = None
) -> tuple[Any, Any, np.ndarray]:
    """Return policy, record and the returns of a roll-out of an agent that the package trains on Pendulum."""
    options = AgentOptions(
        algorithm=algorithm, steps=1200, num_envs=2, hidden=16, rollout=128, gradient_steps=1, train_every=2, seed=4,
        lazy=lazy, batch_size=64, learning_starts=200,
    )  # fmt: skip
    agent = train_agent("Pendulum-v1", options, model, active=learner, bonus=bonus)
    return agent.algorithm.policy, agent.record, true_returns(roll_out(agent, "Pendulum-v1", 2, seed=9))
