"""A scorer of one's own, in 30 lines: how much a window's motion differs from normal motion.

python examples/own_scorer.py
"""

import numpy as np
import torch

import tsreward
from tsreward.scorers.base import Scorer, ScorerOptions


class SpeedScorer(Scorer[ScorerOptions]):
    """Squared distance of the mean absolute change per step to that of normal windows."""

    Options = ScorerOptions
    uses_negative = False
    uses_held_out = False
    min_window = 2
    normal_speed: torch.Tensor

    def build(self) -> None:
        self.register_buffer("normal_speed", torch.zeros(self.dim))

    def learn(self, normal, negative, options, report) -> None:
        speeds = torch.cat([self._speed(batch) for batch in normal[0].batches(4096)])
        self.normal_speed.copy_(speeds.mean(0))

    def measure(self, windows: torch.Tensor) -> torch.Tensor:
        return (self._speed(windows) - self.normal_speed).square().mean(1)

    @staticmethod
    def _speed(windows: torch.Tensor) -> torch.Tensor:
        return windows.diff(dim=1).abs().mean(1)


def main(seed: int = 0) -> tuple[float, float]:
    """Return the mean reward of walks at normal speed and at three times that."""
    rng = np.random.default_rng(seed)
    walks = [rng.normal(0.0, 0.1, size=(100, 2)).cumsum(axis=0) for _ in range(41)]
    model = tsreward.RewardModel(SpeedScorer(window=4), tsreward.Likeness())
    model.fit(walks[:40])
    normal, hasty = tsreward.relabel(model, [tsreward.Episode(walks[40]), tsreward.Episode(3 * walks[40])])
    return float(normal.reward.mean()), float(hasty.reward.mean())


if __name__ == "__main__":
    print("reward at normal speed {:.2f}, at three times that {:.2f}".format(*main()))
