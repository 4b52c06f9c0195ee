"""Costs in files: the same names, and the same rules, as for those of environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from tests.data.minari_sets import record
from tsreward.data.columns import DataColumns
from tsreward.data.sources import read_data, read_episodes
from tsreward.errors import DataError, TSRewardWarning
from tsreward.sequences.costs import COMMON
from tsreward.sequences.episodes import Episode

COSTS = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 2.0], [-1.0, 0.25]])
RULES: list[tuple[dict[str, Any], list[float]]] = [
    ({"cost_reduce": "sum"}, [0, 0.5, 2, -0.75]),
    ({"cost_reduce": "max"}, [0, 0.5, 2, 0.25]),
    ({"cost_reduce": 1}, [0, 0, 2, 0.25]),
    ({"cost_reduce": "max", "cost_above": 0.3}, [0, 1, 1, 0]),
    ({"cost_reduce": 0, "cost_sign": "negative"}, [0, -0.5, 0, 1]),
    ({"cost_reduce": "sum", "cost_below": -0.5}, [0, 0, 0, 1]),
]


def _arrays(name: str = "costs") -> dict[str, np.ndarray]:
    steps = np.arange(5.0)[:, None]
    ends = np.array([0, 0, 0, 1])
    return {"observations": steps[:-1], "next_observations": steps[1:], name: COSTS, "terminals": ends}


def _npz(folder: Path) -> Path:
    np.savez(folder / "flat.npz", **_arrays())  # type: ignore[arg-type]
    return folder / "flat.npz"


def _hdf5(folder: Path) -> Path:
    with h5py.File(folder / "flat.hdf5", "w") as file:
        for name, array in _arrays("infos/constraint_costs").items():
            file[name] = array
    return folder / "flat.hdf5"


def _own(folder: Path) -> Path:
    arrays = {"obs": np.zeros((5, 1)), "lengths": np.array([4]), "terminated": np.array([False]), "costs": COSTS}
    np.savez(folder / "own.npz", **arrays)  # type: ignore[arg-type]
    return folder / "own.npz"


def _lists(folder: Path) -> Path:
    columns = {"x": np.arange(4.0), "reward": np.ones(4), "cost": pyarrow.array(COSTS.tolist())}
    parquet.write_table(pyarrow.table(columns), folder / "lists.parquet")
    return folder / "lists.parquet"


@pytest.mark.filterwarnings("ignore:The cost of .* is below 0")
@pytest.mark.parametrize("write", [_npz, _hdf5, _own, _lists])
def test_several_costs_of_a_step_go_through_the_rules_of_infos(write, tmp_path):
    path = write(tmp_path)
    for rules, wanted in RULES:
        (episode,) = read_episodes(path, DataColumns(**rules))
        assert episode.costs is not None and episode.costs.tolist() == wanted, rules
        assert episode.obs.shape == (5, 1)
    unclear: list[dict[str, Any]] = [{}, {"cost_reduce": 7}]
    for rules in unclear:
        with pytest.raises(DataError, match=r"holds 2 numbers for each step.*--cost-reduce"):
            read_episodes(path, DataColumns(**rules))


@pytest.mark.parametrize("name", [*COMMON, "next.cost", "infos/cost", "infos/crashed", "info/costs"])
def test_every_common_name_is_found_and_told(name, tmp_path):
    cost = np.array([0.0, 1.0, 0.0])
    frame = pandas.DataFrame({"x": [0.1, 0.2, 0.3], "reward": 1.0, name: cost})
    frame.to_csv(tmp_path / "d.csv", index=False)
    np.savez(tmp_path / "d.npz", observations=np.zeros((3, 1)), rewards=np.ones(3), **{name: cost})  # type: ignore[arg-type]
    for path, wanted in ((tmp_path / "d.csv", cost), (tmp_path / "d.npz", cost[:-1])):
        decided, reading = read_data(path)
        assert f"cost: {name}" in decided
        assert reading.episodes[0].costs is not None
        np.testing.assert_array_equal(reading.episodes[0].costs[: len(wanted)], wanted)
        assert reading.episodes[0].obs.shape[1:] == (1,)


def test_other_costs_than_the_one_that_is_taken_are_told(tmp_path):
    frame = pandas.DataFrame({"x": [0.1, 0.2], "reward": 1.0, "crashed": [0, 1], "cost": [0.0, 0.0]})
    frame.to_csv(tmp_path / "d.csv", index=False)
    decided, _ = read_data(tmp_path / "d.csv")
    assert "cost: cost (not crashed: --cost chooses)" in decided
    (episode,) = read_episodes(tmp_path / "d.csv", DataColumns(cost="crashed", ignore=("cost",)))
    assert episode.costs is not None and episode.costs.tolist() == [0, 1]


def test_labels_are_not_changed_by_the_rules_of_costs(tmp_path):
    pandas.DataFrame({"x": [0.1, 0.2], "label": [0, 1]}).to_csv(tmp_path / "d.csv", index=False)
    (episode,) = read_episodes(tmp_path / "d.csv", DataColumns(cost_sign="negative"))
    assert episode.costs is not None and episode.costs.tolist() == [0, 1]


def test_empty_costs_are_zero_where_that_is_said(tmp_path):
    frame = pandas.DataFrame({"x": [0.1, 0.2, 0.3], "reward": 1.0, "cost": [0.0, np.nan, 2.0]})
    frame.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(DataError, match=r"row 2 of column 'cost'.*--cost-missing zero"):
        read_episodes(tmp_path / "d.csv")
    (episode,) = read_episodes(tmp_path / "d.csv", DataColumns(cost_missing="zero"))
    assert episode.costs is not None and episode.costs.tolist() == [0, 0, 2]
    np.savez(tmp_path / "d.npz", observations=np.zeros((3, 1)), rewards=np.ones(3), cost=frame["cost"].to_numpy())
    with pytest.raises(DataError, match="costs at step 1, say --cost-missing zero"):
        read_episodes(tmp_path / "d.npz")
    (episode,) = read_episodes(tmp_path / "d.npz", DataColumns(cost_missing="zero"))
    assert episode.costs is not None and episode.costs.tolist() == [0, 0]


def test_negative_costs_are_told_wherever_they_come_from(tmp_path):
    pandas.DataFrame({"x": [0.1, 0.2], "reward": 1.0, "cost": [0, -1]}).to_csv(tmp_path / "d.csv", index=False)
    with pytest.warns(TSRewardWarning, match=r"below 0 in 1 of 2 steps.*--cost-sign negative"):
        read_episodes(tmp_path / "d.csv")
    (episode,) = read_episodes(tmp_path / "d.csv", DataColumns(cost_sign="negative"))
    assert episode.costs is not None and episode.costs.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("key", "values", "rules"),
    [("constraint_cost", [0, 1, 0], {}), ("costs", [[0, 0], [0, 1], [0, 0]], {"cost_reduce": "sum"})],
)
def test_minari_costs_under_other_keys_are_read_and_told(key, values, rules, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    episode = Episode(np.ones((4, 3), np.float32), np.ones(3))
    record("walk-v0", [episode], infos={key: np.array([values[0], *values], float)})
    _, reading = read_data(Path("minari:walk-v0"), DataColumns(**rules))
    assert reading.episodes[0].costs is not None
    assert reading.episodes[0].costs.tolist() == [0, 1, 0]
    assert f"cost: info['{key}'], above 0 in 1 of 3 steps (33.3 %)" in reading.notes
