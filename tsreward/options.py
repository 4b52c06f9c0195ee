"""`Options`: the base of every options dataclass. A field says how it is checked, explained, stored and searched.

The annotation says what a value may be, `option(...)` says between which bounds, and the docstring below the field is
its help on the command line:

    @dataclass(frozen=True)
    class KNNOptions(ScorerOptions):
        neighbours: int = option(5, search=Range(1, 50, log=True))
        \"\"\"Nearest windows that are looked at.\"\"\"
        distance: Literal["mean", "kth"] = "mean"

Where nothing else is said, integers are at least 1, and numbers finite and at least 0.
"""

from __future__ import annotations

import math
import types
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from tsreward.errors import OptionError, nearest, shown

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound="Options")
Choices = tuple[Any, ...]

_KEY = "tsreward"
_MISFIT: Any = object()


@dataclass(frozen=True)
class Range:
    """Numbers that a search tries, from `low` to `high`: whole ones where `low` is one."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class _Limits:
    """What `option` says about a field."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    wanted: str | None = None
    remedy: str = ""
    search: Range | Choices | None = None
    negative: bool = False

    def least(self, kind: type) -> float:
        """Return the smallest value of an int or a float."""
        if self.low is not None:
            return self.low
        if self.above is not None:
            return -math.inf
        return 1 if kind is int else 0

    def hold(self, value: float, kind: type) -> bool:
        """Tell whether a number lies between the bounds."""
        return (
            value >= self.least(kind)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def in_words(self, kind: type) -> str:
        """Describe the numbers that are allowed."""
        noun = "an integer" if kind is int else "a finite number"
        low = self.least(kind) if self.above is None else self.above
        high = self.high if self.below is None else self.below
        opening, closing = ("[", "(")[self.above is not None], ("]", ")")[self.below is not None]
        if high is None:
            return noun if low == -math.inf else f"{noun} {'>=' if opening == '[' else '>'} {low}"
        if low == -math.inf:
            return f"{noun} {'<=' if closing == ']' else '<'} {high}"
        return f"{noun.replace('finite ', '')} in {opening}{low}, {high}{closing}"


_ANY = _Limits()


def flag(name: str) -> str:
    """Return what an option is called on the command line.

    >>> flag("held_out")
    '--held-out'
    """
    return f"--{name.replace('_', '-')}"


def option(
    default: T,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    wanted: str | None = None,
    remedy: str = "",
    search: Range | Choices | None = None,
    negative: bool = False,
) -> T:
    """Return the default of a field of `Options`, with what its annotation can not say.

    Args:
        default: value that the option has where none is given.
        low: smallest number that is allowed, itself included; 1 for integers and 0 for floats where nothing is said,
            -math.inf for none. For a tuple, the bounds are those of every number in it.
        high: largest number that is allowed, itself included.
        above: numbers have to be larger than this.
        below: numbers have to be smaller than this.
        wanted: what the option must be, in words, where those that are made of annotation and bounds are not plain.
        remedy: what to do, or why it must be so; ends the message.
        search: what `tsreward tune` tries: a `Range`, or a tuple of values. None is not searched.
        negative: whether the option matters only to a scorer that is given negative windows.
    """
    limits = _Limits(low, high, above, below, wanted, remedy, search, negative)
    return field(default=default, metadata={_KEY: limits})


@dataclass(frozen=True)
class Options:
    """Base of options dataclasses: every value is checked against its annotation and its bounds when it is made.

    Numpy's numbers become Python's, lists become tuples, and texts become paths where a path is wanted.

    Raises:
        OptionError: a value of another kind, or outside its bounds.

    >>> @dataclass(frozen=True)
    ... class Smoothing(Options):
    ...     decay: float = option(0.5, below=1)
    ...     over: Literal["steps", "episodes"] = "steps"
    >>> Smoothing(decay=1.0)
    Traceback (most recent call last):
    tsreward.errors.OptionError: Smoothing.decay must be a number in [0, 1), got 1.0.
    >>> Smoothing(over="days")
    Traceback (most recent call last):
    tsreward.errors.OptionError: Smoothing.over must be 'steps' or 'episodes', got 'days'.
    """

    def __post_init__(self) -> None:
        for name, hint, limits in _declared(type(self)):
            value = getattr(self, name)
            taken = _taken(value, hint, limits)
            if taken is _MISFIT:
                self.refuse(name, limits.wanted or _wanted(hint, limits), limits.remedy)
            if taken is not value:
                object.__setattr__(self, name, taken)
        for cls in reversed(type(self).__mro__):  # a check that forgot super().check() would hide those before it
            if "check" in vars(cls):
                vars(cls)["check"](self)

    def check(self) -> None:
        """Refuse options that do not go together; the checks of all base classes run too, and before this one."""

    def refuse(self, name: str, wanted: str, remedy: str = "") -> NoReturn:
        """Raise the OptionError that names the option, what it must be, what it is, and what to do."""
        end = f": {remedy}." if remedy else "."
        raise OptionError(f"{self.title(name)} must be {wanted}, got {shown(getattr(self, name))}{end}")

    @classmethod
    def title(cls, name: str) -> str:
        """Return what an option is called in messages."""
        return f"{cls.__name__}.{name}"

    def to_json(self) -> dict[str, Any]:
        """Return the options as values that JSON can hold: tuples become lists, and paths become texts.

        Raises:
            OptionError: a value that a file cannot hold.
        """
        return {entry.name: _plain(getattr(self, entry.name), self.title(entry.name)) for entry in fields(self)}

    def changed(self) -> dict[str, Any]:
        """Return the options that are not at their defaults."""
        return {entry.name: value for entry in fields(self) if (value := getattr(self, entry.name)) != entry.default}

    @classmethod
    def from_json(cls: type[OptionsT], values: dict[str, Any]) -> OptionsT:
        """Return the options that `to_json` gave; one that is not there keeps its default.

        Raises:
            OptionError: an unknown option, a value of another type than the annotation, or one that the class refuses.

        >>> @dataclass(frozen=True)
        ... class Groups(Options):
        ...     groups: tuple[tuple[int, int], ...] = option((), low=0)
        >>> Groups.from_json({"groups": [[0, 4]]})
        Groups(groups=((0, 4),))
        """
        known = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in known:
                near = nearest(name, known)
                hint = f": did you mean '{near[0]}'?" if near else "."
                raise OptionError(f"{cls.__name__} has no option {shown(name)}{hint}")
        return cls(**values)

    @classmethod
    def searched(cls, negative: bool = True) -> dict[str, Range | Choices]:
        """Return what a search tries for every option that it tries any for, those of the class itself first.

        Without `negative`, options that matter only where there are negative windows are left out.
        """
        limits = {name: limits for name, _, limits in _declared(cls)}
        names = dict.fromkeys(name for base in cls.__mro__ for name in vars(base).get("__annotations__", ()))
        return {
            name: limits[name].search  # type: ignore[misc]
            for name in names
            if name in limits and limits[name].search is not None and (negative or not limits[name].negative)
        }


@cache
def _declared(cls: type[Options]) -> list[tuple[str, Any, _Limits]]:
    """Return name, annotation and bounds of every option."""
    hints = get_type_hints(cls)
    return [(entry.name, hints[entry.name], entry.metadata.get(_KEY, _ANY)) for entry in fields(cls)]


def _taken(value: Any, hint: Any, limits: _Limits) -> Any:
    """Return a value as its annotation holds it, or `_MISFIT`; true and false are no numbers, an integer is a float."""
    origin, members = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return value
    if origin in (Union, types.UnionType):
        return next((found for one in members if (found := _taken(value, one, limits)) is not _MISFIT), _MISFIT)
    if origin is Literal:
        return value if any(type(value) is type(one) and value == one for one in members) else _MISFIT
    if origin is tuple:
        return _tuple(value, members, limits)
    if hint in (int, float):
        return _number(value, hint, limits)
    if hint is Path:
        return Path(value) if isinstance(value, (str, PathLike)) else _MISFIT
    return value if isinstance(value, origin or hint) else _MISFIT


def _tuple(value: Any, members: tuple[Any, ...], limits: _Limits) -> Any:
    if not isinstance(value, (tuple, list)):
        return _MISFIT
    if members[1:] == (Ellipsis,):
        members = members[:1] * len(value)
    if len(members) != len(value):
        return _MISFIT
    items = tuple(_taken(item, hint, limits) for item, hint in zip(value, members, strict=True))
    if any(item is _MISFIT for item in items):
        return _MISFIT
    same = type(value) is tuple and all(new is old for new, old in zip(items, value, strict=True))
    return value if same else items


def _number(value: Any, kind: type, limits: _Limits) -> Any:
    if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
        return _MISFIT
    number: Any = value if type(value) in (int, float) else int(value) if isinstance(value, Integral) else float(value)
    try:
        finite = math.isfinite(number)
    except OverflowError:  # an integer that no float is as large as
        finite = kind is int
    return number if finite and limits.hold(number, kind) else _MISFIT


def _wanted(hint: Any, limits: _Limits) -> str:
    """Describe the values that an annotation allows."""
    origin, members = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _either([_wanted(member, limits) for member in members])
    if origin is Literal:
        return _either([repr(choice) for choice in members])
    if origin is tuple and members[1:] == (Ellipsis,):
        return f"a list, each item {_wanted(members[0], limits)}"
    if origin is tuple:
        return f"a list of {len(members)}, each {_either(list(dict.fromkeys(_wanted(one, limits) for one in members)))}"
    if hint in (int, float):
        return limits.in_words(hint)
    named = {bool: "true or false", str: "a text", Path: "a path", types.NoneType: "None"}
    return named.get(hint) or getattr(hint, "__name__", str(hint))


def _either(texts: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item, where) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Options):
        return value.to_json()
    raise OptionError(f"{where} is {shown(value)}, which a file cannot hold: use a finite number or a text.")
