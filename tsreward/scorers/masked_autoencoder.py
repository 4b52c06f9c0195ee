"""Masked autoencoder of videos (MAE-CvT; Ristea et al. 2024, as changed for rewards by Varshneya et al. 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention

from tsreward.errors import DataError, OptionError
from tsreward.functional.losses import hinge
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.gradient import GradientScorer
from tsreward.scorers.presets import SCORER_PRESETS, ScorerPreset
from tsreward.sequences.windows import WindowSet

_EPSILON = 1e-3  # of the paper, in the weights of motion
_MOST = 4096  # tokens that attend to each other
_BLOB = 4  # rows and columns of the coarse noise that blobs are cut out of
_VISIBLE = 0.05  # pixels that a paste changes by less are not pasted


@dataclass(frozen=True)
class MaskedAutoencoderOptions(ScorerOptions):
    """Options of `MaskedAutoencoder`."""

    frame_shape: tuple[int, int, int] | None = None
    """(height, width, channels) of the frame whose bytes are the features, as `RawFrames` gives them. None takes
    features of any kind, each a patch of its own."""
    patch: int = option(8, high=64)
    """Height and width of a patch in pixels."""
    hidden: float = option(0.25, above=0, below=1, search=(0.25, 0.5, 0.75))
    """Fraction of the patches that the encoder does not see: the same ones in every window, drawn once. The paper's is
    0.5, which on frames scores alike and about twice as fast; negatives teach more where less is hidden."""
    motion: float = option(1.0, search=(0.0, 1.0, 4.0))
    """λ, the weight of the error of all patches, each weighted by how much moves in it."""
    pasted: float = option(0.05, high=1, search=(0.0, 0.05, 0.2))
    """Fraction of training windows into which a blob of another window is pasted, to be found and removed."""
    target: Literal["last", "middle"] = "last"
    """Step that is reconstructed and scored. middle is the paper's form, and sees later steps: for detection only."""
    width: int = 64
    layers: int = 2
    """Layers of the encoder."""
    decoder_layers: int = 1
    heads: int = 4
    feed_forward: int = 128
    negative_weight: float = option(1.0, search=Range(0.1, 10.0, log=True), negative=True)
    """Weight of the hinge max(0, margin − score) on negative windows."""
    margin: float = option(3.0, search=Range(0.3, 10.0, log=True), negative=True)
    """Score that the hinge asks of negative windows."""

    def check(self) -> None:
        if self.width % self.heads:
            self.refuse("width", f"a multiple of heads={self.heads}")
        if self.frame_shape is not None and any(side % self.patch for side in self.frame_shape[:2]):
            self.refuse(
                "patch", f"a divisor of height and width of frames {self.frame_shape[0]} x {self.frame_shape[1]}"
            )
        if self.frame_shape is not None and math.prod(self.frame_shape[:2]) // self.patch**2 < 4:
            self.refuse(
                "patch", f"small enough for four patches in frames {self.frame_shape[0]} x {self.frame_shape[1]}"
            )


@SCORERS.register("masked_autoencoder")
class MaskedAutoencoder(GradientScorer[MaskedAutoencoderOptions]):
    """How badly the last step of a window is reconstructed from some of the patches of all its steps.

    The steps of a window are the channels of one picture, cut into patches. With ℓ_i the mean squared error of patch i,
    m_i whether it was hidden, and w_i ∝ ε + mean |last − first step| in it, the score, and the loss, is

        Σ m_i ℓ_i / Σ m_i + λ Σ w_i ℓ_i

    (Varshneya et al. 2025; λ is `motion`). The reconstruction has one channel more, which marks what was pasted into
    training windows: visible parts of smooth random blobs from negative windows, or from other normal ones without
    negatives. Nothing is marked in a good window, so that what is marked when scoring counts as error too.

    Attention is that of CvT: queries, keys and values come from depthwise convolutions, for which visible patches stand
    at their places in the picture, with a normalisation over single windows. Without classifier and student; the mask
    is drawn once, from the seed of training, and is kept in the file.

    >>> from tsreward.training import TrainOptions
    >>> episodes = [torch.randint(0, 256, (20, 16 * 16 * 3), dtype=torch.uint8) for _ in range(4)]
    >>> scorer = MaskedAutoencoder(3, MaskedAutoencoderOptions(frame_shape=(16, 16, 3), patch=4, width=8, heads=2))
    >>> windows = WindowSet.from_episodes(episodes, window=3, frame_skip=3)
    >>> scorer.fit(windows, options=TrainOptions(epochs=1, windows_per_epoch=64))(windows.gather(torch.arange(5))).shape
    torch.Size([5])
    """

    Options = MaskedAutoencoderOptions
    hides: Tensor
    grid: tuple[int, int]

    @property
    def causal(self) -> bool:
        return self.options.target == "last"

    @property
    def chunk(self) -> int:
        # A window is many rows of every matrix product already.
        return 16 if self.options.frame_shape is None else 1

    def adopt_frames(self, shape: tuple[int, int, int]) -> None:
        if self.options.frame_shape not in (None, shape):
            raise OptionError(
                f"MaskedAutoencoder reads frames {self.options.frame_shape}, and the encoder gives {shape}."
            )
        self.options = replace(self.options, frame_shape=shape)

    def build(self) -> None:
        options = self.options
        height, width, channels = options.frame_shape or (1, self.dim, 1)
        side = 1 if options.frame_shape is None else options.patch
        if self.dim != height * width * channels:
            raise OptionError(
                f"MaskedAutoencoder reads frames {options.frame_shape}, and windows have {self.dim} features."
            )
        self.grid = height // side, width // side
        patches = math.prod(self.grid)
        if patches > _MOST:
            raise OptionError(
                f"MaskedAutoencoder makes {patches} patches of {self.dim} features, and {_MOST} are the most: encode "
                f"frames with RawFrames, and take larger patches or smaller frames (FrameOptions.size)."
            )
        count = min(max(1, round(options.hidden * patches)), max(1, patches - 1))
        order, hides = torch.randperm(patches), torch.zeros(patches, dtype=torch.bool)
        if not order.is_meta:  # a model on the meta device only shows its shapes
            hides[order[:count]] = True
        self.register_buffer("hides", hides)
        self.into = nn.Linear(self.window * channels * side**2, options.width)
        self.place = nn.Parameter(0.02 * torch.randn(patches, options.width))
        self.encoder = self._layers(options.layers)
        self.missing = nn.Parameter(0.02 * torch.randn(options.width))
        self.decoder_place = nn.Parameter(0.02 * torch.randn(patches, options.width))
        self.decoder = self._layers(options.decoder_layers)
        self.norm = nn.LayerNorm(options.width)
        self.out = nn.Linear(options.width, (channels + 1) * side**2)

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        pictures = self._pictures(normal)
        others = pictures if negative is None else self._pictures(negative)
        seen, pasted = self._paste(pictures, others, noise)
        wanted = torch.cat([pictures[:, self._step], pasted], -1)
        value = self._errors(seen, wanted).mean()
        if negative is None:
            return value
        return value + self.options.negative_weight * hinge(self.measure(negative), self.options.margin)

    def measure(self, windows: Tensor) -> Tensor:
        pictures = self._pictures(windows)
        last = pictures[:, self._step]
        return self._errors(pictures, torch.cat([last, torch.zeros_like(last[..., :1])], -1))

    @torch.no_grad()
    def reconstruct(self, windows: Tensor) -> Tensor:
        """Return what the step that is scored should look like, [B, H, W, C] float32 from −1 to 1, of bytes [B, K, D].

        Features of any kind are pictures of one row: [B, 1, D, 1], standardised.
        """
        return self._whole(self._answer(self._pictures(self.standardise(windows))))[..., :-1]

    def standardise(self, rows: Tensor) -> Tensor:
        """Return bytes of frames as they are, so that they stay bytes in memory."""
        if self.options.frame_shape is None:
            return super().standardise(rows)
        if rows.dtype != torch.uint8:
            raise DataError(
                f"MaskedAutoencoder with frame_shape={self.options.frame_shape} reads bytes, uint8, got "
                f"{str(rows.dtype).removeprefix('torch.')}: encode frames with RawFrames."
            )
        return rows

    def _renew(self, normal: WindowSet, seed: int) -> None:
        if self.options.frame_shape is None:
            super()._renew(normal, seed)
        else:  # bytes have one scale
            self._create(normal.store.shape[1], seed)
            self.to("cpu")

    @property
    def _step(self) -> int:
        return self.window - 1 if self.causal else self.window - 1 - self.window // 2

    def _layers(self, count: int) -> nn.ModuleList:
        options = self.options
        return nn.ModuleList([_Layer(options.width, options.heads, options.feed_forward) for _ in range(count)])

    def _pictures(self, windows: Tensor) -> Tensor:
        """Return pictures [B, K, H, W, C] of standardised windows [B, K, D]; bytes are brought to −1 to 1."""
        if self.options.frame_shape is None:
            return windows[:, :, None, :, None]
        return windows.unflatten(2, self.options.frame_shape).float() / 127.5 - 1

    def _patches(self, pictures: Tensor) -> Tensor:
        """Return patches [B, P, N] of pictures [B, H, W, C]."""
        rows, columns = self.grid
        side = pictures.shape[1] // rows
        cut = pictures.unflatten(2, (columns, side)).unflatten(1, (rows, side))
        return cut.transpose(2, 3).flatten(3).flatten(1, 2)

    def _whole(self, patches: Tensor) -> Tensor:
        """Return the pictures [B, H, W, C] that patches [B, P, N] were cut out of."""
        side = 1 if self.options.frame_shape is None else self.options.patch
        cut = patches.unflatten(2, (side, side, -1)).unflatten(1, self.grid)
        return cut.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    def _answer(self, pictures: Tensor) -> Tensor:
        """Return the reconstructed patches [B, P, (C + 1) side²] of pictures [B, K, H, W, C]."""
        visible = (~self.hides).nonzero().flatten()
        stacked = self._patches(pictures.permute(0, 2, 3, 1, 4).flatten(3))
        tokens = self.into(stacked[:, visible]) + self.place[visible]
        for layer in self.encoder:
            tokens = layer(tokens, visible, self.grid)
        whole = self.missing.expand(len(tokens), len(self.hides), -1).index_copy(1, visible, tokens)
        whole = whole + self.decoder_place
        for layer in self.decoder:
            whole = layer(whole, None, self.grid)
        return self.out(self.norm(whole))

    def _errors(self, pictures: Tensor, wanted: Tensor) -> Tensor:
        """Return the score [B] of pictures [B, K, H, W, C] where the answer should be [B, H, W, C + 1]."""
        error = (self._answer(pictures) - self._patches(wanted)).square().mean(2)
        moved = self._patches((pictures[:, -1] - pictures[:, 0]).abs()).mean(2) + _EPSILON
        hidden = (error * self.hides).sum(1) / self.hides.sum()
        return hidden + self.options.motion * (error * moved).sum(1) / moved.sum(1)

    def _paste(self, pictures: Tensor, others: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures with blobs of others pasted into some, and where that shows, [B, H, W, 1]."""
        batch, (height, width) = len(pictures), pictures.shape[2:4]
        coarse = torch.rand(batch, 1, min(_BLOB, height), min(_BLOB, width), generator=noise)
        shape = interpolate(coarse, (height, width), mode="bilinear", align_corners=True)[:, 0, :, :, None]
        chosen = torch.rand(batch, generator=noise) < self.options.pasted
        source = torch.randint(len(others), (batch,), generator=noise)
        inside = ((shape > 0.7) & chosen[:, None, None, None]).to(pictures.device)
        seen = torch.where(inside[:, None], others[source.to(pictures.device)], pictures)
        changed = (seen - pictures)[:, self._step].abs().amax(-1, keepdim=True)
        return seen, (inside & (changed > _VISIBLE)).to(pictures.dtype)


SCORER_PRESETS.add("semi_supervised_mae", ScorerPreset("masked_autoencoder", MaskedAutoencoderOptions(), negative=True))


class _Layer(nn.Module):
    """Pre-norm layer whose queries, keys and values are convolved over the grid (CvT; Wu et al. 2021)."""

    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.near = nn.Conv2d(width, 3 * width, 3, padding=1, groups=width, bias=False)
        self.norm_near = nn.GroupNorm(1, 3 * width)
        self.queries_keys_values = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])
        self.mix = nn.Linear(width, width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.up = nn.Linear(width, feed_forward)
        self.down = nn.Linear(feed_forward, width)

    def forward(self, tokens: Tensor, visible: Tensor | None, grid: tuple[int, int]) -> Tensor:
        """Return tokens [B, L, W], which stand at places `visible` [L] of the grid; None is all places in order."""
        inside = self.norm_attention(tokens)
        if visible is not None:
            whole = inside.new_zeros(len(inside), math.prod(grid), inside.shape[2])
            inside = whole.index_copy(1, visible, inside)
        near = self.norm_near(self.near(inside.transpose(1, 2).unflatten(2, grid))).flatten(2)
        near = near if visible is None else near[:, :, visible]
        each = near.unflatten(1, (-1, 3)).permute(2, 0, 3, 1)  # three of [B, L, W]
        heads = [
            linear(part).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for linear, part in zip(self.queries_keys_values, each, strict=True)
        ]
        attended = scaled_dot_product_attention(*heads, scale=tokens.shape[2] ** -0.5)
        tokens = tokens + self.mix(attended.transpose(1, 2).flatten(2))
        return tokens + self.down(gelu(self.up(self.norm_feed_forward(tokens))))
