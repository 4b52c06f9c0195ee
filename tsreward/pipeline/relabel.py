"""The rewards of what was recorded: bit-identical on CPU with stepping through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.stream import RewardStream
from tsreward.sequences.episodes import Episode, as_episodes


@overload
def relabel(
    model: RewardModel,
    data: Episode | np.ndarray | Tensor,
    frames: FrameLayout | None = None,
    ignore: Sequence[str] = (),
) -> StepReward: ...
@overload
def relabel(
    model: RewardModel, data: Sequence[Any], frames: FrameLayout | None = None, ignore: Sequence[str] = ()
) -> list[StepReward]: ...
def relabel(
    model: RewardModel, data: Any, frames: FrameLayout | None = None, ignore: Sequence[str] = ()
) -> StepReward | list[StepReward]:
    """Return what the T transitions of every episode earn, each part [T]; entry t belongs to the arrival at step t + 1.

    Args:
        model: a fitted model.
        data: an `Episode`, an array or tensor [T, *obs] or a DataFrame, for one `StepReward`; or a list of these, for a
            list of them. Of an array of T rows each row is arrived at, the first one from itself.
        frames: how frames stand in the observations, where the model reads single ones; None takes them as they are.
        ignore: columns of a DataFrame that are left out; all others must be those that the model was fitted on, in any
            order.

    Raises:
        ShapeError: observations of another shape than the model's.
        DataError: something else, NaN or inf in an observation or a reward, or a column that is missing or unknown.
        OptionError: the mode lowers rewards of the environment, and an episode has none.
    """
    episodes, alone = as_episodes(data, ignore)
    earned = [_relabel(model, model.in_order(episode), frames) for episode in episodes]
    return earned[0] if alone else earned


def _relabel(model: RewardModel, episode: Episode, frames: FrameLayout | None) -> StepReward:
    obs = as_tensor(episode.obs)
    stream = RewardStream(model, 1, frames=frames)
    stream.start(obs[:1])
    stream.push_many(obs[1:, None], None if episode.rewards is None else as_tensor(episode.rewards)[:, None])
    return StepReward(*(part[:, 0] for part in stream.flush()))
