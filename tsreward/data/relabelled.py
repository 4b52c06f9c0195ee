"""What relabelling does to rows of episodes, whatever file they are from, and the sums over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsreward.data.rows import Reading, RowData, part_rows
from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.pipeline.scores import reaches_first


@dataclass
class Relabelled:
    """Sums over what was written."""

    episodes: int = 0
    steps: int = 0
    flagged: int = 0
    """Steps whose score passes the threshold."""
    reward: float = 0.0
    original_reward: float | None = None
    """Sum of the environment's rewards; None where the data has none."""
    missing_first: int = 0
    """Steps whose window would hold the first observation of an episode, which was not recorded: the one after it
    stands in its place, so these rewards may differ from those of a run."""
    missing_last: int = 0
    """Steps whose own observation was not recorded, at the end of episodes: they are rewarded for staying where they
    began."""
    skipped: dict[Any, str] = field(default_factory=dict)
    """Episodes that were left out, and why."""

    decided: tuple[str, ...] = ()
    """What was decided about columns or arrays, in words."""

    def join(self, other: Relabelled) -> None:
        """Add the sums over another part of the same data."""
        for name in ("episodes", "steps", "flagged", "reward", "missing_first", "missing_last"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.original_reward is not None:
            self.original_reward = (self.original_reward or 0.0) + other.original_reward
        self.skipped |= other.skipped
        self.decided = other.decided

    def check(self, where: object) -> None:
        """Check that there was an episode that could be used.

        Raises:
            DataError: all of them were left out.
        """
        if not self.episodes:
            Reading(skipped=self.skipped).finish(where)

    def marks(self) -> dict[str, int]:
        """Return how many rewards rest on observations that were not recorded; empty where none does."""
        counts = {"missing_first": self.missing_first, "missing_last": self.missing_last}
        return {name: count for name, count in counts.items() if count}

    def add(self, reward: np.ndarray, is_anomaly: np.ndarray, paid: np.ndarray | None) -> None:
        """Count steps with learned rewards [T], flags [T] and rewards of the environment [T]."""
        self.steps += len(reward)
        self.flagged += int(is_anomaly.sum())
        self.reward += float(reward.sum())
        if paid is not None and self.original_reward is not None:
            self.original_reward += float(paid.sum())


def check_fit(model: RewardModel, shape: tuple[int, ...], where: object) -> None:
    """Check that the observations of data are those that the model reads.

    Raises:
        ShapeError: they are of another shape.
    """
    if shape != model.obs_shape:
        remedy = picture_remedy(model.obs_shape, shape) or (
            "relabel data of the kind that the model was fitted on, and leave out with --ignore what is no part of the "
            "observation"
        )
        raise ShapeError(
            f"The model reads observations {list(model.obs_shape)}, but {where} holds {list(shape)}: {remedy}."
        )


def check_paid(model: RewardModel, paid: bool, where: object) -> None:
    """Check that there are rewards where the model lowers those of the environment.

    Raises:
        OptionError: there are none.
    """
    if not paid and not model.mode.replaces:
        raise OptionError(
            f"{where} has no rewards, and the mode of the model lowers those of the environment: name them with "
            f"--reward, or fit a model with --reward likeness."
        )


def relabel_rows(
    model: RewardModel, where: object, rows: RowData, skip_bad: bool, done: Relabelled, monitor: Monitor
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rewards [N] of N rows, and which of them [N] are of episodes that are kept; the sums go to `done`.

    The `monitor` looks at the first of them; it is finished by who knows that there are no more.

    Raises:
        DataError: the rows are no episodes, or one cannot be used.
        ShapeError, OptionError: the model and the data do not belong together.
    """
    check_fit(model, model.shape_read(rows.obs.shape[1:], rows.obs.dtype.kind == "f"), where)
    check_paid(model, rows.rewards is not None, where)
    reading = part_rows(where, rows, skip_bad, repeat_last=True)
    episodes = [model.in_order(episode, str(where)) for episode in reading.episodes]
    count = len(rows.obs) if reading.count is None else reading.count
    rewards, kept = np.zeros(count), np.zeros(count, bool)
    if rows.rewards is not None and rows.rewards.dtype.kind == "f":
        rewards[np.isnan(rows.rewards[:count])] = np.nan  # resets
    for episode, part in zip(episodes, reading.parts, strict=True):
        (earned,) = relabel_as_is(model, [episode], None, monitor)
        rewards[part], kept[part] = earned.reward.numpy(), True
        done.add(earned.reward.numpy(), earned.is_anomaly.numpy(), episode.rewards)
        if not episode.first_known:
            done.missing_first += int(reaches_first(model, np.arange(len(episode))).sum())
    if rows.layout == "transition" and rows.next_obs is None and len(rows.obs) == len(kept):
        done.missing_last += len(episodes)
    done.episodes += len(episodes)
    done.skipped |= reading.skipped
    return rewards, kept
