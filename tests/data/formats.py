"""The same three episodes in every format that is read."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas
import pyarrow
from pyarrow import parquet

from tests.data.minari_sets import record
from tests.scripted import script
from tsreward.sequences.episodes import Episode

LENGTHS = (7, 3, 9)


def given(costs: bool = True) -> list[Episode]:
    """Return three episodes, of which the second was ended by the environment, with actions."""
    rng = np.random.default_rng(0)
    episodes = []
    for index, length in enumerate(LENGTHS):
        made = script(rng, length)
        actions = rng.normal(size=(length, 2)).astype(np.float32)
        episodes.append(Episode(made.obs, made.rewards, made.costs if costs else None, actions, index == 1))
    return episodes


def flat(following: bool = True) -> dict[str, np.ndarray]:
    """Return the arrays of D4RL."""
    episodes = given()
    last = np.concatenate([np.arange(length) == length - 1 for length in LENGTHS])
    ended = np.concatenate([np.full(len(one), one.terminated) for one in episodes])
    arrays = {
        "observations": np.concatenate([one.obs[:-1] for one in episodes]),
        "actions": np.concatenate([one.actions for one in episodes]),  # type: ignore[misc]
        "rewards": np.concatenate([one.rewards for one in episodes]),  # type: ignore[misc]
        "costs": np.concatenate([one.costs for one in episodes]),  # type: ignore[misc]
        "terminals": last & ended,
        "timeouts": last & ~ended,
    }
    if following:
        arrays["next_observations"] = np.concatenate([one.obs[1:] for one in episodes])
    return arrays


def as_npz(folder: Path) -> Path:
    np.savez(folder / "flat.npz", **flat())  # type: ignore[arg-type]
    return folder / "flat.npz"


def as_hdf5(folder: Path) -> Path:
    with h5py.File(folder / "flat.hdf5", "w") as file:
        for name, array in flat().items():
            file[name] = array
        file["infos/qpos"] = np.zeros((sum(LENGTHS), 5))
        file["metadata/algorithm"] = "walk"
        file["metadata/policy/weights"] = np.zeros((4, 4))
    return folder / "flat.hdf5"


def as_robomimic(folder: Path) -> Path:
    with h5py.File(folder / "demos.hdf5", "w") as file:
        for index, one in enumerate(given()):
            group = file.create_group(f"data/demo_{index}")
            group["obs/at"], group["next_obs/at"] = one.obs[:-1], one.obs[1:]
            group["actions"], group["rewards"], group["costs"] = one.actions, one.rewards, one.costs
            group["dones"] = (np.arange(len(one)) == len(one) - 1) & one.terminated
    return folder / "demos.hdf5"


def as_minari(folder: Path) -> Path:
    record("walk-v0", given())
    return Path("minari:walk-v0")


def frame(layout: str) -> pandas.DataFrame:
    """Return a table of rows: what was arrived at, or what was begun from and what came of it."""
    parts = []
    for index, one in enumerate(given()):
        names = ["x", "y", "z"]
        if layout == "arrival":
            part = pandas.DataFrame(one.obs[1:], columns=names)
        else:
            part = pandas.DataFrame(np.concatenate([one.obs[:-1], one.obs[1:]], axis=1))
            part.columns = [*names, *(f"next_{name}" for name in names)]
        part = part.assign(episode=f"run {index}", reward=one.rewards, cost=one.costs, step=range(len(one)))
        part["terminated"] = (np.arange(len(one)) == len(one) - 1) & one.terminated
        part["truncated"] = (np.arange(len(one)) == len(one) - 1) & (not one.terminated)
        assert one.actions is not None
        parts.append(part.assign(**{"action_0": one.actions[:, 0], "action_1": one.actions[:, 1]}))
    return pandas.concat(parts, ignore_index=True)


def as_csv(folder: Path) -> Path:
    frame("transition").to_csv(folder / "steps.csv", index=False)
    return folder / "steps.csv"


def as_parquet(folder: Path) -> Path:
    frame("transition").to_parquet(folder / "steps.parquet")
    return folder / "steps.parquet"


def as_folder(folder: Path) -> Path:
    (folder / "runs").mkdir()
    for name, part in frame("transition").groupby("episode"):
        part.to_csv(folder / "runs" / f"{name}.csv", index=False)
    return folder / "runs"


def lerobot(folder: Path, version: str = "v2.1", fixed: bool = False) -> Path:
    """Write a LeRobot folder, whose rows hold no last observation."""
    tables, at = [], 0
    for index, one in enumerate(given()):
        count = len(one)
        kind = pyarrow.list_(pyarrow.float32(), 3) if fixed else pyarrow.list_(pyarrow.float32())
        assert one.actions is not None
        columns = {
            "observation.state": pyarrow.array(list(one.obs[:-1]), kind),
            "action": pyarrow.array(list(one.actions), pyarrow.list_(pyarrow.float32())),
            "next.reward": pyarrow.array(one.rewards),
            "next.done": pyarrow.array(np.arange(count) == count - 1),
            "timestamp": pyarrow.array(np.arange(count) / 10),
            "frame_index": pyarrow.array(np.arange(count)),
            "episode_index": pyarrow.array(np.full(count, index)),
            "index": pyarrow.array(np.arange(at, at + count)),
            "task_index": pyarrow.array(np.zeros(count, int)),
        }
        tables.append(pyarrow.table(columns))
        at += count
    root = folder / version
    (root / "meta").mkdir(parents=True)
    (root / "data" / "chunk-000").mkdir(parents=True)
    info = {"codebase_version": version, "total_episodes": 3, "total_frames": at, "fps": 10}
    info["features"] = {"observation.state": {"dtype": "float32", "shape": [3], "names": None}}  # type: ignore[assignment]
    (root / "meta" / "info.json").write_text(json.dumps(info))
    if version.startswith("v3"):
        parquet.write_table(pyarrow.concat_tables(tables), root / "data" / "chunk-000" / "file-000.parquet")
    else:
        for index, table in enumerate(tables):
            parquet.write_table(table, root / "data" / "chunk-000" / f"episode_{index:06d}.parquet")
    return root


WHOLE = [as_npz, as_hdf5, as_robomimic, as_minari, as_csv, as_parquet, as_folder]
