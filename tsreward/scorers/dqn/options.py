"""Options of `DQN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tsreward.options import Range, option
from tsreward.scorers.base import ScorerOptions


@dataclass(frozen=True)
class DQNOptions(ScorerOptions):
    """Options of `DQN`: its networks, the game it plays, and how it learns to play.

    >>> DQNOptions(discount=1.0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: DQNOptions.discount must be a number in [0, 1), got 1.0.
    """

    hidden: int = 32
    """Width of the Q-network's LSTM."""
    decay: float = 0.01
    """Weight decay of the Q-network, which sees few labels; TrainOptions.weight_decay is the autoencoder's."""
    vae_hidden: int = 64
    vae_latent: int = 8
    vae_beta: float = 0.1
    """Weight of the autoencoder's divergence: see `LSTMVAEOptions.beta`."""
    error: Literal["window", "last"] = "window"
    """The reconstruction error that is paid for: averaged over the window, for anomalies that last, or that of the
    window's last step, for single rows."""

    hit: float = 5.0
    """Reward of calling an anomaly one (TP)."""
    calm: float = 1.0
    """Reward of calling a normal window normal (TN)."""
    false_alarm: float = 1.0
    """Cost of calling a normal window an anomaly (FP)."""
    miss: float = 5.0
    """Cost of calling an anomaly normal (FN)."""

    intrinsic: Literal["action", "symmetric", "none"] = "action"
    """λ · error is paid for answering "anomaly" and charged for "normal", paid for both answers alike, or left out."""
    lambda_start: float = option(1.0, search=Range(0.5, 5.0))
    lambda_rate: float = option(0.1, search=Range(0.01, 1.0, log=True))
    """Change of λ per unit of reward that an episode's mean reward per step lies below `lambda_target`."""
    lambda_target: float = option(1.0, search=Range(0.0, 5.0))
    """Mean reward per step that λ is steered to. The more is asked for, the more the autoencoder is heeded beside the
    labels, which is right while these are few: see `FEW_LABELS`."""
    lambda_min: float = option(0.2, search=Range(0.05, 0.5, log=True))
    lambda_max: float = 5.0

    discount: float = option(0.5, below=1)
    """γ. An answer does not change what comes next, so a small one loses nothing and keeps the targets' noise low."""
    double: bool = True
    """Choose the next answer with the online network and value it with the target network."""
    walkers: int = 64
    """Cursors that walk over the windows side by side."""
    steps: int = 16
    """Steps of every cursor in an episode; TrainOptions.epochs is the number of episodes."""
    updates: int = 20
    """Gradient steps per episode."""
    batch: int = 128
    labelled_share: float = option(0.3, below=1)
    """Share of the starts of walks and of the batches that goes to labelled windows of a pool, or to negative ones."""
    target_every: int = 10
    """Updates between two copies of the online network into the target network."""
    replay: int = 20_000
    """Transitions that are remembered; the oldest make room."""
    epsilon_start: float = option(1.0, high=1)
    epsilon_end: float = option(0.05, high=1)
    epsilon_share: float = option(0.5, high=1)
    """Share of the episodes after which ε has reached its end."""

    def check(self) -> None:
        if not self.lambda_min <= self.lambda_start <= self.lambda_max:
            self.refuse("lambda_start", f"between lambda_min={self.lambda_min} and lambda_max={self.lambda_max}")


FEW_LABELS = DQNOptions(lambda_start=3.0, lambda_target=4.0, lambda_min=1.0)
"""Options for a hundred labels or so in a large pool."""
