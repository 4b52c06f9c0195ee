"""Episodes of known skill: random, half-trained, expert, with all that is needed to draw them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import arrays_of, episodes_from, write_arrays
from tsreward.errors import CheckpointError, DataError, unknown_name
from tsreward.io.header import canonical, parse
from tsreward.sequences.episodes import Episode

_ARRAYS = ("skill", "returns", "seeds", "grading")


@dataclass(frozen=True)
class GradedEpisodes:
    """N complete episodes of one environment and the skill of whoever acted in them."""

    env: str
    """Id of the environment."""
    action_repeat: int
    """Environment steps that every action was held for."""
    names: tuple[str, ...]
    """Name of every skill; the first is "random", the last "expert"."""
    episodes: list[Episode]
    skill: np.ndarray
    """[N] (int64): 0 is the least able, `len(names) - 1` the expert."""
    returns: np.ndarray
    """[N] (float64): sums of the environment's rewards."""
    seeds: np.ndarray
    """[N] (int64): an episode that is reset with its seed and takes its actions is that episode again."""
    states: list[np.ndarray] | None = None
    """Of every episode, `info["physics_state"]` [T + 1, S] at each observation; None where the environment has none."""

    def where(self, skill: str | Sequence[str]) -> GradedEpisodes:
        """Return the episodes of one skill, or of several.

        Raises:
            OptionError: there is no skill of that name.
        """
        wanted = [skill] if isinstance(skill, str) else list(skill)
        for name in wanted:
            if name not in self.names:
                raise unknown_name("skill", name, self.names)
        numbers = [self.names.index(name) for name in wanted]
        return self.take(np.flatnonzero(np.isin(self.skill, numbers)))

    def take(self, index: np.ndarray) -> GradedEpisodes:
        """Return the episodes at these places [n] (integers), in that order."""
        return replace(
            self,
            episodes=[self.episodes[place] for place in index],
            skill=self.skill[index],
            returns=self.returns[index],
            seeds=self.seeds[index],
            states=None if self.states is None else [self.states[place] for place in index],
        )

    def mean_returns(self) -> dict[str, float]:
        """Return the mean return of every skill that has episodes, worst first."""
        numbers = np.unique(self.skill)
        return {self.names[number]: float(self.returns[self.skill == number].mean()) for number in numbers}


def save_graded(graded: GradedEpisodes, path: str | Path) -> None:
    """Write what `save_episodes` writes, and `skill`, `returns`, `seeds`, `states` and `grading` (JSON) beside it.

    Raises:
        DataError: no episodes, or the file cannot be written.
    """
    if not graded.episodes:
        raise DataError(f"No episodes to write to {path}.")
    arrays = arrays_of(graded.episodes)
    arrays |= {name: np.asarray(getattr(graded, name)) for name in ("skill", "returns", "seeds")}
    if graded.states is not None:
        arrays["states"] = np.concatenate(graded.states)
    described = canonical({"env": graded.env, "action_repeat": graded.action_repeat, "names": list(graded.names)})
    arrays["grading"] = np.frombuffer(described.encode("ascii"), np.uint8)
    write_arrays(arrays, Path(path))


def load_graded(path: str | Path) -> GradedEpisodes:
    """Read a file of `save_graded`, of which `load_episodes` reads the episodes alone.

    Raises:
        DataError: the file is missing, damaged, holds NaN or inf, has no skills, or its arrays do not fit together.
    """
    path = Path(path)
    arrays = read_arrays(path)
    episodes = episodes_from(arrays, path)
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}: write it with tsreward collect --agent graded.")
    described = _described(arrays["grading"], path)
    for name, kinds in (("skill", "iu"), ("returns", "f"), ("seeds", "iu")):
        values = arrays[name]
        if values.shape != (len(episodes),) or values.dtype.kind not in kinds or not np.isfinite(values).all():
            raise DataError(
                f"{path}: '{name}' must hold one finite {'number' if kinds == 'f' else 'whole number'} for each of "
                f"{len(episodes)} episodes, found {values.dtype} {list(values.shape)}."
            )
    skill = arrays["skill"]
    if not 0 <= skill.min() <= skill.max() < len(described["names"]):
        raise DataError(
            f"{path}: 'skill' must lie between 0 and {len(described['names']) - 1}, found {skill.min()} to "
            f"{skill.max()}."
        )
    return GradedEpisodes(
        described["env"],
        described["action_repeat"],
        tuple(described["names"]),
        episodes,
        skill,
        arrays["returns"],
        arrays["seeds"],
        _states(arrays, episodes, path),
    )


def _described(text: np.ndarray, path: Path) -> dict[str, Any]:
    try:
        described = parse(np.ascontiguousarray(text).tobytes())
    except CheckpointError as error:
        raise DataError(f"{path}: 'grading' is damaged: {error}") from error
    kinds = {"env": str, "action_repeat": int, "names": list}
    whole = isinstance(described, dict) and all(type(described.get(key)) is kind for key, kind in kinds.items())
    if not whole or described["action_repeat"] < 1:
        raise DataError(f"{path}: 'grading' must hold env, action_repeat and names: write it with save_graded.")
    names = described["names"]
    if not names or len(set(map(repr, names))) < len(names) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: 'grading' must name every skill once: write it with save_graded.")
    return described


def _states(arrays: dict[str, np.ndarray], episodes: list[Episode], path: Path) -> list[np.ndarray] | None:
    if "states" not in arrays:
        return None
    states, rows = arrays["states"], [len(episode.obs) for episode in episodes]
    if states.ndim != 2 or len(states) != sum(rows) or not np.isfinite(states).all():
        raise DataError(f"{path}: 'states' must hold {sum(rows)} finite rows, found {list(states.shape)}.")
    return np.split(states, np.cumsum(rows)[:-1])
