"""Equal things have equal digests in every process, and different ones do not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from tests.evaluation.bench.fakes import Broken, Distance
from tsreward.evaluation.bench.digests import described, digest


@dataclass(frozen=True)
class Inner:
    size: int = 3
    rate: float = 0.1


class Holder:
    def __init__(self, **given):
        self.__dict__.update(given)


def closure(name):
    return lambda: name


DIFFERENT = [
    (Distance(0), Distance(1)),
    (Distance(0), Broken(0)),
    (Holder(options=Inner()), Holder(options=Inner(size=4))),
    (Holder(options=Inner()), Holder(options=Inner(rate=0.1000001))),
    (Holder(parts=[Distance(0), Distance(0)]), Holder(parts=[Distance(0), Distance(1)])),
    (Holder(a={"x": 1}), Holder(a={"x": 2})),
    (Holder(a=1), Holder(b=1)),
    (Holder(a="1"), Holder(a=1)),
    (Holder(make=partial(Distance, power=1)), Holder(make=partial(Distance, power=2))),
    (Holder(make=Distance), Holder(make=Broken)),
    (Holder(make=closure("HBOS")), Holder(make=closure("KNN"))),
    (Holder(make=lambda size=1: size), Holder(make=lambda size=2: size)),
    (Holder(make=max), Holder(make=min)),
    (Holder(a=float("nan")), Holder(a=float("inf"))),
    (Holder(a={1, 2}), Holder(a={1, 3})),
    (np.zeros(3), np.array([0.0, 0.0, 1e-300])),
    (np.zeros(4), np.zeros((2, 2))),
    (np.zeros(4), np.zeros(4, dtype=np.float32)),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_things(one, other):
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


def test_order_of_attributes_and_layout_of_memory_do_not_matter():
    assert digest(Holder(a=1, b=2)) == digest(Holder(b=2, a=1))
    values = np.arange(12.0).reshape(3, 4)
    assert digest(values) == digest(np.asfortranarray(values)) == digest(values.repeat(2, axis=1)[:, ::2])


def test_a_thing_that_holds_itself():
    holder = Holder()
    holder.own = holder
    assert described(holder)[1] == {"own": "..."}
    inner = Inner()
    assert described([inner, inner])[0] == described([inner, inner])[1]


def test_a_network_has_a_description():
    assert digest(torch.nn.Linear(2, 3)) == digest(torch.nn.Linear(2, 3))


def test_other_processes_agree():
    code = (
        "from tests.evaluation.bench.fakes import Distance\n"
        "from tsreward.evaluation.bench.digests import digest\n"
        "print(digest({'a', 'b', 'c'}, Distance(1), {'x': [lambda: 1]}))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hashing}
        )
        for hashing in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""
