"""A small fitted model and the bytes of its file, for the reliability checks."""

import torch

from tsreward.io.manifest import pack
from tsreward.io.models import describe_parts
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.training import TrainOptions

WINDOW, DIM = 4, 3


def episodes(seed: int = 0, number: int = 6, dim: int = DIM) -> list[torch.Tensor]:
    """Return random episodes [30, dim]."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(30, dim, generator=generator) for _ in range(number)]


def fitted(seed: int = 0, size: int = 64) -> RewardModel:
    """Return a fitted model whose file has about 4 kB, and 4 bytes for every further place of its calibration."""
    model = RewardModel(DeepSVDD(WINDOW, DeepSVDDOptions(hidden=8, embedding=4)), Likeness())
    model.calibration = Calibration(size)
    model.fit(episodes(seed), options=TrainOptions(windows_per_epoch=None, epochs=1, seed=seed))
    return model


def file_bytes(model: RewardModel, **note: object) -> bytes:
    """Return what `save` would write."""
    return pack(describe_parts(model, note), model.state_dict())


def same_state(first: RewardModel, second: RewardModel) -> bool:
    """Tell whether two models have the same parts, options and numbers, to the bit."""
    return file_bytes(first) == file_bytes(second)
