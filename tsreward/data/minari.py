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

from tsreward.errors import DataError, ShapeError, TSRewardError, missing_extra
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
    and no environment is made. `infos["cost"]` [T + 1] becomes the costs; entry 0, which belongs to the reset, is left
    out. Actions are kept where they are one array. All episodes are in memory: `MinariSource` gives them one by one.

    Raises:
        DataError: there is no such dataset, it is damaged or empty, an episode is missing, or it holds NaN or inf.
        ShapeError: observations that are not one array per step, as in Dict spaces.
        MissingExtraError: minari is not installed.
    """
    return list(MinariSource(source))


@dataclass(frozen=True)
class Recorded:
    """One episode, and all that the dataset holds of it."""

    episode: Episode
    raw: Any
    """minari's EpisodeData."""


class MinariSource:
    """An open dataset; iterating reads one episode after the other.

    Raises:
        DataError, MissingExtraError: as `load_minari`.
    """

    def __init__(self, source: str | Path) -> None:
        minari = import_minari()
        self.name = str(source)
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
            self.dataset = minari.MinariDataset(self.folder)
        except TSRewardError:
            raise
        except Exception as error:  # json, minari, gymnasium and h5py raise a dozen types for the ways to damage a file
            raise self._damaged(error) from error
        if not len(self):
            raise DataError(f"Minari dataset {self.name} has no episodes: record some.")

    def __len__(self) -> int:
        return int(self.dataset.total_episodes)

    def __iter__(self) -> Iterator[Episode]:
        return (recorded.episode for recorded in self.recorded())

    def recorded(self) -> Iterator[Recorded]:
        """Yield the episodes with all that is recorded of them."""
        for index in range(len(self)):
            try:
                raw = next(iter(self.dataset.iterate_episodes([index])))
            except Exception as error:
                raise self._damaged(error, f" in episode {index} of {len(self)}") from error
            yield Recorded(self._episode(index, raw), raw)

    def _episode(self, index: int, raw: Any) -> Episode:
        where = f"Episode {index} of Minari dataset {self.name}"
        obs, steps = raw.observations, len(raw.rewards)
        if not isinstance(obs, np.ndarray) or obs.dtype.kind not in "biuf" or obs.ndim < 2:
            raise ShapeError(
                f"{where} must have observations [T + 1, *obs] of numbers, found those of "
                f"{self.dataset.observation_space}: record it with gymnasium.wrappers.FlattenObservation."
            )
        if len(obs) != steps + 1:
            raise DataError(f"{where} has {len(obs)} observations for {steps} rewards, not one more: record it anew.")
        infos = raw.infos or {}
        rewards = infos[ORIGINAL][1:] if ORIGINAL in infos else raw.rewards
        costs = infos["cost"][1:] if "cost" in infos else None
        actions = raw.actions if isinstance(raw.actions, np.ndarray) and raw.actions.dtype.kind in "biuf" else None
        for name, values in (("observations", obs), ("rewards", rewards), ("costs", costs)):
            if values is not None and not np.isfinite(values).all():
                bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1))[0]
                raise DataError(f"{where} holds NaN or inf in its {name} at step {bad}: drop that episode.")
        try:
            return Episode(obs, rewards, costs, actions, terminated=bool(raw.terminations[-1]))
        except (TSRewardError, IndexError) as error:
            raise DataError(f"{where}: {error}") from error

    def _damaged(self, error: Exception, where: str = "") -> DataError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return DataError(f"Minari dataset {self.name} is damaged or incomplete{where} ({reason}): download it again.")


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
