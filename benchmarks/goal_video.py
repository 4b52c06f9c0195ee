"""Agents that are shown a goal and paid nothing by the environment: how often they reach it, arm by arm, over seeds.

    python -m benchmarks.goal_video --tasks drawer-open maze --arms clip FB --seeds 0 1 2

In the tasks of Meta-World every episode begins alike, and what is shown are a few films of the scripted expert, with
noise on its actions. In the maze it is one picture of the goal. Agents see sensors, rewards look at frames of 32
pixels. They learn by SAC of sbx (the extra `jax`). Runs that are in the result file already are not repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
import tyro
from scipy.stats import spearmanr
from stable_baselines3.common.callbacks import BaseCallback

import tsreward
from benchmarks.experts import SAC
from benchmarks.records import RESULTS, Records
from tsreward.envs.blind_policies import Policy, blind_policy
from tsreward.envs.meta_world import scripted_policy
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.rewards.exploration import RandomNetworkDistillation
from tsreward.rewards.likeness import Transform
from tsreward.sb3.training import train_agent
from tsreward.scorers.base import Scorer
from tsreward.scorers.presets import scorer_preset
from tsreward.training import TrainOptions

SIZE, FILMS, NOISE = 32, 8, 0.2
LAST = 0.1
"""Fraction of the episodes, the last ones, whose successes count."""


@dataclass(frozen=True)
class Task:
    """An environment whose episodes all begin alike, and the budget in decisions."""

    env: str
    decisions: int
    """In an episode."""
    steps: int
    action_repeat: int


def _meta_world(name: str, steps: int) -> Task:
    return Task(f"metaworld/{name}:start_seed=3,max_episode_steps=100", 25, steps, action_repeat=4)


TASKS = {
    "reach": _meta_world("reach", 6_000),
    "button-press-topdown": _meta_world("button-press-topdown", 6_000),
    "door-close": _meta_world("door-close", 6_000),
    "maze": Task("robotics/PointMaze_UMaze-v3:start_seed=11,max_episode_steps=200", 40, 6_000, action_repeat=5),
}


@dataclass(frozen=True)
class Shown:
    """What rewards are learned from: frames [T, SIZE, SIZE, 3] of films, or pictures, of the goal, and at random."""

    goal: list[np.ndarray]
    random: list[np.ndarray]


def filmed(task: Task, policy: Policy, seed: int) -> np.ndarray:
    """Return the frames of an episode, one for every decision."""
    env = tsreward.make(f"{task.env},frames={SIZE},action_repeat={task.action_repeat}")
    obs, info = env.reset(seed=seed)
    frames, ended = [info["frame"]], False
    while not ended:
        obs, _, _, ended, info = env.step(policy(_batched(obs))[0])
        frames.append(info["frame"])
    env.close()
    return np.stack(frames)


def _batched(obs: Any) -> Any:
    return {key: value[None] for key, value in obs.items()} if isinstance(obs, dict) else obs[None]


@cache
def shown(name: str) -> Shown:
    """Return what rewards of a task are learned from."""
    task = TASKS[name]
    space = tsreward.make(task.env).action_space
    random = [filmed(task, blind_policy("random", space, seed), seed) for seed in range(FILMS)]
    if name == "maze":
        return Shown([np.stack([goal_picture(task)] * 2)] * 2, random)
    expert, draw = scripted_policy(task.env), np.random.default_rng(0)

    def noisy(obs: Any) -> np.ndarray:
        actions = expert(obs)
        return np.clip(actions + draw.normal(0, NOISE, actions.shape), -1, 1).astype(np.float32)

    return Shown([filmed(task, noisy, seed) for seed in range(FILMS)], random)


def goal_picture(task: Task) -> np.ndarray:
    """Return the frame of the maze whose ball lies where the goal is."""
    env: Any = tsreward.make(f"{task.env},frames={SIZE}")
    obs, _ = env.reset(seed=0)
    env.unwrapped.point_env.set_state(obs["desired_goal"], np.zeros(2))
    return env.step(np.zeros(2, np.float32))[4]["frame"]


@dataclass(frozen=True)
class Reward:
    """What pays an agent: a model, and where it goes on learning, what teaches it."""

    model: tsreward.RewardModel | None = None
    learner: ActiveLearner | None = None
    explored: bool = False


def _pca(seen: Shown) -> tsreward.PixelPCA:
    encoder = tsreward.PixelPCA((SIZE, SIZE, 3), tsreward.PixelPCAOptions(dim=32, side=32))
    return encoder.fit([*seen.goal, *seen.random])


def _features(name: str) -> Literal["standardised", "raw"]:
    """Return how features are scaled: the moments of one picture say nothing."""
    return "raw" if name == "maze" else "standardised"


def _paid(scorer: Scorer, transform: Transform, encoder: Any, **more: Any) -> tsreward.RewardModel:
    mode = tsreward.Likeness(tsreward.LikenessOptions(transform=transform))
    return tsreward.RewardModel(scorer, mode, encoder, **more)


def clip(name: str, seed: int, window: int | None = None) -> Reward:
    """Return the likeness of the last frames, as many as an episode has, to the films."""
    seen = shown(name)
    window = TASKS[name].decisions if window is None else window
    options = tsreward.GoalVideoOptions(videos=FILMS, frames=min(8, window), features=_features(name))
    scorer = tsreward.GoalVideo(window, options)
    return Reward(_paid(scorer, "negative", _pca(seen)).fit(seen.goal))


def goal_frame(name: str, seed: int) -> Reward:
    """Return the likeness of the last frame to the last ones of the films."""
    return clip(name, seed, window=1)


def forward_backward(name: str, seed: int, transform: Transform = "negative") -> Reward:
    """Return how near the last frame of the films is, by what the agent has done."""
    options = tsreward.ForwardBackwardOptions(path_length=TASKS[name].decisions, features=_features(name))
    scorer = tsreward.ForwardBackward(2, options)
    return _active(_paid(scorer, transform, _pca(shown(name))), name, seed)


def fraction_passed(name: str, seed: int) -> Reward:
    """Return the fraction of the films that lies further from the goal than the last frame does, by the same scorer."""
    return forward_backward(name, seed, "p_value")


def both(name: str, seed: int) -> Reward:
    """Return the sum of the two, with equal weights."""
    steps = TASKS[name].decisions
    options = tsreward.GoalVideoAndFrameOptions(path_length=steps, videos=FILMS, frames=8)
    return _active(_paid(tsreward.GoalVideoAndFrame(steps, options), "negative", _pca(shown(name))), name, seed)


def least_squares(name: str, seed: int) -> Reward:
    """Return the likeness that goes on learning to tell the films from the agent."""
    scorer = scorer_preset("least_squares_sad").build(4)
    return _active(_paid(scorer, "least_squares", _pca(shown(name))), name, seed)


def _active(model: tsreward.RewardModel, name: str, seed: int) -> Reward:
    return Reward(model, ActiveLearner(model, shown(name).goal, ActiveLearnerOptions(seed=seed)))


@cache
def _video_model(name: str) -> tsreward.RewardModel:
    seen = shown(name)
    encoder = tsreward.VQTokenizer((SIZE, SIZE, 3), tsreward.VQOptions(grid=4, codes=128, epochs=12))
    encoder.fit([*seen.goal, *seen.random])
    scorer = tsreward.VideoLikelihood(4)
    return _paid(scorer, "auto", encoder).fit(
        seen.goal, probes=seen.random, options=TrainOptions(epochs=20, windows_per_epoch=2_000)
    )


def video_likelihood(name: str, seed: int) -> Reward:
    """Return the likelihood of the last frame after those before, by one model for all seeds, and a bonus."""
    return Reward(_video_model(name), explored=True)


ARMS: dict[str, Callable[[str, int], Reward] | None] = {
    "dense true reward": None,
    "sparse success": None,
    "clip": clip,
    "goal frame": goal_frame,
    "forward–backward": forward_backward,
    "forward–backward, p-value": fraction_passed,
    "clip + forward–backward": both,
    "video likelihood, RND": video_likelihood,
    "active least-squares SAD": least_squares,
}
IN_MAZE = ("sparse success", "goal frame", "forward–backward")
"""There is a picture of the goal, and no film."""


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = tuple(TASKS)
    arms: tuple[str, ...] = tuple(ARMS)
    seeds: tuple[int, ...] = (0, 1, 2)


class Successes(BaseCallback):
    """Notes of every episode of the training whether any of its steps reached the goal."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes: list[bool] = []
        self._reached = False

    def _on_step(self) -> bool:
        (info,), (done,) = self.locals["infos"], self.locals["dones"]
        self._reached |= bool(info["success"])
        if done:
            self.episodes.append(self._reached)
            self._reached = False
        return True


def run(name: str, arm: str, seed: int) -> dict[str, Any]:
    """Train one agent and return its record."""
    task, build = TASKS[name], ARMS[arm]
    if build is not None:
        shown(name)
    began = time.process_time()
    reward = Reward() if build is None else build(name, seed)
    prepared = time.process_time() - began
    agent = replace(SAC, action_repeat=task.action_repeat, steps=task.steps, seed=seed)
    sparse = ",sparse" if arm == "sparse success" and name != "maze" else ""
    successes, began = Successes(), time.process_time()
    bonus = None
    if reward.explored and reward.model is not None:
        bonus = RandomNetworkDistillation(reward.model.window, reward.model.scorer.dim, 0.1, seed=seed)
    train_agent(
        f"{task.env}{sparse}" if build is None else f"{task.env},frames={SIZE}",
        agent,
        reward.model,
        active=reward.learner,
        bonus=bonus,
        reward_obs="observation" if build is None else "frame",
        callbacks=[successes],
    )
    reached = np.array(successes.episodes, float)
    return {
        "task": name,
        "arm": arm,
        "seed": seed,
        "steps": task.steps,
        "success": round(float(reached[-round(LAST * len(reached)) :].mean()), 4),
        "curve": [round(float(part.mean()), 2) for part in np.array_split(reached, 10)],
        "episodes": len(reached),
        "prepare_cpu_seconds": round(prepared, 1),
        "cpu_seconds": round(time.process_time() - began, 1),
        "env": task.env,
        "agent": agent.to_json(),
        "reward": {} if reward.model is None else _described(reward),
        "along_films": None if reward.model is None or name == "maze" else _along_films(reward.model, name),
    }


def _along_films(model: tsreward.RewardModel, name: str) -> float:
    """Return the mean rank correlation of the reward, as it is in the end, with the place in a film of the expert."""
    found: list[float] = []
    for frames in shown(name).goal:
        earned = model.rate(model.score(frames)).reward.numpy()
        ranked: Any = spearmanr(earned, np.arange(len(earned)))
        found.append(ranked.statistic)
    return round(float(np.mean(found)), 3)


def _described(reward: Reward) -> dict[str, Any]:
    model, learner = reward.model, reward.learner
    assert model is not None
    parts = (model.encoder, model.scorer, model.mode)
    return {
        **{type(part).__name__: part.options.changed() for part in parts},
        "window": model.window,
        "active": None if learner is None else learner.options.to_json(),
    }


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "goal-video.json", ("task", "arm", "seed", "steps"))
    for seed in options.seeds:
        for name in options.tasks:
            for arm in options.arms:
                if name == "maze" and arm not in IN_MAZE:
                    continue
                if not records.has(task=name, arm=arm, seed=seed, steps=TASKS[name].steps):
                    record = run(name, arm, seed)
                    records.add(record)
                    told = ("task", "arm", "seed", "success", "curve", "prepare_cpu_seconds", "cpu_seconds")
                    print(*(record[key] for key in told), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
