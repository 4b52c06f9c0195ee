"""The head of VadCLIP over frozen features (Wu et al., AAAI 2024, arXiv 2308.11681), made causal for rewards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, normalize

from tsreward.options import option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.gradient import GradientScorer
from tsreward.scorers.transformer import TransformerLayer

_TEMPERATURE = 0.07
_SIMILAR = 0.7  # features whose cosine is less are no neighbours


@dataclass(frozen=True)
class VadCLIPOptions(ScorerOptions):
    """Options of `VadCLIP`."""

    branch: Literal["binary", "class"] = "binary"
    """What scores a step: the logit of the binary branch, or how near it is to the class of anomalies."""
    width: int = 64
    layers: int = 2
    """Layers of local attention."""
    heads: int = option(1, high=64)
    reach: int = 8
    """Steps that local attention looks back, the own one included."""
    separation: float = 0.1
    """Weight of the cosine between the vectors of the two classes."""

    def check(self) -> None:
        if self.width % self.heads:
            self.refuse("width", f"a multiple of heads={self.heads}")


@SCORERS.register("vadclip")
class VadCLIP(GradientScorer[VadCLIPOptions]):
    """How anomalous the last step of a window is, learned from windows of which only the whole is known to be bad.

    Local attention, then two graph convolutions side by side: over steps of similar features (cosine above 0.7,
    soft-maxed) and over near steps (exp(−|i − j| / e)). The binary branch gives a logit per step. The class branch
    compares a step with two learned vectors, normal and anomaly, which stand where the original has texts.

    A bag is a window; of its K steps the k = ⌊K/16⌋ + 1 strangest count (multiple-instance learning). Loss: binary
    cross entropy of the mean of the top k, cross entropy of the classes' means of their top k, and the cosine between
    the class vectors. No step sees a later one, unlike the original.

    >>> scorer = VadCLIP(window=16)
    >>> scorer.materialise(dim=8)
    >>> scorer.steps(torch.zeros(2, 16, 8))[0].shape
    torch.Size([2, 16])
    """

    Options = VadCLIPOptions
    needs_negative = True
    mask: Tensor
    near: Tensor

    @property
    def chunk(self) -> int:
        return 8 if self.window > 1 else 16

    def build(self) -> None:
        options, width = self.options, self.options.width
        self.into = nn.Linear(self.dim, width)
        self.place = nn.Parameter(0.02 * torch.randn(self.window, width))
        self.local = nn.ModuleList([TransformerLayer(width, options.heads, 4 * width) for _ in range(options.layers)])
        self.similar = nn.ModuleList([_GraphConvolution(width), _GraphConvolution(width)])
        self.nearby = nn.ModuleList([_GraphConvolution(width), _GraphConvolution(width)])
        self.join = nn.Linear(2 * width, width)
        self.refine = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.binary = nn.Linear(width, 1)
        self.classes = nn.Parameter(torch.randn(2, width))
        self.prompt = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        steps = np.arange(self.window)
        distance = np.subtract.outer(steps, steps)
        near = np.exp(-np.abs(distance) / math.e) * (distance >= 0)
        near /= near.sum(1, keepdims=True)
        self.register_buffer("mask", torch.tensor((distance >= 0) & (distance < options.reach)), persistent=False)
        self.register_buffer("near", torch.tensor(near, dtype=torch.float32), persistent=False)

    def steps(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits [B, K] of the binary branch, and those [B, K, 2] of the classes normal and anomaly."""
        features = self.into(windows) + self.place
        for layer in self.local:
            features = layer(features, self.mask)
        similar, near = features, features
        for convolution in self.similar:
            similar = convolution(similar, self._similarity(windows))
        for convolution in self.nearby:
            near = convolution(near, self.near)
        features = self.join(torch.cat([similar, near], -1))
        logits = self.binary(features + self.refine(features))[..., 0]
        return logits, self._class_logits(features, logits)

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        assert negative is not None, "fit refuses to learn without"
        logits, classes = self.steps(torch.cat([normal, negative]))
        labels = torch.cat([torch.zeros(len(normal)), torch.ones(len(negative))]).to(logits)
        count = self.window // 16 + 1
        bag = logits.sigmoid().topk(count, 1).values.mean(1)
        kinds = classes.topk(count, 1).values.mean(1)
        own = normalize(self.classes, dim=-1)
        apart = (own[0] @ own[1]).abs()
        return (
            binary_cross_entropy(bag.clamp(1e-6, 1 - 1e-6), labels)
            + cross_entropy(kinds, labels.long())
            + self.options.separation * apart
        )

    def measure(self, windows: Tensor) -> Tensor:
        logits, classes = self.steps(windows)
        if self.options.branch == "binary":
            return logits[:, -1]
        return classes[:, -1, 1] - classes[:, -1, 0]

    def _similarity(self, windows: Tensor) -> Tensor:
        """Return weights [B, K, K] of earlier steps by the cosine of their features; rows add up to 1."""
        unit = normalize(windows, dim=-1)
        cosine = unit @ unit.transpose(1, 2)
        own = torch.eye(self.window, dtype=torch.bool, device=windows.device)
        seen = torch.ones_like(own).tril() & ((cosine > _SIMILAR) | own)
        return cosine.masked_fill(~seen, -torch.inf).softmax(-1)

    def _class_logits(self, features: Tensor, logits: Tensor) -> Tensor:
        """Return logits [B, K, 2] of steps against the class vectors, moved by what the binary branch has seen so far.

        The visual prompt of the original is a mean of all steps; here that of a step is over those up to it.
        """
        weight = logits.sigmoid()[..., None]
        seen = (weight * features).cumsum(1) / weight.cumsum(1).clamp_min(1e-6)
        prompted = self.classes + self.prompt(seen)[:, :, None]  # [B, K, 2, W]
        cosine = (normalize(prompted, dim=-1) * normalize(features, dim=-1)[:, :, None]).sum(-1)
        return cosine / _TEMPERATURE


class _GraphConvolution(nn.Module):
    """Steps [B, K, W] mixed by weights [K, K] or [B, K, K], and added to what they were."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Linear(width, width, bias=False)

    def forward(self, steps: Tensor, adjacency: Tensor) -> Tensor:
        return nn.functional.gelu(adjacency @ self.weight(steps) + steps)
