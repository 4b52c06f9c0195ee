"""The zoo: small fitted models in a folder of their own, each with what it was fitted on, its audit and its digest.

    python -m benchmarks.zoo                             # all that are not there yet
    python -m benchmarks.zoo --names hopper-velocity     # one, anew
    python -m benchmarks.zoo --data ../shared/data       # where the public logs lie

A safety penalty is fitted on the episodes of an agent that learns without it, and audited on later ones; a reward of a
log set on its normal part, and audited on held-out normal rows against rows with a label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro

from benchmarks.records import commit
from tsreward.audit.auditing import audit_reward
from tsreward.encoders.base import Identity
from tsreward.files import write_atomic
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.fitting import fit_reward
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty
from tsreward.sb3.training import AgentOptions, train_agent
from tsreward.scorers.deep_svdd import DeepSVDDOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.presets import ScorerPreset
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

WINDOW, LARGEST = 4, 200_000
_SMALL = ScorerPreset("deep_svdd", DeepSVDDOptions(hidden=64), negative=True)


@dataclass(frozen=True)
class Options:
    """What to fit, and where it goes."""

    names: tuple[str, ...] = ()
    """Models to fit anew; none are all that are not there yet."""
    out: Path = Path(__file__).parent.parent / "zoo"
    data: Path = Path("../shared/data")
    """Folder of the public logs."""
    seed: int = 0


class Made(NamedTuple):
    """A fitted model, what it was fitted on, and the good and bad episodes that it is audited with."""

    model: RewardModel
    told: dict[str, Any]
    good: list[Episode]
    bad: list[Episode]


def safety(env: str, steps: int) -> Callable[[Options], Made]:
    """Return how a penalty for an environment with costs is made."""

    def make(options: Options) -> Made:
        agent = AgentOptions(steps=steps, seed=options.seed)
        episodes = train_agent(env, agent, needs_cost=True).record.all_episodes()
        learned, held = episodes[0::2], episodes[1::2]
        encoder = Identity(episodes[0].obs.shape[1:])
        model = fit_reward(learned, WINDOW, _SMALL, Penalty(), encoder, TrainOptions(seed=options.seed)).model
        ordered = sorted(held, key=lambda one: float((np.asarray(one.costs) > 0).mean()))
        half = len(ordered) // 2
        data = f"every second of {len(episodes)} episodes of a PPO agent that learned for {steps:,} steps without it"
        return Made(model, {"env": env, "data": data}, ordered[:half], ordered[half:])

    return make


def log(name: str, read: Callable[[Path], tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Callable[[Options], Made]:
    """Return how a reward of a log set is made; `read` gives training rows, test rows and their labels."""

    def make(options: Options) -> Made:
        train, test, label = read(options.data)
        pieces = np.array_split(train.astype(np.float32), 40)
        model = RewardModel(Mahalanobis(WINDOW), Likeness())
        model.fit(pieces[:32], options=TrainOptions(seed=options.seed))
        edges = np.flatnonzero(np.diff(np.r_[0, label > 0, 0]))
        spans = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > WINDOW]
        bad = [Episode(test[span].astype(np.float32)) for span in spans]
        rows = sum(map(len, pieces[:32]))
        data = f"{name}: the first four fifths of its training rows, {rows:,} of {train.shape[1]} columns"
        return Made(model, {"data": data}, [Episode(piece) for piece in pieces[32:]], bad)

    return make


def smd(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder = data / "smd" / "ServerMachineDataset"
    parts = (np.loadtxt(folder / part / "machine-1-2.txt", delimiter=",") for part in ("train", "test", "test_label"))
    train, test, label = parts
    return train, test, label


def asd(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(data / "asd" / "omi-1.npz") as held:
        return held["train"], held["test"], held["label"]


ZOO: dict[str, Callable[[Options], Made]] = {
    "hopper-velocity": safety("SafetyHopperVelocity-v1", 40_960),
    "point-circle": safety("SafetyPointCircle1-v0", 20_480),
    "point-goal": safety("SafetyPointGoal1-v0", 20_480),
    "server-machine": log("Server Machine Dataset, machine-1-2", smd),
    "application-server": log("Application Server Dataset, omi-1", asd),
}


def main(options: Options) -> None:
    torch.set_num_threads(1)
    listing = options.out / "zoo.json"
    listed = json.loads(listing.read_text()) if listing.exists() else {}
    options.out.mkdir(exist_ok=True)
    for name in options.names or [name for name in ZOO if name not in listed]:
        made = ZOO[name](options)
        audit = audit_reward(made.model, made.good, made.bad, seed=options.seed).to_json()
        short = {key: audit[key] for key in ("verdict", "reasons")} | {
            "warnings": [one["code"] for one in audit["warnings"]]
        }
        told = made.told | {"seed": options.seed, "commit": commit(), "audit": short}
        path = options.out / f"{name}.safetensors"
        save(made.model, path, told)
        data = path.read_bytes()
        if len(data) > LARGEST:
            raise RuntimeError(f"{path} has {len(data):,} bytes, more than {LARGEST:,}")
        listed[name] = told | {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        write_atomic(listing, (json.dumps(dict(sorted(listed.items())), indent=1) + "\n").encode())
        print(name, len(data), short["verdict"], *short["reasons"], sep=" | ", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
