"""Rows that hold what a reset gave, and rows without a time stamp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.scripted import script, small_model
from tsreward.cli.main import main
from tsreward.data import delimited
from tsreward.data.columns import DataColumns
from tsreward.data.relabelling import relabel_file
from tsreward.data.sources import read_data, read_episodes
from tsreward.detection.datasets.own_tables import read_table
from tsreward.errors import DataError
from tsreward.io import save
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import score_episodes
from tsreward.sequences.episodes import Episode, as_episodes


def _given() -> list[Episode]:
    rng = np.random.default_rng(3)
    return [script(rng, length) for length in (9, 1, 6)]


def _write(path: Path, rewards: bool = True) -> Path:
    """Write one row for every observation: that of the reset has no reward, cost and action."""
    parts = []
    for name, one in enumerate(_given()):
        part = pandas.DataFrame(one.obs, columns=["x", "y", "z"]).assign(episode=name)
        for column, values in {"reward": one.rewards, "cost": one.costs, "action": np.ones(len(one))}.items():
            if rewards or column != "reward":
                part[column] = np.concatenate([[np.nan], values])
        parts.append(part)
    pandas.concat(parts).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("rewards", [True, False])
def test_a_first_row_that_pays_nothing_is_the_reset(rewards, tmp_path):
    _, reading = read_data(_write(tmp_path / "d.csv", rewards))
    assert "the first rows of 3 episodes pay nothing and are their resets" in reading.notes
    for read, one in zip(reading.episodes, _given(), strict=True):
        np.testing.assert_array_equal(np.float32(read.obs), one.obs)
        assert read.costs is not None and one.costs is not None and read.costs.tolist() == one.costs.tolist()
        assert (read.rewards is not None) == rewards
        assert read.rewards is None or read.rewards.tolist() == one.rewards.tolist()  # type: ignore[union-attr]
        assert read.first_known


def test_an_empty_reward_elsewhere_is_refused(tmp_path):
    frame = pandas.read_csv(_write(tmp_path / "d.csv"))
    frame.loc[4, "reward"] = np.nan
    frame.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(DataError, match="row 5 of column 'reward' must be a finite number, found nothing"):
        read_data(tmp_path / "d.csv")
    with pytest.raises(DataError, match="row 1 of column 'action'"):
        read_data(_write(tmp_path / "e.csv"), DataColumns(layout="transition"))


def test_arrays_of_arrivals_may_begin_with_a_reset(tmp_path):
    one = _given()[0]
    assert one.rewards is not None
    ends = np.arange(10) == 9
    np.savez(tmp_path / "d.npz", observations=one.obs, rewards=np.concatenate([[np.nan], one.rewards]), dones=ends)
    (read,) = read_episodes(tmp_path / "d.npz", DataColumns(layout="arrival"))
    np.testing.assert_array_equal(read.obs, one.obs)
    assert read.rewards is not None and read.rewards.tolist() == one.rewards.tolist()


@pytest.mark.parametrize("mode", ["penalty", "likeness"])
def test_such_tables_are_scored_and_paid_as_online_however_they_are_cut(mode, tmp_path, monkeypatch):
    model = small_model(mode=mode, smoothing=0.5)
    save(model, tmp_path / "m.safetensors")
    path = _write(tmp_path / "d.csv")
    episodes = read_episodes(path)
    wanted, scores = relabel(model, episodes), score_episodes(model, episodes)
    for size in (delimited.BLOCK, 64):
        monkeypatch.setattr(delimited, "BLOCK", size)
        done = relabel_file(model, path, tmp_path / "out.csv")
        paid = pandas.read_csv(tmp_path / "out.csv")
        assert np.isnan(paid["reward"][[0, 10, 12]]).all() and done.missing_first == 0 and done.steps == 16
        np.testing.assert_array_equal(
            paid["reward"].dropna().to_numpy(), np.concatenate([one.reward.numpy() for one in wanted])
        )
        arguments = ["score", str(path), "--model", str(tmp_path / "m.safetensors")]
        assert main([*arguments, "--out", str(tmp_path / "s.csv")]) == 0
        read = pandas.read_csv(tmp_path / "s.csv")
        np.testing.assert_array_equal(read["score"].to_numpy(np.float32), scores.score)
        assert read["step"].tolist() == scores.step.tolist()
        assert read["missing_first"].tolist() == [0] * 16


def _stamped(path: Path, lost: tuple[int, ...] = (0, 4, 5, 19)) -> pandas.DataFrame:
    frame = pandas.DataFrame({"t": pandas.date_range("2024-01-01", periods=20, freq="min").astype(str)})
    frame["x"] = np.arange(20.0)
    frame.loc[list(lost), "t"] = np.nan
    frame.to_csv(path, index=False)
    return frame


@pytest.mark.filterwarnings("ignore:.*usually steps by")
@pytest.mark.parametrize("size", [None, 64])
def test_drop_leaves_out_rows_without_a_stamp_and_counts_them(size, tmp_path, monkeypatch):
    if size:
        monkeypatch.setattr(delimited, "BLOCK", size)
    frame = _stamped(tmp_path / "d.csv")
    kept = [float(row) for row in range(20) if row not in (0, 4, 5, 19)]
    _, reading = read_data(tmp_path / "d.csv", DataColumns(time="t", missing="drop", ignore=()))
    (episode,) = reading.episodes
    assert episode.obs[1:, 0].tolist() == kept
    assert "4 rows with missing values left out" in reading.notes
    assert reading.stamps == frame["t"].dropna().tolist()
    series = read_table(tmp_path / "d.csv", columns=DataColumns(time="t", missing="drop"))
    assert series.values[:, 0].tolist() == kept


@pytest.mark.filterwarnings("ignore:.*usually steps by")
def test_a_gap_around_a_row_without_a_stamp_is_one(tmp_path):
    _stamped(tmp_path / "d.csv", (4, 5))
    (first, second) = read_episodes(tmp_path / "d.csv", DataColumns(time="t", missing="drop", gap=90))
    assert first.obs[1:, 0].tolist() == [0, 1, 2, 3] and second.obs[1, 0] == 6


@pytest.mark.parametrize("missing", ["error", "ffill", "interpolate", "mask"])
def test_elsewhere_a_row_without_a_stamp_is_refused_with_the_option(missing, tmp_path):
    _stamped(tmp_path / "d.csv", (4,))
    with pytest.raises(DataError, match=r"row 5 of time column 't' must be .*found nothing.*--missing drop"):
        read_episodes(tmp_path / "d.csv", DataColumns(time="t", missing=missing))
    frame = pandas.DataFrame({"x": np.arange(4.0)}, index=pandas.to_datetime(["2024-01-01", None, "2024-01-03", None]))
    with pytest.raises(DataError, match=r"row 2 of time column 'index' is missing.*--missing drop"):
        as_episodes(frame, missing=missing)


@pytest.mark.filterwarnings("ignore:.*usually steps by")
def test_a_stamp_out_of_order_is_named_by_its_row_behind_rows_without_one(tmp_path):
    frame = _stamped(tmp_path / "d.csv")
    frame.loc[12, "t"] = frame.loc[2, "t"]
    frame.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(DataError, match="row 13 of time column 't' is 540 s before the row above"):
        read_episodes(tmp_path / "d.csv", DataColumns(time="t", missing="drop"))
    with pytest.raises(DataError, match="row 1 of time column 't'"):
        _stamped(tmp_path / "e.csv", tuple(range(20)))
        read_episodes(tmp_path / "e.csv", DataColumns(time="t", missing="drop"))


@pytest.mark.filterwarnings("ignore:.*usually steps by")
@pytest.mark.parametrize("column", [None, "t", "word"])
def test_frames_drop_rows_without_a_stamp_too(column):
    stamps = pandas.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04", None])
    frame = pandas.DataFrame({"x": [0, 1, 2, 3, 4]}, index=None if column else stamps)
    rows = {} if column is None else {"time": column}
    if column:
        frame[column] = stamps if column == "t" else [None if one is pandas.NaT else str(one) for one in stamps]
    ((episode,), _) = as_episodes(frame, missing="drop", **rows)  # type: ignore[arg-type]
    assert episode.obs[1:, 0].tolist() == [0, 2, 3]
