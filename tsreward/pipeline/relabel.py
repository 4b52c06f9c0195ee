"""The rewards of what was recorded: bit-identical on CPU with stepping through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, overload

import numpy as np
import torch
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import ProtocolError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.sequences.episodes import Episode, as_episodes
from tsreward.sequences.row_options import RowKeywords


@overload
def relabel(
    model: RewardModel,
    data: Episode | np.ndarray | Tensor,
    frames: FrameLayout | None = None,
    *,
    multiplier: float | None = None,
    strict: bool = False,
    **rows: Unpack[RowKeywords],
) -> StepReward: ...
@overload
def relabel(
    model: RewardModel,
    data: Sequence[Any],
    frames: FrameLayout | None = None,
    *,
    multiplier: float | None = None,
    strict: bool = False,
    **rows: Unpack[RowKeywords],
) -> list[StepReward]: ...
def relabel(
    model: RewardModel,
    data: Any,
    frames: FrameLayout | None = None,
    *,
    multiplier: float | None = None,
    strict: bool = False,
    **rows: Unpack[RowKeywords],
) -> StepReward | list[StepReward]:
    """Return what the T transitions of every episode earn, each part [T]; entry t belongs to the arrival at step t + 1.

    Args:
        model: a fitted model.
        data: an `Episode`, an array or tensor [T, *obs] or a DataFrame, for one `StepReward`; or a list of these, for a
            list of them. Of an array of T rows each row is arrived at, the first one from itself.
        frames: how frames stand in the observations, where the model reads single ones; None reads them as the model's
            fit was told.
        multiplier: the weight of a `Lagrangian`, which no agent's training moves here.
        strict: raise an error where a warning would be given, because the first 1,000 observations are not what the
            model was fitted on.
        rows: what is done about the rows of frames and arrays, see `RowOptions`: `ignore` leaves columns out, all
            others must be those that the model was fitted on, in any order; `missing`, `gap`, `time`, ... With
            missing="drop", the rewards are those of the rows that are left.

    Raises:
        ProtocolError: a mode that moves while an agent trains, without a multiplier.
        ShapeError: observations of another shape than the model's.
        DataError: something else, NaN or inf in an observation or a reward, or a column that is missing or unknown.
        OptionError: the mode lowers rewards of the environment, and an episode has none.
        StrictError: a warning where strict asks for an error.
    """
    model = still(model, multiplier)
    episodes, alone = as_episodes(data, **rows)
    monitor = Monitor(model, "relabel", strict)
    earned = relabel_as_is(model, episodes, frames, monitor)
    monitor.finish()
    return earned[0] if alone else earned


def relabel_as_is(
    model: RewardModel, episodes: Sequence[Episode], frames: FrameLayout | None = None, monitor: Monitor | None = None
) -> list[StepReward]:
    """Return `relabel` of episodes with the reward mode as it is, also one that an agent's training would move."""
    return [_relabel(model, episode, frames, monitor) for episode in episodes]


def still(model: RewardModel, multiplier: float | None = None) -> RewardModel:
    """Return a model whose reward mode stays the same, with this multiplier where one is given.

    Raises:
        ProtocolError: a mode that moves while an agent trains, without a multiplier.
        OptionError: a multiplier for a mode that has none.
    """
    if multiplier is not None:
        return model.with_mode(model.mode.fixed(multiplier))
    if model.mode.moves_while_training:
        now = getattr(model.mode, "multiplier", None)
        stays = "" if now is None else f" and its multiplier is {float(now):g}"
        raise ProtocolError(
            f"A recording cannot be paid by a {type(model.mode).__name__}, which an agent's training moves: no agent "
            f"trains here{stays}. Give a multiplier that stays: multiplier=1.0 in Python, --multiplier on the command "
            f"line; or use the mode penalty."
        )
    return model


def _relabel(model: RewardModel, episode: Episode, frames: FrameLayout | None, monitor: Monitor | None) -> StepReward:
    parts = [_relabel_stretch(model, model.in_order(part, told=frames), monitor) for part in episode.stretches()]
    return parts[0] if len(parts) == 1 else StepReward(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _relabel_stretch(model: RewardModel, episode: Episode, monitor: Monitor | None) -> StepReward:
    obs = as_tensor(episode.obs)
    stream = RewardStream(model, 1)
    stream.monitor = monitor
    stream.start(obs[:1])
    stream.push_many(obs[1:, None], None if episode.rewards is None else as_tensor(episode.rewards)[:, None])
    return StepReward(*(part[:, 0] for part in stream.flush()))
