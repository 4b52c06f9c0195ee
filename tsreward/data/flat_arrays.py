"""Arrays of rows, as D4RL and others keep them in NPZ and HDF5 files, and groups of arrays of one episode each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import ANY_DATA, DataColumns
from tsreward.data.episodes import is_episodes, read_episode_arrays
from tsreward.data.hdf5 import Hdf5Arrays, open_hdf5
from tsreward.data.roles import Roles, find_roles
from tsreward.data.rows import Reading, RowData, read_rows
from tsreward.data.stacked_arrays import Stack, is_stacked, read_stack
from tsreward.errors import DataError, OptionError
from tsreward.files import natural_key
from tsreward.options import flag
from tsreward.sequences.episodes import Episode

_GROUP = re.compile(r"^(?P<group>(?:.*/)?(?:episode|demo|traj|trajectory)_?\d+)/(?P<name>.+)$")


@dataclass(frozen=True)
class Arrays:
    """Arrays of a file by name, each of which is read when it is wanted."""

    where: object
    names: Sequence[str]
    read: Callable[[str], np.ndarray]
    shape: Callable[[str], tuple[int, ...]]

    @classmethod
    def of(cls, where: object, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """Return arrays that are read already."""
        return cls(where, [*arrays], arrays.__getitem__, lambda name: arrays[name].shape)

    @classmethod
    def of_group(cls, file: Hdf5Arrays, group: str, names: Sequence[str]) -> Arrays:
        """Return the arrays of a group of an open file, "" for all of it."""
        prefix = f"{group}/" if group else ""
        where = f"{file.path}, '{group}'" if group else file.path
        return cls(where, names, lambda name: file.read(prefix + name), lambda name: file.shape(prefix + name))


def is_flat(names: Sequence[str]) -> bool:
    """Tell whether arrays of these names are parts of the same rows, and not series of their own.

    >>> is_flat(["observations", "rewards"]), is_flat(["pump", "valve"]), is_flat(["obs"])
    (True, False, False)
    """
    if len(names) < 2:
        return False
    try:
        roles = find_roles("", names, DataColumns(), arrays=True)
    except DataError:
        return False
    return bool(roles.next_obs or roles.actions or roles.reward or roles.cost or roles.label or roles.has_episodes)


def read_npz(path: Path, columns: DataColumns) -> tuple[Sequence[str], Reading]:
    """Return what was decided about the arrays of an NPZ or NPY file, and its episodes.

    Those of `save_episodes` are episodes as they are; arrays that are parts of the same rows (`is_flat`), or whose
    parts the options name, are rows; else each array [T, D] is one series, which is read as a table is.

    Raises:
        DataError: the file is damaged, or the arrays are none of these.
    """
    arrays = read_arrays(path)
    if not arrays:
        raise DataError(f"{path} holds no array.")
    if is_episodes(arrays):
        if columns.named:
            named = ", ".join(map(flag, sorted(columns.changed().keys() - ANY_DATA)))
            raise OptionError(
                f"{path} has no named columns: only a table has a label column, columns to ignore and so on, and this "
                f"holds whole episodes: leave {named} out."
            )
        if "costs" in arrays and arrays["costs"].ndim:
            arrays["costs"] = columns.recorded_costs(arrays["costs"], f"{path}: 'costs'")
        return (), read_episode_arrays(arrays, path, columns.skip_bad_episodes)
    if columns.stacked is not None and len(arrays) == 1:
        arrays = _unstacked(path, arrays, columns)
        columns = replace(columns, stacked=None)
    if columns.named and len(arrays) == 1:
        raise DataError(f"{path} has no named columns: only a table, or a file of several arrays, has them.")
    if columns.named or is_flat([*arrays]):
        return read_flat(Arrays.of(path, arrays), columns)
    reading = Reading()
    for name, array in arrays.items():
        reading.add(name, partial(_series, array, f"{path}, array '{name}',"), columns.skip_bad_episodes)
    return (), reading.finish(path)


def _series(array: np.ndarray, where: str) -> Episode:
    """Return an array [T, D] as an episode; `where` names it in errors."""
    if array.ndim != 2 or 0 in array.shape:
        remedy = ": if it holds one series in each row, say --stacked episodes" if array.ndim == 3 else ""
        raise DataError(f"{where} must be [T, D], one row per time step, found shape {list(array.shape)}{remedy}.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{where}: row {row + 1}, column {column + 1} must be a finite number, found {array[row, column]}: fill or "
            f"drop the row."
        )
    return Episode(np.concatenate([array[:1], array]))


def _unstacked(path: Path, arrays: dict[str, np.ndarray], columns: DataColumns) -> dict[str, np.ndarray]:
    """Return the series of the one array of a file by names."""
    ((name, array),) = arrays.items()
    if array.ndim != 3:
        raise DataError(f"{path}: --stacked wants an array [E, T, D], found {list(array.shape)}: leave it out.")
    parts = array.swapaxes(0, 1) if columns.stacked == "steps" else array
    return {f"{name}[{index}]": part for index, part in enumerate(parts)}


def read_hdf5(path: Path, columns: DataColumns) -> tuple[Sequence[str], Reading]:
    """Return what was decided about the arrays of an HDF5 file, and its episodes.

    Raises:
        DataError: the file is damaged or reads other files (`open_hdf5`), or the arrays do not fit together.
        MissingExtraError: h5py is not installed.
    """
    with open_hdf5(path) as file:
        groups = groups_of(file.names)
        if not groups:
            return read_flat(Arrays.of_group(file, "", file.names), columns)
        whole, decided = Reading(), []
        for group, names in groups.items():
            read = Arrays.of_group(file, group, names)

            def make(read: Arrays = read) -> Reading:
                nonlocal decided
                decided, reading = read_flat(read, columns)
                return reading

            whole.join(group, make, columns.skip_bad_episodes)
        return decided, whole.finish(path)


def groups_of(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of arrays in every group of one episode, in natural order; empty where there are no such groups.

    >>> groups_of(["data/demo_10/obs/at", "data/demo_9/actions", "mask/train"])
    {'data/demo_9': ['actions'], 'data/demo_10': ['obs/at']}
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        if found := _GROUP.match(name):
            groups.setdefault(found["group"], []).append(found["name"])
    return {group: groups[group] for group in sorted(groups, key=natural_key)}


def episode_arrays(arrays: Arrays, columns: DataColumns) -> tuple[Roles, Sequence[Arrays], Stack | None]:
    """Return the roles of arrays, those of every episode where they are stacked, and how they are stacked.

    Raises:
        DataError: no observations among them, or nothing says how they are stacked.
        OptionError: options that are about tables.
    """
    roles = find_roles(arrays.where, arrays.names, columns, arrays=True)
    if wrong := [name for name in ("time", "label_intervals") if getattr(columns, name) is not None]:
        raise OptionError(f"{arrays.where} holds arrays, and {flag(wrong[0])} is about tables: leave it out.")
    if not is_stacked(arrays.shape, roles, columns.stacked):
        return roles, (arrays,), None
    stack = read_stack(arrays.where, arrays.names, arrays.read, roles, columns.stacked)
    roles = replace(roles, episode=None, actions=tuple(name for name in roles.actions if name in stack.arrays))
    names = range(len(stack.lengths))
    return roles, [Arrays.of(f"{arrays.where}, episode {name}", stack.episode(name)) for name in names], stack


def rows_of(arrays: Arrays, roles: Roles, columns: DataColumns) -> RowData:
    """Return arrays of N rows each by their roles, without costs.

    Raises:
        DataError: values of other kinds.
    """
    return _rows(arrays, roles, columns, False)


def read_flat(arrays: Arrays, columns: DataColumns) -> tuple[Sequence[str], Reading]:
    """Return what was decided about arrays of N rows each, and their episodes.

    Raises:
        DataError: no observations among them, other lengths, values of other kinds, or an episode that cannot be used.
    """
    roles, parts, stack = episode_arrays(arrays, columns)
    if stack is None:
        rows = _rows(arrays, roles, columns, True)
        return roles.described, read_rows(arrays.where, rows, columns.skip_bad_episodes)
    whole = Reading()
    for index, part in enumerate(parts):

        def make(part: Arrays = part) -> Reading:
            return read_rows(part.where, _rows(part, roles, columns, True), columns.skip_bad_episodes)

        whole.join(index, make, columns.skip_bad_episodes)
    return (*roles.described, stack.decided), whole.finish(arrays.where)


def _rows(arrays: Arrays, roles: Roles, columns: DataColumns, with_costs: bool) -> RowData:
    def single(name: str | None) -> np.ndarray | None:
        return None if name is None else _column(arrays, name)

    def flags(names: Sequence[str]) -> np.ndarray | None:
        return np.logical_or.reduce([_flags(arrays, name) for name in names]) if names else None

    costs = None
    if roles.label is not None:
        costs = (_flags(arrays, roles.label) ^ columns.means_normal(roles.label)).astype(np.float64)
    if with_costs and roles.cost is not None and (costs is None or roles.prefers_cost):
        costs = columns.recorded_costs(_costs(arrays, roles.cost), f"{arrays.where}: '{roles.cost}'")
    return RowData(
        obs=_joined(arrays, roles.obs),
        layout=roles.layout,
        next_obs=_joined(arrays, roles.next_obs) if roles.next_obs else None,
        rewards=single(roles.reward),
        costs=costs,
        actions=_joined(arrays, roles.actions) if roles.actions else None,
        episode=None if roles.episode is None else _flat(arrays.read(roles.episode), arrays, roles.episode),
        step=single(roles.step),
        terminals=flags(roles.terminals),
        timeouts=flags(roles.timeouts),
        ends=flags(roles.ends),
        steps=roles.steps,
    )


def _joined(arrays: Arrays, names: Sequence[str]) -> np.ndarray:
    """Return one array as it is, [N, *obs], or several side by side, [N, D]."""
    parts = [_numbers(arrays.read(name), arrays, name) for name in names]
    if len({len(part) for part in parts}) > 1:
        found = ", ".join(f"{name} {list(part.shape)}" for name, part in zip(names, parts, strict=True))
        raise DataError(f"{arrays.where}: what is observed has other lengths: {found}: choose with --obs.")
    if len(parts) == 1:
        return parts[0] if parts[0].ndim > 1 else parts[0][:, None]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _numbers(values: np.ndarray, arrays: Arrays, name: str) -> np.ndarray:
    if values.dtype.kind not in "biuf" or values.ndim < 1 or 0 in values.shape:
        raise DataError(
            f"{arrays.where}: '{name}' must hold numbers [N, ...], one row per step, found {values.dtype} "
            f"{list(values.shape)}: leave it out with --ignore, or name what is observed with --obs."
        )
    return values


def _flat(values: np.ndarray, arrays: Arrays, name: str) -> np.ndarray:
    """Return [N], of [N] or [N, 1]."""
    if values.ndim < 1 or values.size != len(values):
        raise DataError(
            f"{arrays.where}: '{name}' must hold one value per row, found shape {list(values.shape)}: name another, or "
            f"leave it out with --ignore."
        )
    return values.reshape(len(values))


def _column(arrays: Arrays, name: str) -> np.ndarray:
    values = _flat(_numbers(arrays.read(name), arrays, name), arrays, name)
    return values.astype(np.float64) if values.dtype.kind != "f" else values


def _costs(arrays: Arrays, name: str) -> np.ndarray:
    """Return [N], or [N, n] of several costs in each row."""
    values = _numbers(arrays.read(name), arrays, name)
    values = values.astype(np.float64) if values.dtype.kind != "f" else values
    return values.reshape(len(values)) if values.size == len(values) else values.reshape(len(values), -1)


def _flags(arrays: Arrays, name: str) -> np.ndarray:
    values = _column(arrays, name)
    if (wrong := (values != 0) & (values != 1)).any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{arrays.where}: row {row + 1} of '{name}' must be 0 or 1, found {values[row]:g}: convert it, or leave it "
            f"out with --ignore."
        )
    return values.astype(bool)
