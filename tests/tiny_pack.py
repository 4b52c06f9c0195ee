"""A package of somebody else with one scorer, one encoder and one loader; `test_extension.py` installs a copy."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsreward.encoders.base import Encoder, EncoderOptions
from tsreward.options import Range, option
from tsreward.scorers.base import Scorer, ScorerOptions
from tsreward.sequences.series import DetectionTask, Series


@dataclass(frozen=True)
class FarOptions(ScorerOptions):
    """Options of `Far`."""

    power: float = option(2.0, above=0, search=Range(0.5, 4.0))
    """What distances are raised to."""


class Far(Scorer[FarOptions]):
    """Distance of the last step to the mean of the normal steps."""

    Options = FarOptions
    uses_negative = False
    uses_held_out = False
    centre: Tensor

    def build(self):
        self.register_buffer("centre", torch.zeros(self.dim))

    def learn(self, normal, negative, options, report):
        self.centre.copy_(normal[0].store.mean(0))

    def measure(self, windows):
        return (windows[:, -1] - self.centre).abs().mean(1) ** self.options.power


@dataclass(frozen=True)
class FirstOptions(EncoderOptions):
    """Options of `First`."""

    dim: int = 2
    """Columns that are kept."""


class First(Encoder):
    """The first columns of an observation."""

    Options = FirstOptions

    def __init__(self, obs_shape, options=FirstOptions()):
        super().__init__(obs_shape, options)
        self.dim = options.dim

    def encode(self, obs):
        return obs[:, : self.dim].to(torch.float32)


def load_pairs(path: Path) -> list[DetectionTask]:
    """Return one task for every NPZ file with train, test and labels."""
    tasks = []
    for file in sorted(Path(path).glob("*.npz")):
        arrays = np.load(file)
        train, test = Series(arrays["train"], name=file.stem), Series(arrays["test"], arrays["labels"], file.stem)
        tasks.append(DetectionTask(file.stem, train, test))
    return tasks
