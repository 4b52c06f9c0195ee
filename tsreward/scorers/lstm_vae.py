"""LSTM variational autoencoder over windows (Park et al. 2018, without their progress-based prior)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tsreward.functional.losses import gaussian_kl
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS
from tsreward.scorers.reconstruction import Reconstruction, ReconstructionOptions


@dataclass(frozen=True)
class LSTMVAEOptions(ReconstructionOptions):
    """Options of `LSTMVAE`."""

    hidden: int = 64
    latent: int = option(16, search=Range(2, 32, log=True))
    decoder: Literal["lstm", "mlp"] = "lstm"
    beta: float = option(0.1, search=Range(0.01, 1.0, log=True))
    """Weight of the divergence from the prior per reconstructed number; 1 is the evidence bound of unit noise."""


@SCORERS.register("lstm_vae")
class LSTMVAE(Reconstruction[LSTMVAEOptions]):
    """Reconstruction error of a window through one latent vector that is kept close to a standard normal.

    Loss: error + β · KL[q(z | window) ‖ N(0, 1)] / (K · D), with z sampled once per window. The score decodes the mean
    of z, so it is deterministic.

    >>> scorer = LSTMVAE(window=4)
    >>> scorer.materialise(dim=3)
    >>> scorer.reconstruct(torch.zeros(2, 4, 3))[0].shape
    torch.Size([2, 4, 3])
    """

    Options = LSTMVAEOptions
    graph = True

    def build(self) -> None:
        super().build()
        options = self.options
        self.encoder = nn.LSTM(self.dim, options.hidden, batch_first=True)
        self.to_latent = nn.Linear(options.hidden, 2 * options.latent)
        if options.decoder == "lstm":
            self.decoder = nn.LSTM(options.latent, options.hidden, batch_first=True)
            self.out = nn.Linear(options.hidden, self.dim)
        else:
            self.decoder = nn.Sequential(nn.Linear(options.latent, options.hidden), nn.ReLU())
            self.out = nn.Linear(options.hidden, self.window * self.dim)

    def reconstruct(self, windows: Tensor, noise: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        mean, log_variance = self.to_latent(self.encoder(windows)[0][:, -1]).chunk(2, -1)
        if noise is None:
            return self._decode(mean), None
        log_variance = log_variance.clamp(-10, 10)
        sample = torch.randn(mean.shape, generator=noise).to(mean.device)
        divergence = gaussian_kl(mean, log_variance) / (self.window * self.dim)
        return self._decode(mean + sample * (0.5 * log_variance).exp()), self.options.beta * divergence

    def _decode(self, latent: Tensor) -> Tensor:
        if self.options.decoder == "lstm":
            return self.out(self.decoder(latent[:, None].expand(-1, self.window, -1))[0])
        return self.out(self.decoder(latent)).unflatten(1, (self.window, self.dim))
