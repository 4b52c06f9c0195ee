"""Means, covariances, Mahalanobis distances and ridge regression."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from tsreward.functional.tensors import row_product

OFF_CONSTANT = 10.0
"""Standard deviations that another value of a column counts as, where all normal values of the column are the same."""
_ROUNDING = 8
"""Smallest steps of a number's dtype that may lie between values which are meant to be the same."""


class ColumnScales(NamedTuple):
    """What rows are standardised with, in float64: an affine change of a column changes nothing once it is applied."""

    mean: Float64[Tensor, " d"]
    std: Float64[Tensor, " d"]
    """0 for a constant column, which has no scale."""
    tolerance: Float64[Tensor, " d"]
    """How far from the mean a value of a constant column may lie and still be the same; 0 for other columns."""


class ColumnStatistics(NamedTuple):
    """What is known of the columns of some rows, in float64; those of two sets of rows are put together by `merged`."""

    number: int
    low: Float64[Tensor, " d"]
    high: Float64[Tensor, " d"]
    mean: Float64[Tensor, " d"]
    std: Float64[Tensor, " d"]
    step: float
    """Relative step between neighbouring numbers of the rows' dtype."""

    @classmethod
    def of(cls, rows: Shaped[Tensor, "n d"]) -> ColumnStatistics:
        """Return the statistics of rows of any dtype, one or more."""
        wide = rows.double()
        low, high = wide.aminmax(dim=0)
        # From the lowest value and in units of the range, no sum loses digits to an offset, no square is out of bounds.
        unit = torch.where(high > low, high - low, 1.0)
        within = (wide - low) / unit
        std = unit * within.std(0, correction=0)
        return cls(len(rows), low, high, low + unit * within.mean(0), std, _step(rows.dtype))

    def merged(self, other: ColumnStatistics) -> ColumnStatistics:
        """Return the statistics of these rows and others (Chan, Golub & LeVeque 1983).

        >>> one, two = (ColumnStatistics.of(torch.tensor(rows)) for rows in ([[1.0]], [[3.0], [5.0]]))
        >>> float(one.merged(two).mean), round(float(one.merged(two).std), 4)
        (3.0, 1.633)
        """
        number = self.number + other.number
        share, apart = other.number / number, other.mean - self.mean
        spread = (1 - share) * self.std.square() + share * other.std.square() + share * (1 - share) * apart.square()
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        step = max(self.step, other.step)
        return ColumnStatistics(number, low, high, self.mean + share * apart, spread.sqrt(), step)

    def scales(self, std_floor: float) -> ColumnScales:
        """Return what rows are standardised with, see `column_scales`."""
        span = self.high - self.low
        tolerance = _ROUNDING * self.step * torch.maximum(self.low.abs(), self.high.abs())
        constant = span <= tolerance
        mean = torch.where(constant, self.low + span / 2, self.mean)
        std = torch.where(constant, 0.0, torch.maximum(self.std, std_floor * span))
        return ColumnScales(mean, std, torch.where(constant, tolerance, 0.0))


def column_scales(rows: Shaped[Tensor, "n d"], std_floor: float) -> ColumnScales:
    """Return mean and standard deviation of every column, in float64; of a constant column the value and 0.

    Args:
        rows: normal rows of any dtype.
        std_floor: smallest standard deviation of a column, as a fraction of its range (largest less smallest value): a
            column that hardly ever leaves one value is not blown up.

    >>> column_scales(torch.tensor([[1.0, 7.0], [3.0, 7.0]]), std_floor=0.01).std
    tensor([1., 0.], dtype=torch.float64)
    """
    return ColumnStatistics.of(rows).scales(std_floor)


def unusual_columns(rows: Shaped[Tensor, "n d"]) -> dict[str, list[int]]:
    """Return columns by what is unusual about their scale; no score depends on it, but a wrong unit shows in it.

    Kinds are "constant", "tiny" and "huge" (standard deviations below 1e-3 and above 1e5), and "far": further from 0
    than 1e5 standard deviations.

    >>> unusual_columns(torch.tensor([[1.0, 7.0, 2e-5], [3.0, 7.0, 3e-5]]))
    {'constant': [1], 'tiny': [2], 'huge': [], 'far': []}
    """
    mean, std, _ = column_scales(rows, std_floor=0.0)
    varies = std > 0
    found = {
        "constant": ~varies,
        "tiny": varies & (std < 1e-3),
        "huge": std > 1e5,
        "far": varies & (mean.abs() > 1e5 * std),
    }
    return {kind: flags.nonzero()[:, 0].tolist() for kind, flags in found.items()}


def standardise(
    rows: Shaped[Tensor, "*b d"], scales: ColumnScales, clip: float | None, any_constant: bool | None = None
) -> Float64[Tensor, "*b d"]:
    """Return (rows − mean) / std, limited to ±`clip`, in float64 whatever the dtype of the rows.

    In a constant column the value itself becomes 0, and any other ±`OFF_CONSTANT`.

    Args:
        rows: rows of any dtype.
        scales: of normal data.
        clip: None does not limit.
        any_constant: whether any column is constant, where that is known; None looks.

    >>> scales = column_scales(torch.tensor([[1.0, 7.0], [3.0, 7.0]]), std_floor=0.01)
    >>> standardise(torch.tensor([[2.0, 7.0], [6.0, 7.1]]), scales, clip=3.0)
    tensor([[0., 0.],
            [3., 3.]], dtype=torch.float64)
    """
    mean, std, tolerance = scales
    rows = rows.double() if rows.dtype == torch.bool else rows  # the only dtype without a difference
    centred, constant = rows - mean, std == 0  # in float64, as the mean is
    if constant.any() if any_constant is None else any_constant:
        same = centred.abs() <= torch.maximum(tolerance, _ROUNDING * _step(rows.dtype) * mean.abs())
        off = torch.where(same, 0.0, OFF_CONSTANT * centred.sign())
        centred, std = torch.where(constant, off, centred), torch.where(constant, 1.0, std)
    scaled = centred.div_(std)  # in place: new memory for every step of a formula takes most of the time
    return scaled if clip is None else scaled.clamp_(-clip, clip)


def _step(dtype: torch.dtype) -> float:
    """Return the relative step between neighbouring numbers; whole ones are held in float64."""
    return torch.finfo(dtype if dtype.is_floating_point else torch.float64).eps


def mean_and_covariance(
    batches: Iterable[Float[Tensor, "_ d"]],
) -> tuple[Float64[Tensor, " d"], Float64[Tensor, "d d"]]:
    """Return the mean and the (population) covariance of rows that come in batches, in float64.

    Meant for standardised rows: sums of squares lose digits where the mean is large against the standard deviation.

    >>> mean_and_covariance([torch.tensor([[1.0]]), torch.tensor([[3.0]])])
    (tensor([2.], dtype=torch.float64), tensor([[1.]], dtype=torch.float64))
    """
    count, total, products = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for batch in batches:
        rows = batch.double()
        count, total, products = count + len(rows), total + rows.sum(0), products + rows.T @ rows
    mean = total / count
    return mean, products / count - mean[:, None] * mean


def precision_factor(covariance: Float64[Tensor, "d d"], shrinkage: float) -> Float[Tensor, "d d"]:
    """Return W with W Wᵀ the inverse covariance, so that ‖(x − μ) W‖² is the squared Mahalanobis distance.

    The covariance is shrunk towards a multiple of the identity (Ledoit & Wolf 2004, with a fixed fraction `shrinkage`),
    so the factor exists for constant and for collinear columns.

    >>> precision_factor(torch.tensor([[4.0]], dtype=torch.float64), shrinkage=0.0).abs()
    tensor([[0.5000]])
    """
    level = covariance.diagonal().mean().clamp_min(1e-12)
    shrunk = (1 - shrinkage) * covariance + shrinkage * level * torch.eye(len(covariance), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(shrunk)
    return (vectors / values.clamp_min(1e-9 * float(level)).sqrt()).float()


def squared_mahalanobis(
    rows: Float[Tensor, "b d"], mean: Float[Tensor, " d"], factor: Float[Tensor, "d d"]
) -> Float[Tensor, " b"]:
    """Return ‖(x − μ) W‖² for every row.

    >>> squared_mahalanobis(torch.tensor([[3.0, 0.0]]), torch.zeros(2), torch.eye(2))
    tensor([9.])
    """
    return row_product(rows - mean, factor).square().sum(-1)


def mahalanobis_parts(
    rows: Float[Tensor, "b d"], mean: Float[Tensor, " d"], factor: Float[Tensor, "d d"]
) -> Float[Tensor, "b d"]:
    """Return what each column adds to the squared Mahalanobis distance: not negative, and their sum is the distance.

    With P the inverse covariance these are the squares of P^½ (x − μ), the partition of a quadratic form in which the
    transformed columns are as close to the columns themselves as they can be (Garthwaite & Koch 2016).

    Args:
        rows: [B, D].
        mean: [D].
        factor: [D, D] of `precision_factor`: directions, one a column, over the standard deviation along them.

    >>> mahalanobis_parts(torch.tensor([[3.0, 1.0]]), torch.zeros(2), torch.eye(2))
    tensor([[9., 1.]])
    """
    directions = factor / factor.norm(dim=0)
    return row_product(rows - mean, factor @ directions.T).square()


def principal_components(
    covariance: Float64[Tensor, "d d"],
) -> tuple[Float64[Tensor, " d"], Float64[Tensor, "d d"]]:
    """Return the fractions of the variance in falling order and the directions, one unit vector per column.

    The largest entry of a direction is positive, so that its sign is defined.

    >>> principal_components(torch.diag(torch.tensor([1.0, 3.0])).double())[0]
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values / values.sum().clamp_min(1e-300), vectors * torch.where(largest < 0, -1.0, 1.0)


class LinearFit(NamedTuple):
    """A linear map targets ≈ inputs @ weight + bias, and the variance that it leaves in every target."""

    weight: Float64[Tensor, "p d"]
    bias: Float64[Tensor, " d"]
    residual_variance: Float64[Tensor, " d"]


def ridge_from_moments(
    mean: Float64[Tensor, " pd"], covariance: Float64[Tensor, "pd pd"], targets: int, ridge: float
) -> LinearFit:
    """Return argmin mean ‖y − x W − b‖² + ridge · ‖W‖² for rows (x, y) whose last `targets` columns are y.

    Args:
        mean: mean of the rows.
        covariance: population covariance of the rows.
        targets: how many of the last columns are to be predicted.
        ridge: penalty above 0; a penalty on the sum of squared errors is this times the number of rows.

    >>> moments = torch.zeros(2).double(), torch.tensor([[1.0, 2.0], [2.0, 4.0]]).double()
    >>> ridge_from_moments(*moments, targets=1, ridge=1.0).weight
    tensor([[1.]], dtype=torch.float64)
    """
    inputs = len(mean) - targets
    within, across = covariance[:inputs, :inputs], covariance[:inputs, inputs:]
    penalised = within + ridge * torch.eye(inputs, dtype=torch.float64)
    weight = torch.linalg.solve(penalised, across)
    bias = mean[inputs:] - mean[:inputs] @ weight
    explained = 2 * (weight * across).sum(0) - (weight * (within @ weight)).sum(0)
    residual_variance = covariance.diagonal()[inputs:] - explained
    return LinearFit(weight, bias, residual_variance.clamp_min(0))
