"""Files of any kind become episodes; a table's rows are scored as if the log itself had been stepped through."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from tests.scripted import scripts
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.logs import read_log
from tsreward.data.scored_files import read_columns
from tsreward.data.sources import read_episodes
from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import score_episodes
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.windows import WindowSet


def test_files_of_all_kinds_are_read_in_order(tmp_path, seed):
    values = np.random.default_rng(seed).normal(size=(7, 3)).astype(np.float32)
    save_episodes(scripts(seed, 1)[0], tmp_path / "e.npz")
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", one=values[:4], two=values[4:])
    rows = "\n".join(",".join(map(str, row)) for row in values)
    (tmp_path / "c.csv").write_text(f"x,y,z\n{rows}\n")
    episodes = read_episodes([tmp_path / name for name in ("e.npz", "a.npy", "b.npz", "c.csv")])
    assert [len(episode) for episode in episodes] == [2, 1, 9, 5, 7, 4, 3, 7]
    np.testing.assert_array_equal(episodes[4].obs, np.concatenate([values[:1], values]))
    np.testing.assert_array_equal(np.float32(episodes[7].obs), episodes[4].obs)
    assert episodes[7].obs.dtype == np.float64  # text has more digits than float32 holds
    assert episodes[0].costs is not None
    assert all(episode.costs is None and episode.rewards is None for episode in episodes[4:])


def test_every_row_of_a_table_is_scored_by_the_window_that_ends_there(tmp_path, seed):
    rng = np.random.default_rng(seed)
    model = RewardModel(Mahalanobis(3), Likeness())
    model.fit(list(rng.normal(size=(5, 30, 2)).astype(np.float32)))
    log = rng.normal(size=(9, 2)).astype(np.float32)
    np.save(tmp_path / "log.npy", log)
    scores = score_episodes(model, read_episodes([tmp_path / "log.npy"])).score
    windows = WindowSet.from_episodes([log], window=3)
    expected = model.score(next(windows.batches(len(windows)))).numpy()
    np.testing.assert_array_equal(scores, expected)


def test_a_table_becomes_values_and_labels_and_loses_no_digit(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,a,attack,host\n2020-01-01,1000000000.5,0,x\n2020-01-02,3,True,\n")
    log = read_log(path, DataColumns(label="attack", ignore=("host",), time="time"))
    assert log.values.dtype == np.float64
    assert log.values.tolist() == [[1000000000.5], [3]]
    assert log.labels is not None and log.labels.tolist() == [0, 1]
    assert log.time == ["2020-01-01", "2020-01-02"]
    with pytest.raises(DataError, match="has no column 'attacks': it has time, a, attack, host"):
        read_log(path, DataColumns(label="attacks"))
    with pytest.raises(DataError, match="has no column left without time, a, attack, host"):
        read_log(path, DataColumns(label="host", ignore=("time", "a", "attack")))
    path.write_text("a,b\n1,2\n3,1e309\n")
    with pytest.raises(DataError, match="row 2 of column 'b' must be a finite number, found '1e"):
        read_log(path)
    path.write_text("a,y\n1,0\n3,-1\n")
    with pytest.raises(DataError, match=r"row 2 of label column 'y' must be 0 \(normal\) or 1 .*, found '-1': convert"):
        read_log(path, DataColumns(label="y"))


def test_parquet_is_read_as_its_csv_file_is(tmp_path):
    stamps = pandas.date_range("2024-05-01", periods=4, freq="h", tz="Europe/Berlin")
    frame = pandas.DataFrame({"a": np.arange(4.0), "b": 2, "attack": [False, True, False, False]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.set_index(stamps.rename("when")).to_parquet(tmp_path / "log.parquet")
    columns = DataColumns(label="attack")
    csv, parquet = (read_episodes([tmp_path / name], columns)[0] for name in ("log.csv", "log.parquet"))
    np.testing.assert_array_equal(csv.obs, parquet.obs)
    np.testing.assert_array_equal(csv.costs, parquet.costs)
    log = read_log(tmp_path / "log.parquet", DataColumns(label="attack", time="when", time_step=3600))
    assert log.time is not None and log.time[0].startswith("2024-04-30 22:00:00") and log.time[0].endswith("Z")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"array 'x', must be \[T, D\], one row per time step, found shape \[3\]"),
        (np.ones((2, 3, 4)), r"found shape \[2, 3, 4\]"),
        (np.ones((0, 3)), r"found shape \[0, 3\]"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), "row 2, column 2 must be a finite number, found nan"),
        (np.array([[np.inf]]), "row 1, column 1 must be a finite number, found inf"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, array, message):
    np.savez(tmp_path / "log.npz", x=array)
    with pytest.raises(DataError, match=f"log.npz.*{message}"):
        read_episodes([tmp_path / "log.npz"])


def test_single_columns_come_from_tables_and_npz(tmp_path):
    np.savez(tmp_path / "s.npz", score=np.array([0.5, 1.5]), label=np.array([False, True]), wide=np.ones((2, 2)))
    (tmp_path / "s.csv").write_text("score,label\n0.5,0\n1.5,1\n")
    for path in (tmp_path / "s.npz", tmp_path / "s.csv"):
        columns = read_columns(path, ("score", "label"))
        assert {name: column.tolist() for name, column in columns.items()} == {"score": [0.5, 1.5], "label": [0, 1]}
        with pytest.raises(DataError, match=r"has no (column|array) 'truth': it has score, label"):
            read_columns(path, ("truth",))
    with pytest.raises(DataError, match=r"'wide' must be finite numbers \[T\], found shape \[2, 2\]"):
        read_columns(tmp_path / "s.npz", ("wide",))


def test_labels_become_costs(tmp_path):
    (tmp_path / "c.csv").write_text("x,attack\n1,0\n2,1\n")
    (episode,) = read_episodes([tmp_path / "c.csv"], DataColumns(label="attack"))
    assert episode.costs is not None
    assert episode.costs.tolist() == [0, 1]


def test_data_that_does_not_belong_together_is_refused(tmp_path):
    np.save(tmp_path / "wide.npy", np.ones((4, 5)))
    np.save(tmp_path / "slim.npy", np.ones((4, 2)))
    np.savez(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"slim.npy holds observations \[2\], but .*wide.npy \[5\]"):
        read_episodes([tmp_path / "wide.npy", tmp_path / "slim.npy"])
    with pytest.raises(DataError, match="No data were given"):
        read_episodes([])
    with pytest.raises(DataError, match=r"none.npz holds no array"):
        read_episodes([tmp_path / "none.npz"])
    with pytest.raises(DataError, match=r"wide.npy has no named columns: only a table"):
        read_episodes([tmp_path / "wide.npy"], DataColumns(label="attack"))
