"""Minari datasets as episodes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.columns import ANY_DATA, RULES, DataColumns
from tsreward.data.hdf5 import open_hdf5
from tsreward.data.observations import flat_observations
from tsreward.data.rows import Reading, check_finite
from tsreward.errors import DataError, OptionError, TSRewardError, missing_extra
from tsreward.options import flag
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode

PREFIX = "minari:"
"""What stands before the id or the folder of a Minari dataset on the command line."""
ORIGINAL = "original_reward"
"""The key of `infos` that holds the environment's reward after relabelling."""
_ID = re.compile(r"(?!.*//)(?:[-\w][-\w/]*[-\w]/)?[-\w]+-v\d+", re.ASCII)


def is_minari(path: Path) -> bool:
    """Tell whether a path of the command line names a Minari dataset: minari:ID or minari:./FOLDER."""
    return str(path).startswith(PREFIX)


def minari_source(path: Path) -> str:
    """Return the id or the folder of a Minari dataset.

    >>> minari_source(Path("minari:mujoco/hopper/expert-v0"))
    'mujoco/hopper/expert-v0'
    """
    return str(path).removeprefix(PREFIX)


def load_minari(source: str | Path) -> list[Episode]:
    """Return the episodes of a local Minari dataset: observations [T + 1, *obs], images too, and rewards [T].

    `source` is a dataset's id, or its folder: a Path, or text that begins with /, ./, ../ or ~. Nothing is downloaded
    and no environment is made. Costs are those of `infos` [T + 1] (`CostReader`), without entry 0, which belongs to the
    reset. Actions are kept where they are one array. All episodes are in memory: `MinariSource` gives them one by one.

    Observations of Dict and Tuple spaces stand side by side, [T + 1, D], as with FlattenObservation.

    Raises:
        DataError: there is no such dataset, it is damaged or empty, an episode is missing, or it holds NaN or inf.
        ShapeError: observations that are no numbers.
        MissingExtraError: minari is not installed.
    """
    return read_minari(source).episodes


def read_minari(source: str | Path, columns: DataColumns = DataColumns()) -> Reading:  # noqa: B008 - frozen
    """Return the episodes of a dataset as `load_minari` does, and notes on how they were read.

    Of `columns`, `obs` chooses keys of a Dict space; `skip_bad_episodes` leaves out what cannot be used; `layout` says
    which observation is missing in an episode that has one for each step: the first (arrival) or the last (transition,
    where nothing is said).

    Raises:
        OptionError: other options, which are about columns.
        DataError, ShapeError, MissingExtraError: as `load_minari`.
    """
    data, reading = MinariSource(source, columns), Reading()
    for index in range(len(data)):
        reading.add(index, lambda index=index: data.read(index).episode, columns.skip_bad_episodes)
    reading.notes += data.notes()
    data.costs.tell()
    return reading.finish(f"Minari dataset {data.name}")


@dataclass(frozen=True)
class Recorded:
    """One episode, and all that the dataset holds of it."""

    episode: Episode
    raw: Any
    """minari's EpisodeData."""
    index: int = 0
    """Its place in the dataset."""


class MinariSource:
    """An open dataset; iterating reads one episode after the other. `columns` as in `read_minari`.

    Raises:
        DataError, MissingExtraError: as `load_minari`.
    """

    def __init__(self, source: str | Path, columns: DataColumns = DataColumns()) -> None:  # noqa: B008 - frozen
        minari = import_minari()
        self.name, self.columns = str(source), columns
        rules = {name: getattr(columns, name) for name in RULES}
        self.costs = CostReader(CostOptions(cost_key=() if columns.cost is None else (columns.cost,), **rules))
        """Reads the costs out of infos."""
        self._short: list[int] = []
        if wrong := columns.changed().keys() - ANY_DATA - {"obs", "layout", "cost"}:
            named = ", ".join(map(flag, sorted(wrong)))
            raise OptionError(
                f"Minari dataset {self.name} says itself what its parts are: leave {named} out; --obs chooses keys of "
                f"a Dict space."
            )
        self.folder = minari_folder(source) / "data"
        if not (self.folder / "metadata.json").is_file():
            raise DataError(
                f"There is no Minari dataset {self.name} in {self.folder.parent}: run minari download with its id, or "
                f"set MINARI_DATASETS_PATH."
            )
        try:
            self.metadata: dict[str, Any] = json.loads((self.folder / "metadata.json").read_text(encoding="utf-8"))
            # Without them, minari would make the environment, by whatever entry point the file names.
            spaces = {"observation_space", "action_space"} - self.metadata.keys()
            if spaces:
                raise DataError(
                    f"Minari dataset {self.name} does not tell its {spaces.pop()}: write it with Minari 0.5."
                )
            stored = _stored(self.folder)
            self.dataset = minari.MinariDataset(self.folder)
        except TSRewardError as error:
            if error.__cause__ is None or isinstance(error.__cause__, ImportError):
                raise
            raise self._damaged(error.__cause__) from error
        except Exception as error:  # json, minari, gymnasium and h5py raise a dozen types for the ways to damage a file
            raise self._damaged(error) from error
        if not len(self):
            raise DataError(f"Minari dataset {self.name} has no episodes: record some.")
        if stored > len(self):
            raise DataError(
                f"Minari dataset {self.name} holds {stored} episodes, and its metadata promise {len(self)}: download "
                f"it again, or correct total_episodes in {self.folder / 'metadata.json'}."
            )

    def __len__(self) -> int:
        return int(self.dataset.total_episodes)

    def __iter__(self) -> Iterator[Episode]:
        return (recorded.episode for recorded in self.recorded())

    def recorded(self) -> Iterator[Recorded]:
        """Yield the episodes with all that is recorded of them."""
        return map(self.read, range(len(self)))

    def read(self, index: int) -> Recorded:
        """Return one episode with all that is recorded of it.

        Raises:
            DataError: it is damaged, or holds NaN or inf.
            ShapeError: its observations are no numbers.
        """
        try:
            raw = next(iter(self.dataset.iterate_episodes([index])))
        except Exception as error:
            raise self._damaged(error, f" in episode {index} of {len(self)}") from error
        return Recorded(self._episode(index, raw), raw, index)

    def notes(self) -> list[str]:
        """Return what was found out about the episodes that have been read, in words."""
        space, notes = self.dataset.observation_space, []
        if hasattr(space, "spaces"):
            keys = self.columns.obs or (list(space.spaces) if hasattr(space.spaces, "items") else ["all parts"])
            notes.append(f"observations side by side: {', '.join(map(str, keys))}")
        if self._short:
            which = "first" if self.columns.layout == "arrival" else "last"
            shown = ", ".join(map(str, self._short[:5])) + (" ..." if len(self._short) > 5 else "")
            notes.append(
                f"{len(self._short)} episodes have one observation for each step ({shown}): the {which} is taken to be "
                f"missing (--layout)"
            )
        if self.costs.found:
            notes.append(f"cost: {self.costs.summary()}")
        return notes

    def _episode(self, index: int, raw: Any) -> Episode:
        where = f"Episode {index} of Minari dataset {self.name}"
        obs = flat_observations(self.dataset.observation_space, raw.observations, self.columns.obs, where)
        if obs.ndim < 2:
            obs = obs[:, None]
        steps, infos = len(raw.rewards), raw.infos or {}
        rewards = infos[ORIGINAL][-steps:] if ORIGINAL in infos else raw.rewards
        costs = self.costs.read_all(_arrivals(infos, steps), steps, where)
        actions = raw.actions if isinstance(raw.actions, np.ndarray) and raw.actions.dtype.kind in "biuf" else None
        ended = len(raw.terminations) > 0 and bool(raw.terminations[-1])
        arrivals = self.columns.layout == "arrival"
        missing = len(obs) == steps and steps > 1
        if missing:
            self._short.append(index)
            if arrivals:
                obs = np.concatenate([obs[:1], obs])
            else:
                rewards, costs, actions = (
                    None if part is None else part[: steps - 1] for part in (rewards, costs, actions)
                )
        elif len(obs) != steps + 1:
            raise DataError(
                f"{where} has {len(obs)} observations for {steps} rewards, not one more: drop that episode."
            )
        try:
            episode = Episode(obs, rewards, costs, actions, ended, first_known=not (missing and arrivals))
        except TSRewardError as error:
            raise DataError(f"{where}: {error}") from error
        check_finite(episode, where)
        return episode

    def _damaged(self, error: BaseException, where: str = "") -> DataError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return DataError(f"Minari dataset {self.name} is damaged or incomplete{where} ({reason}): download it again.")


def _stored(folder: Path) -> int:
    """Return how many episodes stand in the files of a dataset, after a look at all that these hold.

    Raises:
        DataError, MissingExtraError: as `open_hdf5`.
    """
    found = {file.name for file in folder.iterdir() if file.is_dir() and file.name.isdecimal()}  # Arrow
    for path in folder.rglob("*.hdf5"):
        with open_hdf5(path) as file:
            file.check_each()
            found |= {group for name in file.names if (group := name.partition("/")[0]).startswith("episode_")}
    return len(found)


def _arrivals(infos: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return the infos [T, ...] of steps, without those of the reset before them."""
    return {key: _arrivals(value, steps) if isinstance(value, dict) else value[-steps:] for key, value in infos.items()}


def minari_folder(source: str | Path) -> Path:
    """Return the folder of a dataset, which need not exist.

    Raises:
        DataError: the id is not like namespace/name-v0.

    >>> str(minari_folder("/data/minari/walk-v0"))
    '/data/minari/walk-v0'
    """
    if _is_folder(source):
        return Path(source).expanduser()
    name = minari_id(source)
    root = os.environ.get("MINARI_DATASETS_PATH")
    return (Path(root) if root is not None else Path.home() / ".minari" / "datasets") / name


def minari_id(source: str | Path) -> str:
    """Return the id of a dataset; that of a folder is its name.

    Raises:
        DataError: it is not like namespace/name-v0.

    >>> minari_id("./data/walk-v0"), minari_id("mujoco/hopper/expert-v0")
    ('walk-v0', 'mujoco/hopper/expert-v0')
    """
    name = Path(source).name if _is_folder(source) else str(source)
    if not _ID.fullmatch(name):
        raise DataError(f"'{name}' is no id of a Minari dataset: write namespace/name-v0, or the folder as ./name-v0.")
    return name


def _is_folder(source: str | Path) -> bool:
    return isinstance(source, Path) or source.startswith(("/", "./", "../", "~"))


def import_minari() -> Any:
    """Return the module.

    Raises:
        MissingExtraError: minari or h5py is not installed.
    """
    try:
        import h5py  # noqa: F401
        import minari
    except ImportError as error:
        raise missing_extra(error.name or "minari", "minari") from error
    return minari
