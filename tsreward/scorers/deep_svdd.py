"""Deep SVDD over windows (Ruff et al. 2018), and Deep SAD (Ruff et al. 2020) where negative windows are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from tsreward.functional.losses import inverse, least_squares, with_squared_slope
from tsreward.functional.moments import mean_and_covariance, precision_factor, squared_mahalanobis
from tsreward.functional.tensors import FlatRows
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.gradient import GradientScorer
from tsreward.scorers.presets import SCORER_PRESETS, ScorerPreset
from tsreward.sequences.windows import WindowSet

NEGATIVE_DISTANCE = 2.0
"""Squared distance that the loss least_squares pulls negative windows to: the likeness of that name is 0 there."""


@dataclass(frozen=True)
class DeepSVDDOptions(ScorerOptions):
    """Options of `DeepSVDD`."""

    negative_weight: float = option(1.0, search=Range(0.1, 10.0, log=True), negative=True)
    """η of Deep SAD: the weight of the negative windows in the loss."""
    negative_loss: Literal["inverse", "least_squares"] = "inverse"
    """inverse: negative windows are pushed away without a bound. least_squares: their squared distance is pulled to 2
    and that of normal windows to 0, which stays well-conditioned where new negative windows keep coming."""
    network: Literal["mlp", "gru", "tcn"] = "mlp"
    """Layers over the flattened window, the last state of a GRU, or the last output of a temporal convolution."""
    hidden: int = 128
    embedding: int = option(32, search=Range(4, 64, log=True))
    distance: Literal["centre", "mahalanobis"] = option("centre", search=("centre", "mahalanobis"))
    """Score: squared distance to the centre, or Mahalanobis distance to the embedded normal windows."""
    shrinkage: float = option(0.01, high=1)
    """Fraction of the identity in the covariance of the Mahalanobis distance."""
    gradient_penalty: float = 0.0
    """Weight of the mean squared slope of the distance at normal windows, which keeps the score smooth around them."""


@SCORERS.register("deep_svdd")
class DeepSVDD(GradientScorer[DeepSVDDOptions]):
    """Squared distance of a window's embedding to the centre of the normal ones.

    Loss: mean ‖φ(x) − c‖² over normal windows + η · mean 1/(‖φ(x) − c‖² + ε) over negative ones (Ruff et al. 2020, eq.
    8); with `least_squares` and s = ‖φ(x) − c‖², mean s² over normal windows + η · mean (s − 2)² over negative ones,
    which is least at s = 2 η p_bad / (p_normal + η p_bad).
    The layers have no bias and the centre is kept away from zero: with either, a constant φ is a perfect solution
    (Ruff et al. 2018, propositions 1 and 2).
    """

    Options = DeepSVDDOptions
    graph = True

    centre: Tensor
    embedded_mean: Tensor
    factor: Tensor

    @property
    def chunk(self) -> int:
        # Only products with a handful of columns need more rows.
        return 8 if min(self.options.hidden, self.options.embedding) >= 16 else 16

    def build(self) -> None:
        options = self.options
        if options.network == "gru":
            self.embed = _GRU(self.dim, options.hidden, options.embedding)
        elif options.network == "tcn":
            self.embed = _TCN(self.window, self.dim, options.hidden, options.embedding)
        else:
            self.embed = nn.Sequential(
                FlatRows(),
                nn.Linear(self.window * self.dim, options.hidden, bias=False),
                nn.LeakyReLU(0.1),
                nn.Linear(options.hidden, options.hidden, bias=False),
                nn.LeakyReLU(0.1),
                nn.Linear(options.hidden, options.embedding, bias=False),
            )
        self.register_buffer("centre", torch.zeros(options.embedding))
        self.register_buffer("embedded_mean", torch.zeros(options.embedding))
        self.register_buffer("factor", torch.eye(options.embedding))

    def before_fit(self, normal: WindowSet) -> None:
        if self.fitted:
            return
        centre = self._embed_all(normal).mean(0)
        # A coordinate near zero could be reached by the trivial map; push it to ±0.1 as the authors do.
        away = torch.where(centre < 0, -0.1, 0.1)
        self.centre.copy_(torch.where(centre.abs() < 0.1, away, centre))

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        options = self.options
        if options.gradient_penalty:
            distances, slopes = with_squared_slope(self._to_centre, normal)
            smooth = options.gradient_penalty * slopes.mean()
        else:
            distances, smooth = self._to_centre(normal), 0.0
        if negative is None:
            return distances.mean() + smooth
        far = self._to_centre(negative)
        if options.negative_loss == "inverse":
            return distances.mean() + smooth + options.negative_weight * inverse(far)
        return least_squares(distances, 0.0) + smooth + options.negative_weight * least_squares(far, NEGATIVE_DISTANCE)

    def after_fit(self, normal: WindowSet) -> None:
        embedded = self._embed_all(normal)
        self.embedded_mean.copy_(embedded.mean(0))
        covariance = mean_and_covariance([embedded.cpu()])[1]
        self.factor.copy_(precision_factor(covariance, self.options.shrinkage))

    def measure(self, windows: Tensor) -> Tensor:
        if self.options.distance == "centre":
            return self._to_centre(windows)
        return squared_mahalanobis(self.embed(windows), self.embedded_mean, self.factor)

    def _to_centre(self, windows: Tensor) -> Tensor:
        return (self.embed(windows) - self.centre).square().sum(-1)

    @torch.no_grad()
    def _embed_all(self, windows: WindowSet) -> Tensor:
        return torch.cat([self.embed(batch) for batch in windows.to(self.centre.device).batches(1024)])


SCORER_PRESETS.add("deep_sad", ScorerPreset("deep_svdd", DeepSVDDOptions(), negative=True))
SCORER_PRESETS.add(
    "least_squares_sad",
    ScorerPreset("deep_svdd", DeepSVDDOptions(negative_loss="least_squares", gradient_penalty=10.0), negative=True),
)


class _GRU(nn.Module):
    """Last hidden state of a GRU, mapped without bias."""

    def __init__(self, dim: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(dim, hidden, batch_first=True, bias=False)
        self.out = nn.Linear(hidden, embedding, bias=False)

    def forward(self, windows: Tensor) -> Tensor:
        return self.out(self.recurrent(windows)[0][:, -1])


class _TCN(nn.Module):
    """Last output of a causal convolution of width 2 whose dilation doubles with every layer (Bai et al. 2018).

    That output needs only every second step of each layer, so a stride of 2 in place of the dilation gives the same
    numbers with 2·K products instead of K·log₂K. There is no bias: see `DeepSVDD`.
    """

    def __init__(self, window: int, dim: int, hidden: int, embedding: int) -> None:
        super().__init__()
        layers = max(1, (window - 1).bit_length())
        self.missing = 2**layers - window
        self.layers = nn.ModuleList(
            nn.Linear(2 * (hidden if layer else dim), hidden, bias=False) for layer in range(layers)
        )
        self.out = nn.Linear(hidden, embedding, bias=False)

    def forward(self, windows: Tensor) -> Tensor:
        if self.missing:  # the first step once more, as at the beginning of an episode
            windows = torch.cat([windows[:, :1].expand(-1, self.missing, -1), windows], 1)
        for layer in self.layers:
            # [B, K, W] -> [B, K/2, 2·W]: neighbours side by side make the convolution one matrix product
            windows = leaky_relu(layer(windows.unflatten(1, (-1, 2)).flatten(2)), 0.1)
        return self.out(windows[:, 0])
