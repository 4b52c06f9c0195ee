"""Transformer autoencoder over windows, the scorer of AnoSeqs (arXiv 2407.19860)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS
from tsreward.scorers.presets import SCORER_PRESETS, ScorerPreset
from tsreward.scorers.reconstruction import Reconstruction, ReconstructionOptions
from tsreward.scorers.transformer import TransformerLayer


@dataclass(frozen=True)
class TransformerAEOptions(ReconstructionOptions):
    """Options of `TransformerAE`."""

    width: int = 64
    layers: int = 1
    """Layers of the encoder, and as many again of the decoder; one is enough for windows of a few steps."""
    heads: int = 4
    feed_forward: int = 128
    bottleneck: int = option(16, search=Range(2, 32, log=True))
    """Numbers that each step is squeezed through between encoder and decoder."""

    def check(self) -> None:
        if self.width % self.heads:
            self.refuse("width", f"a multiple of heads={self.heads}")


@SCORERS.register("transformer_ae")
class TransformerAE(Reconstruction[TransformerAEOptions]):
    """Mean absolute error of a transformer that reconstructs the window through a narrow code per step.

    The paper gives the method (a transformer autoencoder trained on safe windows, mean absolute error as the anomaly
    score); window length, width, depth and threshold are not in its text and are this package's choice.

    >>> from tsreward.training import TrainOptions
    >>> from tsreward.sequences.windows import WindowSet
    >>> episodes = [torch.randn(20, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    >>> scorer = TransformerAE(window=4)
    >>> windows = WindowSet.from_episodes(episodes, window=4)
    >>> scorer = scorer.fit(windows, options=TrainOptions(epochs=1, windows_per_epoch=64))
    >>> scorer(torch.zeros(2, 4, 3)).shape
    torch.Size([2])
    """

    Options = TransformerAEOptions
    graph = True

    @property
    def chunk(self) -> int:
        # Every matrix product sees the steps of all windows as rows: with two steps, 8 windows are 16 rows.
        return 8 if self.window > 1 else 16

    def build(self) -> None:
        super().build()
        options = self.options
        self.into = nn.Linear(self.dim, options.width)
        self.encoder_positions = nn.Parameter(0.02 * torch.randn(self.window, options.width))
        self.encoder = nn.Sequential(*self._layers())
        self.narrow = nn.Linear(options.width, options.bottleneck)
        self.widen = nn.Linear(options.bottleneck, options.width)
        self.decoder_positions = nn.Parameter(0.02 * torch.randn(self.window, options.width))
        self.decoder = nn.Sequential(*self._layers(), nn.LayerNorm(options.width))
        self.out = nn.Linear(options.width, self.dim)

    def reconstruct(self, windows: Tensor, noise: torch.Generator | None = None) -> tuple[Tensor, None]:
        code = self.narrow(self.encoder(self.into(windows) + self.encoder_positions))
        return self.out(self.decoder(self.widen(code) + self.decoder_positions)), None

    def _layers(self) -> list[nn.Module]:
        options = self.options
        return [TransformerLayer(options.width, options.heads, options.feed_forward) for _ in range(options.layers)]


SCORER_PRESETS.add("semi_supervised_ae", ScorerPreset("transformer_ae", TransformerAEOptions(), negative=True))
