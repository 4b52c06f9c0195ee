"""What every scorer is: windows `[B, K, D]` in, scores `[B]` out, higher is stranger."""

from __future__ import annotations

import math
import types
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.moments import standardise
from tsreward.functional.seeding import seeded
from tsreward.functional.tensors import in_chunks
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class ScorerOptions:
    """Options that all scorers share: how the inputs are standardised with the moments of normal data.

    Every value is checked against its annotation, because options also come from files: integers are at least 1,
    floats finite and not negative, choices one of those listed.

    >>> ScorerOptions(clip=-1.0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: ScorerOptions.clip must be a finite number >= 0 or None, got -1.0.
    """

    std_floor: float = 0.01
    """Smallest standard deviation of a column, so that a constant column does not explode."""
    clip: float | None = 10.0
    """Standardised values are limited to ± this; None leaves them."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            if not _fits(value, hints[field.name]):
                self.refuse(field.name, _wanted(hints[field.name]))
        if self.std_floor == 0:
            self.refuse("std_floor", "above 0")

    def refuse(self, name: str, wanted: str) -> None:
        """Raise the OptionError that names the option, what it must be, and what it is."""
        raise OptionError(f"{type(self).__name__}.{name} must be {wanted}, got {getattr(self, name)!r}.")


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether an option's value is allowed by its annotation; a bool is not a number, an int is a float."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, member) for member in get_args(hint))
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if hint is int:
        return type(value) is int and value >= 1
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value) and value >= 0
    return type(value) is hint


def _wanted(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_wanted(member) for member in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    names = {int: "an integer >= 1", float: "a finite number >= 0", bool: "true or false", types.NoneType: "None"}
    return names[hint]


OptionsT = TypeVar("OptionsT", bound=ScorerOptions)


class Scorer(nn.Module, ABC, Generic[OptionsT]):
    """A normality model over windows. Subclasses write `build`, `learn` and `measure`.

    The constructor fixes every state shape; `fit` starts from freshly seeded weights; `forward` changes nothing.
    """

    Options: ClassVar[type[ScorerOptions]]
    """The options dataclass: `cls(window, dim, cls.Options(**values))` builds the scorer again."""
    uses_negative: ClassVar[bool]
    """Whether `fit` can learn from known bad windows."""
    needs_negative: ClassVar[bool] = False
    """Whether `fit` cannot do without them."""
    uses_held_out: ClassVar[bool]
    """Whether `learn` needs held-out normal windows, to know when to stop; the others learn from all of them."""
    min_window: ClassVar[int] = 1
    """The shortest window it can work on."""

    mean: Tensor
    std: Tensor
    fitted: Tensor

    def __init__(self, window: int, dim: int, options: OptionsT) -> None:
        super().__init__()
        if window < self.min_window or dim < 1:
            raise OptionError(
                f"{type(self).__name__} needs window >= {self.min_window} and dim >= 1, got {window} and {dim}."
            )
        self.window, self.dim, self.options = window, dim, options
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.register_buffer("fitted", torch.tensor(False))
        with seeded(0):
            self.build()
        self.eval()

    @property
    def chunk(self) -> int:
        """Rows to score at once so that no row's bits depend on its place among them: see `functional.chunks`."""
        return 16

    @abstractmethod
    def build(self) -> None:
        """Create the modules and buffers, with fresh weights from torch's generator."""

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
    ) -> None:
        """Learn what is normal; `negative` are known bad windows for the scorers that can use them.

        Raises:
            OptionError: `negative` is given to a scorer that cannot use it (`uses_negative` is false).
            DataError: no normal windows, too few episodes to hold some out, or no `negative` where it is needed.
            ShapeError: windows of another length or width than this scorer's.
        """
        self._check_set(normal, "normal")
        if negative is not None:
            if not self.uses_negative:
                raise OptionError(
                    f"{type(self).__name__} cannot learn from negative windows: leave them out, or use a scorer that "
                    f"can: DeepSVDD, TransformerAE, LSTMVAE or DQN."
                )
            self._check_set(negative, "negative")
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
            (parts[0].map(self._standardise), parts[1].map(self._standardise)),
            negative_parts and (negative_parts[0].map(self._standardise), negative_parts[1].map(self._standardise)),
            options,
            report,
        )
        self.fitted.fill_(True)
        self.to(options.device).eval()

    @torch.no_grad()
    def forward(self, windows: Tensor) -> Tensor:
        """Return one score per window: [B, K, D] -> [B], float32, without gradients. Rows do not see each other.

        Raises:
            NotFittedError: before `fit` or loading.
            ShapeError: windows of another shape.
            DataError: NaN or inf in a window or in its score.
        """
        if windows.ndim != 3 or windows.shape[1:] != (self.window, self.dim):
            raise ShapeError(
                f"{type(self).__name__} expects windows [B, {self.window}, {self.dim}], got {list(windows.shape)}."
            )
        if not self.fitted:
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit(windows) or load a model first.")
        scores = self.measure(self._standardise(windows.to(torch.float32)))
        # One sum sees every NaN and inf; a sum that overflows by itself leaves `bad` empty.
        if not math.isfinite((windows.sum() + scores.sum()).item()):
            bad = (~torch.isfinite(windows.flatten(1)).all(1) | ~torch.isfinite(scores)).nonzero().flatten().tolist()
            if bad:
                raise DataError(f"{type(self).__name__} got NaN or inf in window(s) {bad[:5]}: clean the observations.")
        return scores

    @torch.inference_mode()
    def score_all(self, windows: WindowSet, batch_size: int = 1024) -> Tensor:
        """Return the scores [B] of all windows of a set in order: each row is standardised once, not once per window.

        Raises:
            NotFittedError: before `fit` or loading.
            ShapeError: windows of another shape.
            DataError: a score is NaN or inf.
        """
        self._check_shape(windows, "the")
        if not self.fitted:
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit(windows) or load a model first.")
        if len(windows) == 0:
            return torch.zeros(0, device=windows.store.device)
        standardised = windows.map(lambda store: self._standardise(store.to(torch.float32)))
        scores = torch.cat([in_chunks(self.measure, batch, batch_size) for batch in standardised.batches(batch_size)])
        bad = (~torch.isfinite(scores)).nonzero().flatten().tolist()
        if bad:
            raise DataError(f"{type(self).__name__} got NaN or inf in window(s) {bad[:5]}: clean the observations.")
        return scores

    def extra_repr(self) -> str:
        """Describe the scorer for `repr`, which also tells one training run from another."""
        return f"window={self.window}, dim={self.dim}, options={self.options}"

    def _standardise(self, rows: Tensor) -> Tensor:
        return standardise(rows, self.mean, self.std, self.options.clip)

    def _renew(self, normal: WindowSet, seed: int) -> None:
        """Be unfitted, with fresh weights, on the CPU; keep the moments of the last steps of the windows."""
        rows = normal.store[normal.last].double()
        self.fitted.fill_(False)
        with seeded(seed):
            self.build()
        self.to("cpu")
        self.mean.copy_(rows.mean(0))
        self.std.copy_(rows.std(0, correction=0).clamp_min(self.options.std_floor))

    def _check_set(self, windows: WindowSet, kind: str) -> None:
        if len(windows) == 0:
            raise DataError(
                f"{type(self).__name__}.fit got no {kind} windows: nothing to learn from. Collect more {kind} data."
            )
        self._check_shape(windows, kind)

    def _check_shape(self, windows: WindowSet, kind: str) -> None:
        if windows.window != self.window or windows.store.shape[1:] != (self.dim,):
            raise ShapeError(
                f"{type(self).__name__} expects {kind} windows [B, {self.window}, {self.dim}], got "
                f"[B, {windows.window}, {', '.join(map(str, windows.store.shape[1:]))}]."
            )


def _split_or_share(negative: WindowSet, options: TrainOptions) -> tuple[WindowSet, WindowSet]:
    """Split bad windows by episode; a handful from one episode serves both purposes."""
    if negative.episodes > 1:
        return negative.split(options.held_out, options.seed)
    return negative, negative
