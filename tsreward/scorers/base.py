"""What every scorer is: windows `[B, K, D]` in, scores `[B]` out, higher is more anomalous."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.moments import ColumnScales, ColumnStatistics, standardise
from tsreward.functional.seeding import seeded
from tsreward.functional.tensors import ReadOnce, in_chunks
from tsreward.options import Options, Range, option
from tsreward.registry import Registry
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class ScorerOptions(Options):
    """Options that all scorers share: how the inputs are standardised with the moments of normal data.

    >>> ScorerOptions(clip=-1.0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: ScorerOptions.clip must be a finite number >= 0 or None, got -1.0.
    """

    clip: float | None = option(10.0, search=(None, 5.0, 10.0, 30.0, 100.0))
    """Standardised values are limited to ± this; None leaves them."""
    std_floor: float = option(0.1, above=0, search=Range(1e-2, 0.5, log=True))
    """Smallest standard deviation of a column, as a fraction of its range on normal data: what hardly ever leaves one
    value is not blown up."""


OptionsT = TypeVar("OptionsT", bound=ScorerOptions)


class Scorer(nn.Module, ABC, Generic[OptionsT]):
    """A normality model over windows [B, K, D]. Subclasses write `build`, `learn` and `measure`.

    `window` is the number of steps K. The number of features D comes from the data at `fit`, or from the file at load:
    until then `dim` is None, and there are no weights. Every `fit` starts from freshly seeded weights, and may be given
    another D than the one before. `forward` changes nothing.

    Raises:
        OptionError: `window` is below `min_window`, or `options` are not of the class `Options`.
    """

    Options: ClassVar[type[ScorerOptions]]
    """The options dataclass: `cls(window, cls.Options(**values))` makes the scorer again."""
    uses_negative: ClassVar[bool]
    """Whether `fit` can learn from negative windows, which are known to be anomalous."""
    needs_negative: ClassVar[bool] = False
    """Whether `fit` cannot do without them."""
    uses_held_out: ClassVar[bool]
    """Whether `learn` needs held-out normal windows, to know when to stop; the others learn from all of them."""
    min_window: ClassVar[int] = 1
    """The shortest window it can work on."""
    graph: ClassVar[bool] = False
    """Whether `measure` is the same operations on tensors for all windows, so that it can be exported."""

    options: OptionsT
    dim: int
    """Features D of a step; None before the data, or `materialise`, have told."""
    mean: Tensor
    std: Tensor
    tolerance: Tensor
    fitted: Tensor

    def __init__(self, window: int, options: OptionsT | None = None) -> None:
        super().__init__()
        self.dim = None  # type: ignore[assignment] - told by the data
        name, wanted = type(self).__name__, self.Options.__name__
        if window < self.min_window:
            raise OptionError(f"{name} needs window >= {self.min_window}, got {window}.")
        if not isinstance(options, self.Options | None):
            raise OptionError(
                f"{name} takes {name}(window, {wanted}(...)), got {options!r} for the options: the number of features "
                f"comes from the data."
            )
        self.window, self.options = window, options or self.Options()  # type: ignore[assignment] - of this class
        self.register_buffer("mean", None)
        self.register_buffer("std", None)
        self.register_buffer("tolerance", None)
        self.register_buffer("fitted", torch.tensor(False))
        self._is_fitted, self._any_constant = ReadOnce(), ReadOnce()
        self.eval()

    def adopt_codes(self, codes: int, labelled: bool = False) -> None:
        """Read features that are tokens, whole numbers below `codes`, the last one a class where they are labelled.

        Raises:
            OptionError: the scorer reads numbers, and the size of a token means nothing.
        """
        raise OptionError(
            f"{type(self).__name__} compares numbers, and the encoder gives tokens, whose size means nothing: take "
            f"VideoLikelihood, or another encoder."
        )

    def adopt_frames(self, shape: tuple[int, int, int]) -> None:
        """Read features that are the bytes of frames of this (height, width, channels).

        Raises:
            OptionError: the scorer reads features, and pixels by themselves mean little.
        """
        raise OptionError(
            f"{type(self).__name__} compares features, and the encoder gives {shape[0]} x {shape[1]} pixels as they "
            f"are: take MaskedAutoencoder, or an encoder such as PixelPCA."
        )

    @property
    def causal(self) -> bool:
        """Whether the score is that of the last step, for which no later one is looked at."""
        return True

    @property
    def chunk(self) -> int:
        """Rows to score at once so that no row's bits depend on its place among them: see `functional.chunks`."""
        return 16

    @abstractmethod
    def build(self) -> None:
        """Create the modules and buffers for `dim` features, with fresh weights from torch's generator."""

    @abstractmethod
    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        """Learn from standardised windows, each given as (training part, held-out part).

        Without `uses_held_out`, both parts of `normal` are all the windows.
        """

    @abstractmethod
    def measure(self, windows: Tensor) -> Tensor:
        """Return scores [B] of standardised windows [B, K, D]."""

    def fit(
        self,
        normal: WindowSet,
        negative: WindowSet | None = None,
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        report: Report | None = None,
    ) -> Self:
        """Learn what is normal, from nothing, and return the scorer.

        Args:
            normal: windows [B, K, D] of normal behaviour. D may be another one than before.
            negative: windows [B', K, D] that are known to be anomalous, for the scorers that can use them.
            options: how to train; a scorer in closed form reads `seed` and `device` alone.
            report: called after every epoch.

        Raises:
            OptionError: `negative` is given to a scorer that cannot use it (`uses_negative` is false), or the options
                do not fit D features.
            DataError: no normal windows, too few episodes to hold some out, or no `negative` where it is needed.
            ShapeError: windows of another length K than this scorer's, or normal and negative ones of different D.
        """
        dim = self._check_set(normal, "normal")
        if negative is not None:
            if not self.uses_negative:
                raise OptionError(
                    f"{type(self).__name__} cannot learn from negative windows: leave them out, or use a scorer that "
                    f"can: {_that_learn_from_negative()}."
                )
            self._check_set(negative, "negative", dim)
        elif self.needs_negative:
            raise DataError(
                f"{type(self).__name__} tells normal windows from others, and got no negative ones: give "
                f"fit(normal, negative), e.g. windows of an agent or of tsreward.sequences.probes, or use DeepSVDD."
            )
        normal = normal.to("cpu")
        parts = normal.split(options.held_out, options.seed) if self.uses_held_out else (normal, normal)
        self._renew(parts[0], options.seed)
        negative_parts = None if negative is None else _split_or_share(negative.to("cpu"), options)
        self.learn(
            (parts[0].map(self.standardise), parts[1].map(self.standardise)),
            negative_parts and (negative_parts[0].map(self.standardise), negative_parts[1].map(self.standardise)),
            options,
            report,
        )
        self.fitted.fill_(True)
        return self.to(options.device).eval()

    @property
    def constant(self) -> tuple[int, ...]:
        """Features that had one value in all normal data: any other value counts as ten standard deviations.

        Raises:
            NotFittedError: before `fit` or loading.
        """
        self._require_fitted()
        return tuple((self.std == 0).nonzero().flatten().tolist())

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows [..., D] of features in the units of normal data, float32, as `learn` and `measure` take them."""
        scales = ColumnScales(self.mean, self.std, self.tolerance)
        return standardise(rows, scales, self.options.clip, self._any_constant(self.std, _has_zero)).float()

    def materialise(self, dim: int) -> None:
        """Create the weights and buffers for windows [B, K, dim], not fitted, as they come before any training.

        `fit` and `tsreward.load` do this by themselves. It is for a `load_state_dict` by hand, and to look inside.

        Raises:
            OptionError: `dim` is below 1, or the options do not fit it.
        """
        if dim < 1:
            raise OptionError(f"{type(self).__name__} needs at least 1 feature, got dim={dim}.")
        self._create(dim, seed=0)
        self.eval()

    @torch.no_grad()
    def forward(self, windows: Tensor) -> Tensor:
        """Return one score per window: [B, K, D] -> [B], float32, without gradients. Rows do not see each other.

        Raises:
            NotFittedError: before `fit` or loading.
            ShapeError: windows of another shape.
            DataError: NaN or inf in a window or in its score.
        """
        self._require_fitted()
        if windows.ndim != 3 or windows.shape[1:] != (self.window, self.dim):
            raise ShapeError(
                f"{type(self).__name__} expects windows [B, {self.window}, {self.dim}], got {list(windows.shape)}."
            )
        scores = self.measure(self.standardise(windows))
        # One sum sees every NaN and inf; a sum that overflows by itself is no reason to refuse.
        if not math.isfinite((windows.sum() + scores.sum()).item()):
            self._refuse_not_finite(~torch.isfinite(windows.flatten(1)).all(1), scores)
        return scores

    @property
    def usual(self) -> Tensor:
        """What stands for a feature [D] that `explain` takes away: the mean of normal data."""
        return self.mean

    def parts(self, windows: Tensor) -> Tensor | None:
        """Return what each feature adds to the scores of standardised windows [B, K, D], [B, D]: they sum to the score.

        None, where the score is no sum over features: then `explain` substitutes.
        """
        return None

    @torch.no_grad()
    def explain(self, windows: Tensor) -> Tensor:
        """Return how much each feature has to do with the score of each window: [B, K, D] -> [B, D], float32.

        Where the score is a sum over features (`parts`), these are its terms. For other scorers it is by how much the
        score falls when the feature is replaced in all steps by its mean on normal data. A negative number lowers the
        score.

        Raises:
            NotFittedError, ShapeError, DataError: as `forward`.

        >>> from tsreward.scorers.knn import KNN, KNNOptions
        >>> from tsreward.sequences.windows import WindowSet
        >>> corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
        >>> scorer = KNN(1, KNNOptions(neighbours=1)).fit(WindowSet.from_episodes([corners], window=1))
        >>> scorer.explain(torch.tensor([[[1.0, 5.0]]]))
        tensor([[0., 4.]])
        """
        scores = self(windows)
        found = self.parts(self.standardise(windows))
        if found is not None:
            return found.float()
        usual, columns = self.usual.to(windows.device), []
        for feature in range(windows.shape[2]):
            without = windows.clone()
            without[:, :, feature] = usual[feature].to(windows.dtype)
            columns.append(scores - self.measure(self.standardise(without)))
        return torch.stack(columns, 1)

    @torch.inference_mode()
    def score_all(self, windows: WindowSet, batch_size: int = 1024) -> Tensor:
        """Return the scores [B] of all windows of a set in order: each row is standardised once, not once per window.

        Raises:
            NotFittedError: before `fit` or loading.
            ShapeError: windows of another shape.
            DataError: a score is NaN or inf.
        """
        self._require_fitted()
        self._check_shape(windows, "the", self.dim)
        if len(windows) == 0:
            return torch.zeros(0, device=windows.store.device)
        batches = windows.map(self.standardise).batches(batch_size)
        scores = torch.cat([in_chunks(self.measure, batch, batch_size) for batch in batches])
        if not math.isfinite(scores.sum().item()):
            store = ~torch.isfinite(windows.store).flatten(1).all(1)
            self._refuse_not_finite(windows.any_step(store), scores)
        return scores

    def extra_repr(self) -> str:
        """Describe the scorer for `repr`, which also tells one training run from another."""
        width = "" if self.dim is None else f"dim={self.dim}, "
        return f"window={self.window}, {width}options={self.options}"

    def _renew(self, normal: WindowSet, seed: int) -> None:
        """Be unfitted, with fresh weights, on the CPU; keep the moments of the last steps of the windows."""
        self._renew_for(ColumnStatistics.of(normal.store[normal.last]), seed)

    def _renew_for(self, normal: ColumnStatistics, seed: int) -> None:
        self._create(len(normal.mean), seed)
        self.to("cpu")
        self.mean, self.std, self.tolerance = normal.scales(self.options.std_floor)

    def _create(self, dim: int, seed: int) -> None:
        self.fitted.fill_(False)
        self.dim = dim
        self.mean, self.std, self.tolerance = (torch.full((dim,), value).double() for value in (0.0, 1.0, 0.0))
        with seeded(seed):
            self.build()

    def _require_fitted(self) -> None:
        if not self._is_fitted(self.fitted):
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit(windows) or load a model first.")

    def _refuse_not_finite(self, damaged: Tensor, scores: Tensor) -> None:
        """Check windows [B], of which some are damaged, and their scores [B]."""
        if found := damaged.nonzero().flatten().tolist():
            raise DataError(f"{type(self).__name__} got NaN or inf in window(s) {found[:5]}: clean the observations.")
        if found := (~torch.isfinite(scores)).nonzero().flatten().tolist():
            raise DataError(
                f"{type(self).__name__} gave {float(scores[found[0]])} for window {found[0]}, {len(found)} such "
                f"score(s) in all, of finite windows: fit it with other options, or repair its measure."
            )

    def _check_set(self, windows: WindowSet, kind: str, dim: int | None = None) -> int:
        """Check windows to learn from, of `dim` features where that is known, and return their number of features D."""
        if len(windows) == 0:
            raise DataError(
                f"{type(self).__name__}.fit got no {kind} windows: nothing to learn from. Collect more {kind} data."
            )
        self._check_shape(windows, kind, dim)
        return windows.store.shape[1]

    def _check_shape(self, windows: WindowSet, kind: str, dim: int | None) -> None:
        found = windows.store.shape[1:]
        if windows.window != self.window or len(found) != 1 or dim not in (None, found[0]):
            raise ShapeError(
                f"{type(self).__name__} expects {kind} windows [B, {self.window}, {'D' if dim is None else dim}], got "
                f"[B, {windows.window}, {', '.join(map(str, found))}]."
            )


SCORERS: Registry[type[Scorer]] = Registry("scorer", "tsreward.scorers", Scorer)
"""`SCORERS[name](window, SCORERS[name].Options(**values))` builds a scorer from a file's names and values."""


def _has_zero(std: Tensor) -> bool:
    return bool((std == 0).any())


def _that_learn_from_negative() -> str:
    found = [SCORERS[name] for name in SCORERS.names(own=True)]
    return ", ".join(cls.__name__ for cls in found if cls.uses_negative)


def _split_or_share(negative: WindowSet, options: TrainOptions) -> tuple[WindowSet, WindowSet]:
    """Split negative windows by episode; a handful from one episode serves both purposes."""
    if negative.episodes > 1:
        return negative.split(options.held_out, options.seed)
    return negative, negative
