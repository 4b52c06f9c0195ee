"""Rows of every library, and dicts and tuples of them: the same scores, rewards and fits as plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tsreward
from tests.walk import Walk, played, walk_model
from tsreward.errors import DataError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode, as_episodes
from tsreward.sequences.parts import as_rows


class OnlyDLPack:
    """An array of a library that numpy does not know."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = torch.from_numpy(values.copy())

    def __dlpack__(self, **kind: Any) -> Any:
        return self._values.__dlpack__(**kind)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


class OnDevice(OnlyDLPack):
    """One that lies on a device, and refuses to become a numpy array on its own."""

    def __array__(self, *kind: Any, **more: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")


class OnlyArray:
    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._values.copy() if dtype is None else self._values.astype(dtype)


FORMS = {
    "tensor": lambda rows: torch.from_numpy(rows.copy()),
    "gradient": lambda rows: torch.from_numpy(rows.copy()).requires_grad_(),
    "dlpack": OnlyDLPack,
    "device": OnDevice,
    "array": OnlyArray,
    "dict": lambda rows: {"z": rows[:, 1:], "a": torch.from_numpy(rows[:, :1].copy()).requires_grad_()},
    "nested": lambda rows: {"b": {"y": rows[:, 2], "x": rows[:, 1:2]}, "a": rows[:, 0]},
    "whole": lambda rows: {"observation": OnlyDLPack(rows)},
}


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return walk_model()


@pytest.fixture(scope="module")
def walks() -> list[np.ndarray]:
    return [episode.obs for episode in played(Walk(), 8, seed=7)]


@pytest.mark.parametrize("form", FORMS)
def test_scores_and_rewards_are_those_of_numpy(form, model, walks):
    rows, given = walks[0], FORMS[form](walks[0])
    assert torch.equal(model.score(given), model.score(rows))
    assert torch.equal(model.score([given, given])[1], model.score(rows))
    assert torch.equal(tsreward.relabel(model, given).reward, tsreward.relabel(model, rows).reward)
    assert as_episodes(given)[0][0].obs.dtype == rows.dtype


@pytest.mark.parametrize("form", [*FORMS, "tuple"])
def test_episodes_hold_numpy(form, model, walks):
    rows = walks[0]
    given: Any = (rows[:, :2], rows[:, 2]) if form == "tuple" else FORMS[form](rows)
    rewards: Any = torch.ones(len(rows) - 1, requires_grad=True)
    episode = Episode(given, rewards)
    assert type(episode.obs) is type(episode.rewards) is np.ndarray
    assert np.array_equal(episode.obs, rows)
    assert torch.equal(tsreward.relabel(model, episode).reward, tsreward.relabel(model, Episode(rows)).reward)


@pytest.mark.parametrize("form", FORMS)
def test_fits_are_those_of_numpy(form, walks):
    plain = RewardModel(KNN(4), Likeness()).fit(walks, rewards=np.ones(3))
    other = RewardModel(KNN(4), Likeness()).fit([FORMS[form](rows) for rows in walks], rewards=torch.ones(3))
    assert torch.equal(plain.score(walks[0]), other.score(walks[0]))
    assert not any(value.requires_grad for value in other.state_dict().values())


def test_a_tuple_in_a_list_is_one_episode(model, walks):
    rows = walks[0]
    assert torch.equal(model.score([(rows[:, :1], rows[:, 1:])])[0], model.score(rows))
    assert torch.equal(model.score((rows, rows))[0], model.score(rows))


def test_a_log_in_chunks_takes_them_too(model, walks):
    from tsreward.pipeline.scores import ScoreStream

    scores = ScoreStream(model)
    given = [scores.push(FORMS["dict"](walks[0][start : start + 9])).score for start in range(0, len(walks[0]), 9)]
    assert np.array_equal(np.concatenate(given), model.score(walks[0]).numpy())


def test_feature_windows_of_every_library_are_scored(model):
    windows = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    wanted = model.score(windows)
    for form in ("gradient", "dlpack", "array"):
        assert torch.equal(model.score(FORMS[form](windows)), wanted)


def test_a_dict_of_columns_keeps_their_names(walks):
    import pandas

    frames = [pandas.DataFrame(rows, columns=["x", "speed", "sine"]) for rows in walks]
    named = RewardModel(KNN(4), Likeness()).fit(frames)
    wanted = named.score(frames[0])
    columns = {name: frames[0][name].to_numpy() for name in ("sine", "x", "speed")}
    assert torch.equal(named.score(columns), wanted)
    with pytest.raises(DataError, match=r"sped"):
        named.score({"sped" if name == "speed" else name: values for name, values in columns.items()})


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        ({"a": np.zeros(3), "b": np.zeros((4, 2))}, ShapeError, "one number of rows, got a 3, b 4"),
        ({"a": np.array(["x", "y"])}, DataError, "The part 'a' is <U1"),
        ({"a": {"b": 3.0}}, DataError, r"The part 'a/b' is float64 \[\]"),
        ({}, DataError, "have no parts"),
    ],
)
def test_what_is_no_rows_is_refused(data, error, told):
    with pytest.raises(error, match=told):
        as_rows(data)
    with pytest.raises(error, match=told):
        as_episodes(data)


def test_parts_of_one_name_are_refused_and_points_in_names_are_letters() -> None:
    with pytest.raises(ShapeError, match="The data has two parts of observations called 'a/b': give one of them"):
        as_rows({"a/b": np.zeros((3, 2)), "a": {"b": np.ones((3, 1))}})
    parts = {"a.b": np.full((3, 1), 2.0), "a": {"b": np.ones((3, 1))}}
    assert as_rows(parts).tolist() == [[1, 2]] * 3
