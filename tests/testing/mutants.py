"""Scorers and encoders that are broken in one way each."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.encoders.base import EncoderOptions, Identity
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions


class Constant(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        return torch.ones(len(windows))


class BatchDependent(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        scores = super().measure(windows)
        return scores / (scores.mean() + 1)


class Upside(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        return -super().measure(windows)


class Column(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        return super().measure(windows)[:, None]


class Double(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        return super().measure(windows).double()


class Noisy(Mahalanobis):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.noise = torch.Generator().manual_seed(0)

    def measure(self, windows: Tensor) -> Tensor:
        return super().measure(windows) + torch.rand(len(windows), generator=self.noise)


class Writing(Mahalanobis):
    def forward(self, windows: Tensor) -> Tensor:
        scores = super().forward(windows)
        windows += 1
        return scores


class Counting(Mahalanobis):
    seen: Tensor

    def build(self) -> None:
        super().build()
        self.register_buffer("seen", torch.tensor(0))

    def measure(self, windows: Tensor) -> Tensor:
        self.seen += len(windows)
        return super().measure(windows)


class LeftTraining(Mahalanobis):
    def fit(self, *arguments: Any, **options: Any) -> Any:
        return super().fit(*arguments, **options).train()


class Silent(Mahalanobis):
    def fit(self, *arguments: Any, **options: Any) -> None:
        super().fit(*arguments, **options)


class Forgiving(Mahalanobis):
    def forward(self, windows: Tensor) -> Tensor:
        return super().forward(windows.nan_to_num(0.0, 0.0, 0.0))


class Eager(Mahalanobis):
    def build(self) -> None:
        super().build()
        self.fitted.fill_(True)


class Unregistered(Mahalanobis):
    """Keeps what it learned where no state_dict sees it."""

    def learn(self, *arguments: Any) -> None:
        super().learn(*arguments)
        self.scale = 2.0

    def measure(self, windows: Tensor) -> Tensor:
        return super().measure(windows) * getattr(self, "scale", 1.0)


class Growing(Mahalanobis):
    def learn(self, *arguments: Any) -> None:
        super().learn(*arguments)
        self.register_buffer("bank", torch.zeros(7))


class Remembering(Mahalanobis):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.fits = 0

    def learn(self, *arguments: Any) -> None:
        super().learn(*arguments)
        self.fits += 1
        self.factor.mul_(self.fits)


class BuiltOnce(Mahalanobis):
    def build(self) -> None:
        if not hasattr(self, "centre"):
            super().build()


class AnyLength(Mahalanobis):
    def fit(self, normal: Any, *arguments: Any, **options: Any) -> Any:
        self.window = normal.window
        return super().fit(normal, *arguments, **options)


class SeedsTorch(Mahalanobis):
    def learn(self, *arguments: Any) -> None:
        torch.manual_seed(5)
        super().learn(*arguments)


class DrawsNumpy(Mahalanobis):
    def learn(self, *arguments: Any) -> None:
        np.random.rand()  # noqa: NPY002
        super().learn(*arguments)


class DrawsPython(Mahalanobis):
    def measure(self, windows: Tensor) -> Tensor:
        random.random()
        return super().measure(windows)


class SetsDeterminism(Mahalanobis):
    def learn(self, *arguments: Any) -> None:
        torch.use_deterministic_algorithms(True)
        super().learn(*arguments)


class WritesData(Mahalanobis):
    def fit(self, normal: Any, *arguments: Any, **options: Any) -> Any:
        super().fit(normal, *arguments, **options)
        normal.store += 1e-3
        return self


class Unseeded(Mahalanobis):
    drawn = 0

    def learn(self, *arguments: Any) -> None:
        super().learn(*arguments)
        Unseeded.drawn += 1
        self.factor.mul_(Unseeded.drawn)


class AcceptsShapes(Mahalanobis):
    def forward(self, windows: Tensor) -> Tensor:
        return super().forward(windows.reshape(-1, windows.shape[-2], windows.shape[-1])[:, :4, :5])


class Swallowing(Mahalanobis):
    """Is fitted whatever happens while it learns."""

    def fit(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().fit(*arguments, **options)
        finally:
            self.fitted.fill_(True)


def unclipped(window: int) -> Mahalanobis:
    return Mahalanobis(window, MahalanobisOptions(clip=None))


class Untrained(DeepSVDD):
    def fit(self, normal: Any, negative: Any = None, options: Any = None, report: Any = None) -> Any:
        return super().fit(normal, negative, replace(options, learning_rate=0.0), report)


class OneSeed(DeepSVDD):
    def fit(self, normal: Any, negative: Any = None, options: Any = None, report: Any = None) -> Any:
        return super().fit(normal, negative, replace(options, seed=0), report)


class DeafToNegatives(DeepSVDD):
    def fit(self, normal: Any, negative: Any = None, options: Any = None, report: Any = None) -> Any:
        return super().fit(normal, None, options, report)


class CutsNegatives(DeepSVDD):
    def fit(self, normal: Any, negative: Any = None, options: Any = None, report: Any = None) -> Any:
        wide = negative.map(lambda store: store.repeat(1, 2)[:, : normal.store.shape[1]])
        return super().fit(normal, wide, options, report)


class StartsAgain(DeepSVDD):
    """Trains one epoch more where a training is to be resumed."""

    def fit(self, normal: Any, negative: Any = None, options: Any = None, report: Any = None) -> Any:
        more = options.state is not None and options.epochs == 4
        return super().fit(normal, negative, replace(options, state=None, epochs=options.epochs + more), report)


class Summed(Mahalanobis):
    def parts(self, windows: Tensor) -> Tensor:
        return super().parts(windows).sum(1, keepdim=True)


class Squared(Mahalanobis):
    def parts(self, windows: Tensor) -> Tensor:
        return super().parts(windows).square()


class Beside(Mahalanobis):
    def parts(self, windows: Tensor) -> Tensor:
        return super().parts(windows).roll(1, dims=1)


BROKEN_SCORERS = {
    "each feature has its part in a score": Summed,
    "the parts of a score sum to it": Squared,
    "the feature that broke is blamed": Beside,
    "scores are varied": Constant,
    "rows do not see each other: 1": BatchDependent,
    "planted anomalies score higher": Upside,
    "one score per window": Column,
    "scores are float32": Double,
    "scores are repeatable": Noisy,
    "the windows are not changed": Writing,
    "scoring changes no state": Counting,
    "fit ends in evaluation mode": LeftTraining,
    "fit returns the object": Silent,
    "NaN is refused": Forgiving,
    "-inf is refused": Forgiving,
    "scoring before fit is refused": Eager,
    "score_all before fit is refused": Eager,
    "the state goes through a file": Unregistered,
    "fit keeps the shapes of the state": Growing,
    "a second fit forgets the first": Remembering,
    "a fit on another width starts anew": BuiltOnce,
    "fit refuses another length": AnyLength,
    "fit refuses negative windows of another width": CutsNegatives,
    "the global random numbers of torch are left alone": SeedsTorch,
    "the global random numbers of numpy are left alone": DrawsNumpy,
    "the global random numbers of random are left alone": DrawsPython,
    "global settings are left alone": SetsDeterminism,
    "fit does not change the data": WritesData,
    "the same seed gives the same weights": Unseeded,
    "a longer window is refused": AcceptsShapes,
    "an interrupted fit leaves it unfitted": Swallowing,
    "huge finite values are scored": unclipped,
    "training is what separates": Untrained,
    "another seed gives other weights": OneSeed,
    "negative windows teach what normal ones cannot": DeafToNegatives,
    "resumed training equals straight training": StartsAgain,
}
"""Check that must fail -> scorer."""


class ColumnMean(Identity):
    def encode(self, obs: Tensor) -> Tensor:
        features = super().encode(obs)
        return features - features.mean(0)


class Halved(Identity):
    def encode(self, obs: Tensor) -> Tensor:
        return super().encode(obs)[:, ::2]


class HalfPrecision(Identity):
    def encode(self, obs: Tensor) -> Tensor:
        return super().encode(obs).half()


class Same(Identity):
    def encode(self, obs: Tensor) -> Tensor:
        return torch.zeros(len(obs), self.dim)


class WritesObs(Identity):
    def encode(self, obs: Tensor) -> Tensor:
        obs *= 2
        return super().encode(obs).clone()


class RandomWeights(Identity):
    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions = EncoderOptions()) -> None:  # noqa: B008
        super().__init__(obs_shape, options)
        self.register_buffer("turn", torch.randn(self.dim, self.dim))


class Averages(Identity):
    mean: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions = EncoderOptions()) -> None:  # noqa: B008
        super().__init__(obs_shape, options)
        self.register_buffer("mean", torch.zeros(self.dim))

    def encode(self, obs: Tensor) -> Tensor:
        features = super().encode(obs)
        self.mean += features.mean(0)
        return features - self.mean


class AnyShape(Identity):
    def forward(self, obs: Tensor) -> Tensor:
        return self.encode(obs)


BROKEN_ENCODERS = {
    "rows do not see each other: 3": ColumnMean,
    "features are [B, dim]": Halved,
    "features are float32": HalfPrecision,
    "features are varied": Same,
    "the observations are not changed": WritesObs,
    "made again, it is the same": RandomWeights,
    "the global random numbers are left alone": RandomWeights,
    "encoding changes no state": Averages,
    "features are repeatable": Averages,
    "another shape is refused": AnyShape,
}
"""Check that must fail -> encoder."""
