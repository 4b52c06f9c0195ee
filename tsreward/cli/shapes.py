"""Whether a model file and data belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.episodes import Episode
from tsreward.errors import ShapeError
from tsreward.model import RewardModel


def check_shape(model: RewardModel, model_file: Path, episodes: Sequence[Episode], data_file: Path) -> None:
    """Check that the model reads what the data holds.

    Raises:
        ShapeError: the observations have another shape than those the model was fitted on.
    """
    found = episodes[0].obs.shape[1:]
    if found != model.obs_shape:
        remedy = picture_remedy(model.obs_shape, found) or "score data of the kind that the model was fitted on"
        raise ShapeError(
            f"{model_file} reads observations {list(model.obs_shape)}, but {data_file} holds {list(found)}: {remedy}."
        )
