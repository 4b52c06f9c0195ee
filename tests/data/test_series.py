"""Files of any kind become episodes; a table's rows are scored as if the log itself had been stepped through."""

from __future__ import annotations

import numpy as np
import pytest

from tests.scripted import scripts
from tsreward.data.csv_log import LogColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.series import read_series
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
    episodes = read_series([tmp_path / name for name in ("e.npz", "a.npy", "b.npz", "c.csv")])
    assert [len(episode) for episode in episodes] == [2, 1, 9, 5, 7, 4, 3, 7]
    np.testing.assert_array_equal(episodes[4].obs, np.concatenate([values[:1], values]))
    np.testing.assert_array_equal(episodes[7].obs, episodes[4].obs)
    assert episodes[0].costs is not None
    assert all(episode.costs is None and episode.rewards is None for episode in episodes[4:])


def test_every_row_of_a_table_is_scored_by_the_window_that_ends_there(tmp_path, seed):
    rng = np.random.default_rng(seed)
    model = RewardModel(Mahalanobis(3, 2), Likeness())
    model.fit(list(rng.normal(size=(5, 30, 2)).astype(np.float32)))
    log = rng.normal(size=(9, 2)).astype(np.float32)
    np.save(tmp_path / "log.npy", log)
    scores = score_episodes(model, read_series([tmp_path / "log.npy"])).score
    windows = WindowSet.from_episodes([log], window=3)
    expected = model.score(next(windows.batches(len(windows)))).numpy()
    np.testing.assert_array_equal(scores, expected)


def test_labels_become_costs(tmp_path):
    (tmp_path / "c.csv").write_text("x,attack\n1,0\n2,1\n")
    (episode,) = read_series([tmp_path / "c.csv"], LogColumns(label="attack"))
    assert episode.costs is not None
    assert episode.costs.tolist() == [0, 1]


def test_data_that_does_not_belong_together_is_refused(tmp_path):
    np.save(tmp_path / "wide.npy", np.ones((4, 5)))
    np.save(tmp_path / "slim.npy", np.ones((4, 2)))
    np.savez(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"slim.npy holds observations \[2\], but .*wide.npy \[5\]"):
        read_series([tmp_path / "wide.npy", tmp_path / "slim.npy"])
    with pytest.raises(DataError, match="No file was given"):
        read_series([])
    with pytest.raises(DataError, match=r"none.npz holds no array"):
        read_series([tmp_path / "none.npz"])
    with pytest.raises(DataError, match=r"wide.npy has no named columns: only a CSV file"):
        read_series([tmp_path / "wide.npy"], LogColumns(label="attack"))
