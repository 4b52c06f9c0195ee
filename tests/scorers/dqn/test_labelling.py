"""What is asked about first and together, and how far answers spread."""

import builtins
from typing import Any

import pytest
import torch

from tsreward.errors import MissingExtraError
from tsreward.scorers.dqn.environment import Labels
from tsreward.scorers.dqn.labelling import (
    ActiveOptions,
    ask_best_and_closest,
    ask_first,
    best_apart,
    isolation_scores,
    spread_labels,
)
from tsreward.sequences.windows import WindowSet


@pytest.mark.parametrize("apart", [1, 3, 10])
def test_the_best_are_taken_in_order_and_apart(apart: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    preference, allowed = torch.rand(60, generator=draw), torch.rand(60, generator=draw) < 0.7
    expected: list[int] = []
    for position in preference.argsort(descending=True).tolist():
        if allowed[position] and len(expected) < 8 and all(abs(position - other) >= apart for other in expected):
            expected.append(position)
    assert best_apart(preference, allowed, 8, apart).tolist() == expected


def test_outliers_are_strangest() -> None:
    rows = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    rows[[20, 150]] += 6
    strangeness = isolation_scores(rows, seed=3)
    assert set(strangeness.topk(2).indices.tolist()) == {20, 150}
    assert torch.equal(strangeness, isolation_scores(rows, seed=3))


def test_labels_spread_to_the_most_certain_neighbours_only() -> None:
    draw = torch.Generator().manual_seed(0)
    centres = torch.tensor([-3.0, 3.0]).repeat_interleave(30)
    windows = centres[:, None, None] + 0.3 * torch.randn(60, 2, 2, generator=draw)
    labels = torch.full((60,), -1)
    labels[[4, 40]] = torch.tensor([0, 1])
    spread = spread_labels(windows, labels, 10)
    assert int((spread != -1).sum()) == 10
    assert spread[[4, 40]].tolist() == [-1, -1]
    assert torch.equal(spread[spread != -1], (centres[spread != -1] > 0).long())


@pytest.mark.parametrize(("known", "number"), [({}, 5), ({3: 1}, 5), ({3: 1, 4: 0}, 0)])
def test_nothing_spreads_without_both_classes_or_without_being_asked_to(known: dict[int, int], number: int) -> None:
    labels = torch.full((20,), -1)
    for position, label in known.items():
        labels[position] = label
    windows = torch.arange(20.0)[:, None, None]
    assert torch.equal(spread_labels(windows, labels, number), torch.full((20,), -1))


def test_a_missing_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    windows, labels = torch.zeros(4, 1, 1), torch.tensor([0, 1, -1, -1])
    for call in (lambda: isolation_scores(windows[:, 0], 0), lambda: spread_labels(windows, labels, 1)):
        with pytest.raises(MissingExtraError, match=r"pip install .*\[logs\]"):
            call()


@pytest.mark.parametrize(("first", "asked"), [("errors", [0, 5, 10]), ("forest", [20, 28, 36])])
def test_the_first_questions_are_about_what_errors_or_a_forest_find_strange(first: Any, asked: list[int]) -> None:
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    rows[[20, 28, 36]] += 9
    pool = WindowSet.from_episodes([rows], window=1)
    labels = Labels(40, budget=6, oracle=lambda positions: positions * 0)
    options = ActiveOptions(budget=6, warm_up=0.5, apart=5, first=first)
    ask_first(-torch.arange(40.0), pool, labels, options, seed=0)
    assert sorted(labels.asked) == asked


def test_half_of_the_questions_are_about_the_most_anomalous_and_half_about_the_least_certain() -> None:
    advantages = torch.tensor([9.0, 8.0, -0.1, -7.0, 0.2, -8.0])
    labels = Labels(6, budget=6, oracle=lambda positions: positions * 0)
    ask_best_and_closest(advantages, labels, ActiveOptions(budget=6, apart=1), rounds_left=2)
    assert labels.asked == [0, 1, 2]
    ask_best_and_closest(advantages, labels, ActiveOptions(budget=6, apart=1), rounds_left=1)
    assert labels.asked == [0, 1, 2, 4, 3, 5]
