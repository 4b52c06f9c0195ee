"""`Detector`: what every detector of anomalous rows is, with the surface of PyOD and scikit-learn."""

from __future__ import annotations

import inspect
import math
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from numbers import Integral, Real
from typing import Any, TypeVar, Unpack

import numpy as np
from torch import Tensor

from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError, shown, unknown_name
from tsreward.registry import Registry
from tsreward.sequences.columns import Columns
from tsreward.sequences.expectation import Expectation
from tsreward.sequences.row_options import RowKeywords
from tsreward.sequences.series import Series, as_series

DetectorT = TypeVar("DetectorT", bound="Detector")


class Detector(ABC):
    """An unsupervised detector: `fit(X)`, then one score per row of a series, and 1 for a row that is an anomaly.

    Scores have PyOD's sign: higher is more anomalous. `tsreward.sklearn` holds the estimator with scikit-learn's sign.

    Subclasses write `learn` and `measure`; those that can be saved `allocate` and `state`, too, and are registered in
    `DETECTOR_CLASSES`. As in scikit-learn, the constructor keeps every argument under its own name, and what is learned
    has a name that ends with an underscore.

    Args:
        false_alarm_rate: fraction of normal rows that may pass the threshold, between 0 and 1. It can be set after the
            fit as well. None fits no threshold, which takes about half of the time.
        threshold: rule that makes a threshold of held-out scores: conformal, quantile or pot (peaks over threshold);
            see `tsreward.detection.thresholds`.
    """

    false_alarm_rate: float | None = 0.01
    threshold: str = "conformal"
    n_features_in_: int | None = None
    """Number D of columns it was fitted on; None before."""
    feature_names_in_: np.ndarray | None = None
    """[D] names of these columns, as objects; None before, and where they had none. Other data is matched by them."""
    expected_: Expectation | None = None
    """What replaces missing values under missing="mask"; None before."""
    held_out_scores_: np.ndarray = np.zeros(0)
    """[N] float64: scores of the last rows of the series it was fitted on, by the same detector fitted on the rows
    before them; empty where `false_alarm_rate` is None."""

    def __init__(self, *, false_alarm_rate: float | None = 0.01, threshold: str = "conformal") -> None:
        if threshold not in THRESHOLDS:
            raise unknown_name("threshold", threshold, THRESHOLDS)
        self.false_alarm_rate, self.threshold = false_alarm_rate, threshold
        valid = false_alarm_rate is None or (isinstance(false_alarm_rate, Real) and 0 < false_alarm_rate < 1)
        self._require("false_alarm_rate", valid, "a number in (0, 1) or None")

    @property
    def causal(self) -> bool:
        """Whether the score of a row depends on no later row."""
        return True

    @property
    def title(self) -> str:
        """What the detector is called in messages."""
        return type(self).__name__

    @property
    def reach(self) -> tuple[int, int] | None:
        """Rows before and after a row that its score depends on; None where that is not known."""
        return None

    @abstractmethod
    def learn(self, series: Series) -> None:
        """Learn what is normal from all rows of a series, from a fresh start; its labels are not looked at."""

    @abstractmethod
    def measure(self, series: Series) -> np.ndarray:
        """Return scores [T] float64 of the rows."""

    def fit(self: DetectorT, X: Any, **rows: Unpack[RowKeywords]) -> DetectorT:
        """Learn what is normal from a Series, an array [T, D] or a DataFrame, and return the detector.

        The names of columns are kept. `rows` says what is done about the rows of frames and arrays, see `RowOptions`:
        ignore, missing, time, gap, ...

        Labels, if any, are not looked at. Where there is a `false_alarm_rate`, the detector is first fitted without the
        last quarter of the rows (see `held_out_scores`), and then on all of them.

        Raises:
            ShapeError, DataError: what is no finite numbers [T, D], or too little of it.
        """
        series = as_series(X, **rows)
        held_out = np.zeros(0)
        if self.false_alarm_rate is not None:
            held_out = held_out_scores(self, series)
        self.n_features_in_ = None
        self.learn(series)
        self.n_features_in_, self.held_out_scores_ = series.dim, held_out
        self.feature_names_in_ = np.array(series.columns, dtype=object) if series.columns else None
        self.expected_ = Expectation(series.dim).fit(series.values)
        return self

    def decision_function(self, X: Any, **rows: Unpack[RowKeywords]) -> Any:
        """Return one score per row, higher is more anomalous: an array [T] float64, or a pandas Series for a DataFrame.

        A pandas Series has the index of the DataFrame. Columns with names may stand in any order. `rows` says what is
        done about the rows of frames and arrays, see `RowOptions`: ignore, missing, time, gap, ...; with
        missing="drop", the scores are those of the rows that are left.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than in `fit`.
            DataError: a column is missing or unknown, or a score is NaN or infinite.
        """
        series = self._as_fitted(X, rows)
        scores = self.scores(series)
        if not hasattr(X, "iloc"):
            return scores
        import pandas  # X is a pandas object, so it is there

        return pandas.Series(scores, index=series.index, name="score")

    def predict(self, X: Any, **rows: Unpack[RowKeywords]) -> Any:
        """Return 1 for the rows whose score passes `threshold_`, and 0 for the others: int64 [T], or a pandas Series.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than in `fit`.
            DataError: as for `threshold_`, a column is missing or unknown, or a score is NaN or infinite.
        """
        threshold = self.threshold_
        flags = (self.decision_function(X, **rows) > threshold).astype(np.int64)
        return flags.rename("is_anomaly") if hasattr(X, "iloc") else flags

    @property
    def threshold_(self) -> float:
        """The score that a fraction `false_alarm_rate` of normal rows passes, in the unit of the scores.

        Raises:
            NotFittedError: before `fit`, or fitted without a false-alarm rate.
            DataError: too few held-out scores for the rule at this rate.
        """
        if self.n_features_in_ is None:
            raise NotFittedError(f"{self.title} is not fitted: call fit(X) first.")
        if self.false_alarm_rate is None or not len(self.held_out_scores_):
            raise NotFittedError(
                f"{self.title} has no threshold, because it was fitted with false_alarm_rate=None or on one row: set a "
                f"rate and fit it again."
            )
        return float(THRESHOLDS[self.threshold](self.held_out_scores_, self.false_alarm_rate))

    def scores(self, series: Series) -> np.ndarray:
        """Return what `measure` gives, checked: detectors that are made of others take their scores from here.

        Raises:
            ShapeError: not one score per row.
            DataError: a score is NaN or infinite.
        """
        stretches = series.stretches()
        if len(stretches) > 1:
            return np.concatenate([self.scores(part) for part in stretches])
        scores = np.asarray(self.measure(series), dtype=np.float64)
        if scores.shape != (len(series),):
            raise ShapeError(f"{self.title} gave scores {list(scores.shape)} for the {len(series)} rows of a series.")
        bad = np.flatnonzero(~np.isfinite(scores))
        if len(bad):
            raise DataError(
                f"{self.title} gave {scores[bad[0]]} for row {bad[0]} of '{series.name}', and {len(bad)} scores like "
                f"it in all: scale the columns, or fit it with other options."
            )
        return scores

    def explain(self, X: Any, start: int = 0, stop: int | None = None, **rows: Unpack[RowKeywords]) -> np.ndarray:
        """Return how much each column has to do with the scores of the rows from `start` to before `stop`: [rows, D].

        Where a score is a sum over columns, these are its terms, and sum to it; see `Scorer.explain`. For other
        detectors it is by how much a score falls when the column is replaced by its mean on the rows of the fit.
        Explaining costs up to D times as much as scoring: ask for the rows that matter.

        Raises:
            NotFittedError, ShapeError, DataError: as `decision_function`.

        >>> from tsreward.detection.detectors.presets import make_detector
        >>> rows = np.random.default_rng(0).normal(size=(600, 3))
        >>> rows[500:, 2] += 20
        >>> detector = make_detector("mahalanobis").fit(rows[:400])
        >>> int(detector.explain(rows, start=520).mean(0).argmax())
        2
        """
        if self.n_features_in_ is None or self.expected_ is None:
            raise NotFittedError(f"{self.title} is not fitted: call fit(X) first.")
        series = self._as_fitted(X, rows)
        stop = len(series) if stop is None else min(stop, len(series))
        if not 0 <= start < stop:
            raise OptionError(f"{self.title} explains rows of the {len(series)} there are, got {start} to {stop}.")
        back, ahead = self.reach or (len(series), len(series))
        first = max(0, start - back)
        part = series.rows(first, min(len(series), stop + ahead))
        return self.parts(part, self.expected_.mean.numpy())[start - first : stop - first]

    def _as_fitted(self, X: Any, rows: RowKeywords) -> Series:
        """Return the rows as a series of the columns that were fitted."""
        if self.n_features_in_ is None:
            raise NotFittedError(f"{self.title} is not fitted: call fit(X) first.")
        names = None if self.feature_names_in_ is None else Columns(tuple(self.feature_names_in_))
        series = as_series(X, wanted=names, expected=self.expected_, **rows)
        if series.dim != self.n_features_in_:
            raise ShapeError(
                f"{self.title} was fitted on {self.n_features_in_} columns, but '{series.name}' has {series.dim}."
            )
        return series

    def parts(self, series: Series, usual: np.ndarray) -> np.ndarray:
        """Return what `attribute` gives, of each stretch without a gap: [T, D] float64."""
        found = [self.attribute(part, usual) for part in series.stretches()]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        """Return how much each column has to do with each score, [T, D]; `usual` [D] stands for a column's absence."""
        scores, found = self.scores(series), np.empty(series.values.shape)
        for column in range(series.dim):
            values = series.values.copy()
            values[:, column] = usual[column]
            found[:, column] = scores - self.scores(replace(series, values=values))
        return found

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor by name; with `deep` those of parts, too, as `detector__width`."""
        found = {name: getattr(self, name) for name in _parameters(type(self))}
        for name, part in list(found.items()) if deep else []:
            if hasattr(part, "get_params") and not isinstance(part, type):
                found |= {f"{name}__{key}": value for key, value in part.get_params().items()}
        return found

    def set_params(self: DetectorT, **params: Any) -> DetectorT:
        """Change arguments by the names of `get_params`, and return the detector; most take effect at the next fit.

        Raises:
            OptionError: an unknown name, or a value outside its range.
        """
        for name, value in params.items():
            own, _, nested = name.partition("__")
            if own not in _parameters(type(self)):
                raise unknown_name(f"argument of {type(self).__name__}", own, _parameters(type(self)))
            if nested:
                getattr(self, own).set_params(**{nested: value})
            else:
                setattr(self, own, value)
        type(self)(**self.get_params(deep=False))  # its checks are those of the constructor
        return self

    def allocate(self, dim: int) -> None:  # noqa: B027 - a detector of others has nothing of its own
        """Make what `learn` fills in, for D = `dim` columns, so that the values of a file can take its place."""

    def state(self) -> dict[str, Tensor]:
        """Return what `learn` filled in, by name, as tensors that share its memory.

        Raises:
            OptionError: detectors of this class cannot be saved.
        """
        raise OptionError(f"{self.title} cannot be saved: its class has no `state`. Fit it again where it is needed.")

    def params_to_json(self, **given: Any) -> dict[str, Any]:
        """Return the arguments of the constructor as plain JSON; `given` are those that a subclass has written itself.

        Raises:
            OptionError: an argument cannot be written.
        """
        rest = {name: value for name, value in self.get_params(deep=False).items() if name not in given}
        return given | {name: _plain(value, f"{self.title}.{name}") for name, value in rest.items()}

    @classmethod
    def params_from_json(cls, params: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the constructor from what `params_to_json` made of them."""
        return {name: _restored(value) for name, value in params.items()}

    def __repr__(self) -> str:
        parts, default = [], {name: one.default for name, one in _parameters(type(self)).items()}
        for name, value in self.get_params(deep=False).items():
            if default[name] is inspect.Parameter.empty:
                parts.append(_readable(value))
            elif not _equal(value, default[name]):
                parts.append(f"{name}={_readable(value)}")
        return _call(type(self).__name__, parts)

    def _require(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise OptionError(f"{type(self).__name__}.{name} must be {wanted}, got {shown(getattr(self, name))}.")


DETECTORS: Registry[Callable[[int], Detector]] = Registry("detector", "tsreward.detection.detectors")
"""`DETECTORS[name](seed)` returns a detector that is not smoothed: what the command line knows."""

DETECTOR_CLASSES: Registry[type[Detector]] = Registry(
    "detector class", "tsreward.detection.detectors", Detector, group="tsreward.detector_classes"
)
"""Classes that a file can name."""


def to_json(detector: Detector) -> dict[str, Any]:
    """Return class and arguments of a detector as plain JSON, from which `from_json` makes it again, not fitted.

    Raises:
        OptionError: the class is not registered, or an argument cannot be written.
    """
    name = DETECTOR_CLASSES.name_of(type(detector))
    return {"name": name, "package": DETECTOR_CLASSES.package(name), "params": detector.params_to_json()}


def from_json(values: Any) -> Detector:
    """Return the detector that `to_json` described, not fitted.

    Raises:
        OptionError: no installed package has the class, or an argument cannot have its value.
    """
    if not isinstance(values, dict) or set(values) != {"name", "package", "params"}:
        raise OptionError(f"A detector has name, package and params, and nothing else, got {shown(values)}.")
    cls = DETECTOR_CLASSES.find(values["name"], values["package"])
    known = _parameters(cls)
    for name in values["params"]:
        if name not in known:
            raise OptionError(f"{cls.__name__} has no argument {shown(name)}.")
    return cls(**cls.params_from_json(values["params"]))


def held_out_scores(detector: Detector, X: Any, fraction: float = 0.25) -> np.ndarray:
    """Return the scores [N] float64 of the last rows of a series, from the detector fitted on the rows before them.

    A detector knows the rows it was fitted on: a threshold on their scores flags far more of what comes later than it
    was asked to. The last `fraction` of the rows is held out, though at least 100 of them where that leaves half. The
    detector itself is to be fitted again before it is used.

    Raises:
        ShapeError, DataError: what is no finite numbers [T, D], or too little of it.

    >>> from tsreward.detection.detectors.presets import RandomScores
    >>> held_out_scores(RandomScores(), np.zeros((1000, 1))).shape
    (250,)
    """
    series = as_series(X)
    held = max(round(fraction * len(series)), min(100, len(series) // 2))
    detector.n_features_in_ = None
    try:
        detector.learn(series.rows(0, len(series) - held))
    except DataError as error:
        raise DataError(
            f"{error} The last {held} of {len(series)} rows are held out for the threshold: false_alarm_rate=None fits "
            f"all rows, without a threshold."
        ) from error
    return detector.scores(series)[len(series) - held :]


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(cls).parameters
    return {name: parameter for name, parameter in found.items() if parameter.kind in kinds}


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Detector):
        return to_json(value)
    if isinstance(value, tuple | list):
        return [_plain(item, where) for item in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    raise OptionError(f"{where} is {shown(value)}, which a file cannot hold: use a finite number or a text.")


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return from_json(value) if isinstance(value, dict) else value


def _equal(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _readable(value: Any) -> str:
    """Return a value as code that makes it, options without what they are by default."""
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, list | tuple):
        return _call("", [_readable(item) for item in value], "[]")
    if is_dataclass(value):
        shown_fields = [entry for entry in fields(value) if not _equal(getattr(value, entry.name), entry.default)]
        parts = [f"{entry.name}={_readable(getattr(value, entry.name))}" for entry in shown_fields]
        return _call(type(value).__name__, parts)
    return repr(value)


def _call(name: str, parts: list[str], brackets: str = "()") -> str:
    line = f"{name}{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(line) <= 100 and "\n" not in line:
        return line
    body = textwrap.indent(",\n".join(parts), "    ")
    return f"{name}{brackets[0]}\n{body},\n{brackets[1]}"
