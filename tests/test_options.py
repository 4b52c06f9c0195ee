"""The base of all options: checks, messages, the form in files, and what is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tsreward.errors import OptionError
from tsreward.options import Options, Range, option


@dataclass(frozen=True)
class Base(Options):
    clip: float | None = option(10.0, search=(None, 5.0))
    weight: float = option(1.0, search=Range(0.1, 10.0, log=True), negative=True)


@dataclass(frozen=True)
class Own(Base):
    count: int = option(3, search=Range(1, 9))
    seed: int = option(0, low=0, high=2**32 - 1)
    share: float = option(0.5, above=0, below=1, remedy="it is a share")
    entropy: float | None = option(None, low=-math.inf)
    rate: float = option(1.0, above=0)
    power: int = option(2, high=4)
    form: Literal["tail", "raw", "constant"] = "tail"
    flag: bool = False
    name: str = ""
    path: Path | None = None
    kept: int | float | None = 0.9
    pairs: tuple[tuple[int, int], ...] = option((), low=0)
    size: tuple[int, int] | None = option(None, high=8192, wanted="(height, width) in pixels or None")
    means: tuple[float, float, float] = option((0.5, 0.5, 0.5), low=-math.inf)
    nested: Base = field(default_factory=Base)

    def check(self) -> None:
        if self.flag and self.name:
            self.refuse("name", "empty with flag", "leave one out")


@dataclass(frozen=True)
class Held(Options):
    what: Any


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "Own.count must be an integer >= 1, got 0."),
        ({"count": 2.0}, "Own.count must be an integer >= 1, got 2.0."),
        ({"count": True}, "Own.count must be an integer >= 1, got True."),
        ({"seed": -1}, "Own.seed must be an integer in [0, 4294967295], got -1."),
        ({"seed": 2**32}, "Own.seed must be an integer in [0, 4294967295], got 4294967296."),
        ({"share": 0.0}, "Own.share must be a number in (0, 1), got 0.0: it is a share."),
        ({"share": 1}, "Own.share must be a number in (0, 1), got 1: it is a share."),
        ({"share": math.nan}, "Own.share must be a number in (0, 1), got nan: it is a share."),
        ({"entropy": math.inf}, "Own.entropy must be a finite number or None, got inf."),
        ({"rate": 0}, "Own.rate must be a finite number > 0, got 0."),
        ({"rate": 10**400}, f"Own.rate must be a finite number > 0, got 1{'0' * 52}...."),
        ({"power": 5}, "Own.power must be an integer in [1, 4], got 5."),
        ({"form": "odd"}, "Own.form must be 'tail', 'raw' or 'constant', got 'odd'."),
        ({"form": ["tail"]}, "Own.form must be 'tail', 'raw' or 'constant', got ['tail']."),
        ({"flag": 1}, "Own.flag must be true or false, got 1."),
        ({"name": None}, "Own.name must be a text, got None."),
        ({"path": 3}, "Own.path must be a path or None, got 3."),
        ({"clip": -1.0}, "Own.clip must be a finite number >= 0 or None, got -1.0."),
        ({"kept": "all"}, "Own.kept must be an integer >= 1, a finite number >= 0 or None, got 'all'."),
        (
            {"pairs": ((0, -1),)},
            "Own.pairs must be a list, each item a list of 2, each an integer >= 0, got ((0, -1),).",
        ),
        ({"pairs": ((0,),)}, "Own.pairs must be a list, each item a list of 2, each an integer >= 0, got ((0,),)."),
        ({"size": (64, 9000)}, "Own.size must be (height, width) in pixels or None, got (64, 9000)."),
        ({"means": (0.0, 1.0)}, "Own.means must be a list of 3, each a finite number, got (0.0, 1.0)."),
        ({"nested": 3}, "Own.nested must be Base, got 3."),
        ({"flag": True, "name": "x"}, "Own.name must be empty with flag, got 'x': leave one out."),
        (
            {"form": "\x1b[31m" + "x" * 200},
            "Own.form must be 'tail', 'raw' or 'constant', got '\\x1b[31m" + "x" * 44 + "....",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Own(**values)
    assert str(error.value) == message


def test_values_become_what_the_annotation_says() -> None:
    made = Own(
        count=np.int64(4),  # type: ignore[arg-type]
        rate=np.float32(0.5),  # type: ignore[arg-type]
        share=Fraction(1, 4),  # type: ignore[arg-type]
        path="a/b",  # type: ignore[arg-type]
        pairs=[[0, 4]],  # type: ignore[arg-type]
        weight=2,
    )
    assert (made.count, made.rate, made.share, made.path, made.pairs) == (4, 0.5, 0.25, Path("a/b"), ((0, 4),))
    assert [type(value) for value in (made.count, made.rate, made.share, made.weight)] == [int, float, float, int]


def test_defaults_are_checked_too() -> None:
    @dataclass(frozen=True)
    class Wrong(Options):
        count: int = 0

    with pytest.raises(OptionError, match=r"Wrong.count must be an integer >= 1, got 0"):
        Wrong()


def test_round_trip_through_a_file() -> None:
    made = Own(pairs=((0, 4), (4, 8)), size=(64, 64), kept=None, form="raw", share=0.25)
    values = made.to_json()
    assert values["pairs"] == [[0, 4], [4, 8]]
    assert values["nested"] == {"clip": 10.0, "weight": 1.0}
    assert Own.from_json({name: value for name, value in values.items() if name != "nested"}) == made
    assert Own.from_json({}) == Own()


def test_what_a_file_cannot_hold() -> None:
    with pytest.raises(OptionError, match=r"Held.what is nan, which a file cannot hold: use a finite number or a text"):
        Held(math.nan).to_json()
    assert Held([1, (Path("a"), None)]).to_json() == {"what": [1, ["a", None]]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 3}, "Own has no option 'cuont': did you mean 'count'?"),
        ({"xyzzy": 3}, "Own has no option 'xyzzy'."),
        ({"count": 3.0}, "Own.count must be an integer >= 1, got 3.0."),
        ({"share": "0.5"}, "Own.share must be a number in (0, 1), got '0.5': it is a share."),
    ],
)
def test_what_a_file_cannot_say(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Own.from_json(values)
    assert str(error.value) == message


def test_what_is_searched() -> None:
    assert list(Own.searched()) == ["count", "clip", "weight"]
    assert list(Own.searched(negative=False)) == ["count", "clip"]
    assert Own.searched()["count"] == Range(1, 9)
    assert Base.searched()["clip"] == (None, 5.0)
