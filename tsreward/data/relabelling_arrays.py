"""NPZ and HDF5 files with the rewards of a model, all other arrays as they were."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import arrays_of, is_episodes, read_episode_arrays
from tsreward.data.flat_arrays import Arrays, episode_arrays, groups_of, rows_of
from tsreward.data.hdf5 import import_h5py, open_hdf5
from tsreward.data.relabelled import Relabelled, check_fit, check_paid, relabel_rows
from tsreward.data.roles import Roles
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.relabel import relabel

ORIGINALS = "original_rewards"


def relabel_npz(
    model: RewardModel, source: Path, target: Path, columns: DataColumns, note: dict[str, Any]
) -> Relabelled:
    """Write the arrays of a file with other rewards; those of the environment become original_rewards.

    Raises:
        DataError: the file is damaged, or holds no rows of episodes.
        ShapeError, OptionError: the model and the data do not belong together.
    """
    arrays = read_arrays(source)
    arrays.pop("metadata", None)
    if not is_episodes(arrays):
        done, changed = _relabel_flat(model, Arrays.of(source, arrays), columns)
        arrays |= changed
    elif columns.named:
        raise OptionError(f"{source} has no columns: it holds whole episodes, and options are about columns of rows.")
    else:
        if ORIGINALS in arrays:
            arrays["rewards"] = arrays.pop(ORIGINALS)
        done = _relabel_episodes(model, arrays, source, columns)
    arrays["metadata"] = np.frombuffer(json.dumps(note | done.marks(), sort_keys=True).encode("ascii"), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(target, buffer.getvalue())
    return done


def _relabel_episodes(
    model: RewardModel, arrays: dict[str, np.ndarray], source: Path, columns: DataColumns
) -> Relabelled:
    """Put other rewards into the arrays of `save_episodes`."""
    reading = read_episode_arrays(arrays, source, columns.skip_bad_episodes)
    episodes = [model.in_order(episode, str(source), columns.frames) for episode in reading.episodes]
    check_fit(model, episodes[0].obs.shape[1:], source)
    check_paid(model, "rewards" in arrays, source)
    if reading.skipped:
        if more := arrays.keys() - arrays_of(reading.episodes).keys():
            raise OptionError(
                f"{source} holds {', '.join(sorted(more))} beside the episodes, from which none can be left out: leave "
                f"out --skip-bad-episodes, and drop the episodes yourself."
            )
        arrays |= arrays_of(reading.episodes)
    paid = arrays.get("rewards")
    earned = relabel(model, episodes)
    arrays["rewards"] = np.concatenate([steps.reward.numpy() for steps in earned])
    done = Relabelled(len(episodes), original_reward=None if paid is None else 0.0, skipped=reading.skipped)
    done.add(arrays["rewards"], np.concatenate([steps.is_anomaly.numpy() for steps in earned]), paid)
    if paid is not None:
        arrays[ORIGINALS] = paid
    return done


def relabel_hdf5(
    model: RewardModel, source: Path, target: Path, columns: DataColumns, note: dict[str, Any]
) -> Relabelled:
    """Write a copy of a file with other rewards; those of the environment become original_rewards.

    Raises:
        DataError: the file is damaged or reads other files, or holds no rows of episodes.
        ShapeError, OptionError: the model and the data do not belong together.
        MissingExtraError: h5py is not installed.
    """
    h5py = import_h5py()
    done, changes = Relabelled(), dict[str, np.ndarray]()
    with open_hdf5(source) as file:
        groups = groups_of(file.names) or {"": list(file.names)}
        for group, names in groups.items():
            prefix = f"{group}/" if group else ""
            part, changed = _relabel_flat(model, Arrays.of_group(file, group, names), columns)
            done.join(part)
            changes |= {prefix + name: values for name, values in changed.items()}
    written = io.BytesIO(source.read_bytes())
    with h5py.File(written, "r+") as copy:
        for name, values in changes.items():
            if name in copy:
                del copy[name]
            copy[name] = values
        copy.attrs["tsreward"] = json.dumps(note | done.marks(), sort_keys=True)
    write_atomic(target, written.getvalue())
    return done


def _relabel_flat(model: RewardModel, arrays: Arrays, columns: DataColumns) -> tuple[Relabelled, dict[str, np.ndarray]]:
    """Return the sums, and the arrays that change."""
    if columns.skip_bad_episodes:
        raise OptionError(
            f"{arrays.where} holds arrays beside each other, from which no episode can be left out when they are "
            f"written: leave out --skip-bad-episodes, and drop the episodes yourself."
        )
    roles, parts, stack = episode_arrays(arrays, columns)
    decided = roles.described if stack is None else (*roles.described, stack.decided)
    done = Relabelled(original_reward=None if roles.reward is None else 0.0, decided=decided)
    monitor = Monitor(model, str(arrays.where))
    earned = [_earned(model, part, roles, columns, done, monitor) for part in parts]
    monitor.finish()
    name = _written(roles, columns, arrays.names)
    changed = {name: earned[0] if stack is None else stack.put_together(earned)}
    if roles.reward is not None:
        paid = rows_of(arrays, roles, columns).rewards if stack is None else arrays.read(roles.reward)
        assert paid is not None
        changed[name.rpartition("/")[0] + "/" * ("/" in name) + ORIGINALS] = paid
    return done, changed


def _earned(
    model: RewardModel, arrays: Arrays, roles: Roles, columns: DataColumns, done: Relabelled, monitor: Monitor
) -> np.ndarray:
    """Return the rewards [N] of rows; the sums go to `done`."""
    rows = rows_of(arrays, roles, columns)
    if (layout := columns.frames) is not None:
        after = None if rows.next_obs is None else layout.frames_of(rows.next_obs)
        rows = replace(rows, obs=layout.frames_of(rows.obs), next_obs=after)
    return relabel_rows(model, arrays.where, rows, False, done, monitor)[0]


def _written(roles: Roles, columns: DataColumns, names: Any) -> str:
    """Return the array that learned rewards are written to."""
    if columns.reward is not None:
        return columns.reward
    if roles.reward is not None and "original" not in roles.reward:
        return roles.reward
    return next((name for name in ("rewards", "reward") if name in names), "rewards")
