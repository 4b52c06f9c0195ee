"""How far DreamerV3 comes on cartpole-balance from 64×64 pixels and a learned reward, decision by decision.

    python -m benchmarks.dreamer --steps 20000

The expert is a linear controller that is filmed. Frames become tokens, and the reward is the likelihood of a frame
under a causal transformer (VIPER), frozen, on a scale measured on blind policies and on their states held still. The
agent sees the same frames. Needs the extra `dreamer`. A record is added after every `every` decisions.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

import tsreward
from benchmarks.records import RESULTS, Records
from tsreward.envs.blind_policies import BLIND, Policy, blind_policy
from tsreward.files import write_atomic
from tsreward.recipes.dreamer import DreamerOptions, LoggedEpisode, read_episodes, run
from tsreward.sb3.playing import play
from tsreward.sequences.probes import probe_windows
from tsreward.sequences.windows import WindowSet

ENV, REPEAT, SIZE, WINDOW = "dmc/cartpole-balance", 4, 64, 4
AGENT = DreamerOptions(
    f"{ENV}:pixels={SIZE}",
    steps=20_000,
    num_envs=1,
    action_repeat=REPEAT,
    replay_ratio=0.25,
    sequence_length=32,
    batch_size=8,
    learning_starts=1_000,
    learning_rate=3e-4,
    checkpoint_every=2_000,
)
LATEST = 4
"""Episodes of the training whose mean return is recorded."""


@dataclass(frozen=True)
class Options:
    """What to run."""

    reward: Literal["video likelihood", "true"] = "video likelihood"
    steps: int = AGENT.steps
    seed: int = 0
    every: int = 1_000
    """Decisions between two records."""
    folder: Path = Path(__file__).parent / "cache" / "dreamer"
    """Where the model of the reward and the files of the agent lie."""


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def filmed(policy: Policy, seeds: range) -> tuple[list[np.ndarray], float]:
    """Return (frames [T + 1, SIZE, SIZE, 3] of one episode a seed, their mean return)."""
    played = play(ENV, policy, seeds, REPEAT)
    return [tsreward.render_states(ENV, one.states, SIZE) for one in played if one.states is not None], float(
        np.mean([p.total for p in played])
    )


def learned(path: Path, epochs: int = 8) -> dict[str, float]:
    """Write the reward model; return the mean returns of expert and random actions, and what both are paid a step."""
    space = tsreward.make(ENV).action_space
    expert, expert_return = filmed(balance, range(12))
    random, random_return = filmed(blind_policy("random", space, 0), range(100, 106))
    blind = [frames for name in BLIND for frames in filmed(blind_policy(name, space, 0), range(200, 202))[0]]
    tokenizer = tsreward.VQTokenizer((SIZE, SIZE, 3), tsreward.VQOptions(codes=128, epochs=epochs))
    tokenizer.fit([*expert[:6], *random[:4]])
    model = tsreward.RewardModel(tsreward.VideoLikelihood(window=WINDOW), tsreward.Likeness("auto"), tokenizer)
    windows = WindowSet.from_episodes(blind, WINDOW)
    probes = WindowSet.concat([windows, probe_windows(windows, 512, 0)["held"]])
    budget = tsreward.TrainOptions(epochs=epochs, batch_size=64, windows_per_epoch=3_200)
    model.fit(expert[:8], options=budget, probes=probes)
    paid = {
        name: float(
            np.mean([step.reward.mean() for step in tsreward.relabel(model, list(map(tsreward.Episode, shown)))])
        )
        for name, shown in (("expert", expert[8:]), ("random", random[4:]))
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {"expert_return": expert_return, "random_return": random_return}
    known |= {f"{name}_paid": reward for name, reward in paid.items()}
    write_atomic(path.with_suffix(".json"), json.dumps(known).encode())
    tsreward.save(model, path)
    return known


def main(options: Options) -> None:
    torch.set_num_threads(1)
    model = options.folder / "video-likelihood.safetensors"
    known = json.loads(model.with_suffix(".json").read_text()) if model.exists() else learned(model)
    print(known, flush=True)
    records = Records(RESULTS / "dreamer.json", ("reward", "seed", "decisions"))
    agent = replace(AGENT, model=None if options.reward == "true" else model, steps=options.steps, seed=options.seed)
    folder = options.folder / f"{options.reward.replace(' ', '-')}-{options.seed}"
    began, done = time.monotonic(), 0

    def record(decisions: int, episodes: list[LoggedEpisode], kind: str) -> None:
        mean = float(np.mean([one.true_return for one in episodes]))
        fraction = (mean - known["random_return"]) / (known["expert_return"] - known["random_return"])
        row: dict[str, Any] = {
            "reward": options.reward,
            "seed": options.seed,
            "decisions": decisions,
            "episodes": kind,
            "return": mean,
            "learned_return": float(np.mean([one.learned_return for one in episodes])),
            "fraction_of_expert": mean / known["expert_return"],
            "normalised_return": fraction,
            "seconds": round(time.monotonic() - began),
            **known,
            "agent": {name: value for name, value in agent.to_json().items() if name != "model"},
        }
        records.add(row)
        print(decisions, round(mean, 1), row["seconds"], flush=True)

    def report(decisions: int, total: int) -> None:
        nonlocal done
        if decisions >= done + options.every:
            done = decisions
            record(
                decisions, read_episodes(folder / "sheeprl" / "episodes.jsonl")[-LATEST:], f"last {LATEST} of training"
            )

    result = run(agent, folder, lambda name: report if name == "agent" else lambda *_: None)
    record(options.steps, result.evaluation, "evaluation")


if __name__ == "__main__":
    main(tyro.cli(Options))
