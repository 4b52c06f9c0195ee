"""What a reward from 64×64 frames costs: steps per second with and without it, and frames per second in bulk.

    python -m benchmarks.pixels

walker-walk, every action held four times, random actions. Rounds of the arms alternate, so that a change of the
machine's speed meets all of them; medians are reported. In bulk, 100 episodes are drawn again from their states.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import tyro

import tsreward
from benchmarks.records import RESULTS, commit, device
from tsreward.encoders.base import Encoder
from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions
from tsreward.scorers.presets import scorer_preset

ENV, REPEAT, SIZE, WINDOW = "dmc/walker-walk", 4, 64, 4


@dataclass(frozen=True)
class Options:
    """How long to measure."""

    steps: int = 500
    """Decisions in one round of one arm."""
    rounds: int = 5
    episodes: int = 100
    """Episodes in bulk."""
    out: Path = RESULTS / "pixels.json"


def main(options: Options) -> None:
    torch.set_num_threads(1)
    frames, states = film(4)
    models = {name: fitted(encoder, frames) for name, encoder in encoders(frames).items()}
    arms: dict[str, Callable[[], gymnasium.Env]] = {"sensors": sensors, "frames": filmed}
    arms |= {f"frames, {name}": lambda model=model: rewarded(model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    envs = {name: make() for name, make in arms.items()}
    for env in envs.values():
        walk(env, 20)
    for _ in range(options.rounds):
        for name, env in envs.items():
            seconds[name].append(walk(env, options.steps))
    content = {
        "device": device(),
        "commit": commit(),
        "versions": installed_versions(),
        "steps": [
            {"arm": name, "steps_per_second": round(options.steps / statistics.median(taken), 1)}
            for name, taken in seconds.items()
        ],
        "bulk": bulk(models, states, options.episodes),
    }
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())
    print(json.dumps(content["steps"] + [content["bulk"]], indent=1))


def sensors() -> gymnasium.Env:
    """Return the environment that draws nothing."""
    return tsreward.make(ENV, action_repeat=REPEAT)


def filmed() -> gymnasium.Env:
    """Return the environment whose observations are frames."""
    return tsreward.make(ENV, action_repeat=REPEAT, pixels=SIZE)


def rewarded(model: tsreward.RewardModel) -> gymnasium.Env:
    """Return the same under a learned reward."""
    return tsreward.LearnedReward(filmed(), model)


def encoders(frames: list[np.ndarray]) -> dict[str, Encoder]:
    """Return name -> encoder, fitted where it has to be."""
    components = tsreward.PixelPCA(frames[0].shape[1:])
    components.fit(frames)
    return {"pixel PCA": components, "random convolution": tsreward.ConvEncoder(frames[0].shape[1:])}


def fitted(encoder: Encoder, frames: list[np.ndarray]) -> tsreward.RewardModel:
    """Return a likeness model of these frames."""
    model = tsreward.RewardModel(scorer_preset("deep_svdd").build(WINDOW), tsreward.Likeness(), encoder)
    model.fit(frames, options=tsreward.TrainOptions(epochs=2))
    return model


def film(episodes: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return (frames [T + 1, SIZE, SIZE, 3], states [T + 1, S]) of episodes of random actions."""
    env, states = sensors(), []
    env.action_space.seed(0)
    for seed in range(episodes):
        _, info = env.reset(seed=seed)
        seen, done = [info["physics_state"]], False
        while not done:
            *_, done, info = env.step(env.action_space.sample())
            seen.append(info["physics_state"])
        states.append(np.stack(seen))
    return [tsreward.render_states(ENV, each, SIZE) for each in states], states


def walk(env: gymnasium.Env, steps: int) -> float:
    """Return the seconds that this many decisions take."""
    env.action_space.seed(0)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(steps)]
    began = time.perf_counter()
    for action in actions:
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return time.perf_counter() - began


def bulk(models: dict[str, tsreward.RewardModel], states: list[np.ndarray], episodes: int) -> dict[str, Any]:
    """Return frames per second of drawing and of every model, which encodes and scores what was drawn."""
    shown = [states[index % len(states)] for index in range(episodes)]
    began = time.perf_counter()
    frames = [tsreward.render_states(ENV, each, SIZE) for each in shown]
    count = sum(map(len, frames))
    rates = {"drawing": round(count / (time.perf_counter() - began))}
    for name, model in models.items():
        began = time.perf_counter()
        tsreward.relabel(model, [tsreward.Episode(each) for each in frames])
        rates[name] = round(count / (time.perf_counter() - began))
    return {"episodes": episodes, "frames": count, "frames_per_second": rates}


if __name__ == "__main__":
    main(tyro.cli(Options))
