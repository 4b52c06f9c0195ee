"""Likelihood of token sequences under a causal transformer: VIPER (Escontrela et al. 2023) for frames and sensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from tsreward.errors import DataError, OptionError
from tsreward.functional.seeding import generator
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.scorers.transformer import TransformerLayer
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train


@dataclass(frozen=True)
class VideoLikelihoodOptions(ScorerOptions):
    """Options of `VideoLikelihood`."""

    codes: int | None = option(None, low=2, high=2**16)
    """Features are tokens: whole numbers below this, as `VQTokenizer` gives them. None takes numbers of any kind, and
    puts each feature into bins of its own."""
    bins: int = option(16, low=2, high=4096, search=Range(8, 64, log=True))
    """Bins of a feature that is no token, each of equal frequency in normal data; two more are for what lies beyond."""
    classes: int = option(0, low=0, high=4096)
    """The last feature of every step is no token but a class below this, such as a task; 0 is none."""
    score: Literal["conditional", "joint", "entropy"] = "conditional"
    """conditional: the last step given those before it. joint: the whole window. entropy: how uncertain the prediction
    of the last step is, whatever came."""
    decoding: Literal["autoregressive", "one_shot"] = "autoregressive"
    """one_shot predicts all tokens of the last step at once from the steps before it: faster, and blind to how they
    belong together."""
    width: int = 64
    layers: int = 2
    heads: int = 4
    feed_forward: int = 256

    def check(self) -> None:
        if self.width % self.heads:
            self.refuse("width", f"a multiple of heads={self.heads}")
        if self.decoding == "one_shot" and self.score == "joint":
            self.refuse(
                "score", "'conditional' or 'entropy' with decoding='one_shot'", "it predicts the last step only"
            )


@SCORERS.register("video_likelihood")
class VideoLikelihood(Scorer[VideoLikelihoodOptions]):
    """−log p(last step | steps before it) in nats: Σ over its tokens, in raster order, under a causal transformer.

    Equation 3 of VIPER (arXiv 2305.14343), −log p(x_t | x_{t−K+1}, …, x_{t−1}); K = 1 is −log p(x_t). A reward mode
    turns it into the likelihood. Tokens are neither standardised nor clipped. A window goes through the network
    at once, and in the last layer only the tokens of the last step are computed.

    >>> from tsreward.training import TrainOptions
    >>> episodes = [torch.randint(0, 4, (20, 9)).float() for _ in range(4)]
    >>> scorer = VideoLikelihood(4, VideoLikelihoodOptions(codes=4, width=16))
    >>> windows = WindowSet.from_episodes(episodes, window=4)
    >>> scorer.fit(windows, options=TrainOptions(epochs=1, windows_per_epoch=64))(windows.gather(torch.arange(3))).shape
    torch.Size([3])
    """

    Options = VideoLikelihoodOptions
    uses_negative = False
    uses_held_out = True
    edges: Tensor
    mask: Tensor

    def adopt_codes(self, codes: int, labelled: bool = False) -> None:
        if self.options.codes not in (None, codes):
            raise OptionError(f"VideoLikelihood reads {self.options.codes} codes, and the encoder gives {codes}.")
        if labelled != (self.options.classes > 0):
            given = "one: give VideoLikelihoodOptions.classes" if labelled else "none: take its for_task(...)"
            raise OptionError(f"VideoLikelihood reads {self.options.classes} classes, and the encoder gives {given}.")
        self.options = replace(self.options, codes=codes)

    @property
    def chunk(self) -> int:
        # A window is many rows of every matrix product already.
        return 1 if self.dim is not None and self.window * self.dim >= 32 else 16

    @property
    def vocabulary(self) -> int:
        """How many values a token can have."""
        return self.options.bins + 2 if self.options.codes is None else self.options.codes

    def build(self) -> None:
        options = self.options
        self.tokens = self.dim - (options.classes > 0)
        if self.tokens < 1:
            raise DataError("VideoLikelihood needs a feature beside the class: leave classes at 0.")
        own = 0 if options.codes is not None else options.bins + 1
        self.register_buffer("edges", torch.zeros(self.tokens, own, dtype=torch.float64))
        # Each feature in bins has values of its own; codes mean the same wherever they stand.
        values = self.vocabulary * (1 if own == 0 else self.tokens)
        self.embed = nn.Parameter(0.02 * torch.randn(values, options.width))
        self.start = nn.Parameter(0.02 * torch.randn(options.width))
        self.time = nn.Parameter(0.02 * torch.randn(self.window, 1, options.width))
        self.place = nn.Parameter(0.02 * torch.randn(self.tokens, options.width))
        self.kind = nn.Parameter(torch.randn(options.classes, options.width)) if options.classes else None
        self.layers = nn.ModuleList(
            [TransformerLayer(options.width, options.heads, options.feed_forward) for _ in range(options.layers)]
        )
        self.norm = nn.LayerNorm(options.width)
        self.out = nn.Linear(options.width, self.vocabulary)

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        if self.options.codes is None:
            self._find_bins(normal[0].store[normal[0].last])
        train(self, lambda windows, negative, noise: self._loss(windows), normal, None, options, report)

    @property
    def usual(self) -> Tensor:
        return self.mean if self.options.codes is None else self.mean.round()  # a token is a whole number

    def measure(self, windows: Tensor) -> Tensor:
        tokens, kind = self._tokens(windows)
        joint = self.options.score == "joint"
        logits = self._logits(tokens, kind, None if joint else self.tokens)
        if self.options.score == "entropy":
            logs = logits.log_softmax(-1)
            return -(logs.exp() * logs).sum((-1, -2))
        return self._losses(logits, tokens).sum(1)

    def parts(self, windows: Tensor) -> Tensor | None:
        if self.options.score == "entropy":
            return None
        tokens, kind = self._tokens(windows)
        logits = self._logits(tokens, kind, None if self.options.score == "joint" else self.tokens)
        found = self._losses(logits, tokens).unflatten(1, (-1, self.tokens)).sum(1)
        return pad(found, (0, self.dim - self.tokens))  # a class is given, and has no likelihood

    def _losses(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Return −log p of each token that is scored, [B, tokens]."""
        wanted = tokens.flatten(1) if self.options.score == "joint" else tokens[:, -1]
        return cross_entropy(logits.transpose(1, 2), wanted, reduction="none")

    @torch.inference_mode()
    def sample(self, windows: Tensor, seed: int, temperature: float = 1.0) -> Tensor:
        """Return a next step [B, D] for windows [B, K, D], of which the oldest is forgotten, drawn from the model.

        Args:
            windows: tokens as the encoder gives them, float32.
            seed: where the random numbers come from.
            temperature: below 1 keeps to what is likely; 0 takes the likeliest token.

        Raises:
            DataError: the scorer bins its features, so a token is no value of theirs.
        """
        if self.options.codes is None:
            raise DataError("VideoLikelihood.sample needs tokens: fit it on what VQTokenizer gives, with codes=...")
        noise = generator(seed)
        drawn = torch.cat([windows[:, 1:], windows[:, -1:]], 1).clone()
        for place in range(self.tokens):
            tokens, kind = self._tokens(drawn)
            logits = self._logits(tokens, kind, self.tokens)[:, place]
            if temperature == 0:
                drawn[:, -1, place] = logits.argmax(-1).float()
            else:
                chances = (logits / temperature).softmax(-1).cpu()
                drawn[:, -1, place] = torch.multinomial(chances, 1, generator=noise)[:, 0].to(drawn)
        return drawn[:, -1]

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows as they are: tokens have no scale, and bins take any."""
        return rows

    def _find_bins(self, rows: Tensor) -> None:
        """Take the edges [features, bins + 1] of bins of equal frequency from rows [N, features] of normal data."""
        fractions = torch.linspace(0, 1, self.options.bins + 1, dtype=torch.float64)
        columns = rows[:, : self.tokens].double().sort(0).values
        edges = columns[(fractions * (len(columns) - 1)).round().long()].T.clone()
        room = 1e-3 * (edges[:, -1] - edges[:, 0]) + self.tolerance[: self.tokens]
        edges[:, 0] -= room
        edges[:, -1] += room
        self.edges.copy_(edges)

    def _tokens(self, windows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return tokens [B, K, S], and the classes [B] of windows [B, K, D]."""
        kind = None if self.kind is None else self._classes(windows[:, -1, -1])
        values = windows[..., : self.tokens]
        if self.options.codes is None:
            columns = values.flatten(0, 1).T.double().contiguous()
            return torch.searchsorted(self.edges, columns).T.reshape(values.shape), kind
        tokens = values.long()
        if ((tokens != values) | (tokens < 0) | (tokens >= self.options.codes)).any():
            raise DataError(
                f"VideoLikelihood with codes={self.options.codes} expects tokens, whole numbers from 0 to "
                f"{self.options.codes - 1}, got values from {float(values.min()):g} to {float(values.max()):g}: encode "
                f"frames with a VQTokenizer of as many codes, or leave codes at None for other numbers."
            )
        return tokens, kind

    def _classes(self, values: Tensor) -> Tensor:
        classes = values.long()
        if ((classes != values) | (classes < 0) | (classes >= self.options.classes)).any():
            raise DataError(
                f"VideoLikelihood with classes={self.options.classes} expects a class from 0 to "
                f"{self.options.classes - 1} as the last feature, got {float(values.min()):g} to "
                f"{float(values.max()):g}: give more classes, or leave them at 0."
            )
        return classes

    def _logits(self, tokens: Tensor, kind: Tensor | None, last: int | None) -> Tensor:
        """Return the logits [B, L, V] of the tokens [B, K, S], of the `last` ones alone where that is given."""
        batch = len(tokens)
        numbers = tokens
        if self.options.codes is None:
            numbers = tokens + self.vocabulary * torch.arange(self.tokens, device=tokens.device)
        seen = self.embed[numbers].flatten(1, 2)
        one_shot = self.options.decoding == "one_shot"
        if one_shot:  # the last step is hidden from all
            seen = torch.cat([seen[:, : -self.tokens], self.start.expand(batch, self.tokens, -1)], 1)
        else:
            seen = torch.cat([self.start.expand(batch, 1, -1), seen[:, :-1]], 1)
        steps = seen + (self.time + self.place).flatten(0, 1)
        if self.kind is not None and kind is not None:
            steps = steps + self.kind[kind][:, None]
        length = steps.shape[1]
        mask = None if one_shot else torch.ones(length, length, dtype=torch.bool, device=steps.device).tril()
        for index, layer in enumerate(self.layers):
            steps = layer(steps, mask, last if index == len(self.layers) - 1 else None)
        return self.out(self.norm(steps))

    def _loss(self, windows: Tensor) -> Tensor:
        tokens, kind = self._tokens(windows)
        last = self.tokens if self.options.decoding == "one_shot" else None
        logits = self._logits(tokens, kind, last)
        wanted = tokens.flatten(1) if last is None else tokens[:, -1]
        return cross_entropy(logits.transpose(1, 2), wanted)
