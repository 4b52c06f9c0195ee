"""Arrays with an axis of episodes in front give the episodes of arrays without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.data.formats import given
from tsreward.cli.main import main
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.sources import read_data, read_episodes
from tsreward.errors import DataError, OptionError

STEPS = 9


def stacked(fill: float = 0.0, last: bool = True) -> dict[str, np.ndarray]:
    """Return the three episodes in rows, filled up behind their ends; `last` has the observation arrived at."""

    def rows(parts: list[Any], steps: int) -> np.ndarray:
        whole = np.full((len(parts), steps, *parts[0].shape[1:]), fill, parts[0].dtype)
        for row, part in zip(whole, parts, strict=True):
            row[: len(part)] = part
        return whole

    episodes = given()
    arrays = {
        "observations": rows([one.obs if last else one.obs[:-1] for one in episodes], STEPS + last),
        "actions": rows([one.actions for one in episodes], STEPS),
        "rewards": rows([one.rewards for one in episodes], STEPS),
        "costs": rows([one.costs for one in episodes], STEPS),
        "terminals": rows([(np.arange(len(one)) == len(one) - 1) & one.terminated for one in episodes], STEPS),
        "timeouts": rows([(np.arange(len(one)) == len(one) - 1) & (not one.terminated) for one in episodes], STEPS),
    }
    if np.isnan(fill):
        arrays |= {name: np.nan_to_num(arrays[name]).astype(bool) for name in ("terminals", "timeouts")}
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
    return path


def assert_given(path: Path, columns: DataColumns = DataColumns(), last: bool = True) -> None:  # noqa: B008
    read = read_episodes(path, columns)
    assert len(read) == 3
    for one, other in zip(read, given(), strict=True):
        steps = len(other) if last else len(other) - 1
        np.testing.assert_array_equal(one.obs, other.obs[: steps + 1])
        for name in ("rewards", "costs", "actions"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[:steps])
        assert one.terminated == other.terminated


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
@pytest.mark.parametrize("last", [True, False])
def test_each_row_is_an_episode_up_to_its_end(ending, last, tmp_path):
    path = write(tmp_path / f"d.{ending}", stacked(last=last))
    assert_given(path, last=last)
    assert_given(path, DataColumns(stacked="episodes"), last=last)
    told: list[str] = []
    read_episodes(path, tell=told.append)
    assert "one episode in each of 3 rows, of which 2 are shorter (--stacked episodes)" in told[0]


def test_lengths_tell_the_ends(tmp_path):
    arrays = {name: values for name, values in stacked().items() if name not in ("terminals", "timeouts")}
    arrays["observations"][0, -1] = 7.0  # what stands behind the end does not matter
    arrays["episode_lengths"] = np.array([7, 3, 9])
    read = read_episodes(write(tmp_path / "d.npz", arrays))
    assert [len(one) for one in read] == [7, 3, 9]
    np.testing.assert_array_equal(read[1].obs, given()[1].obs)


def test_rows_of_nan_are_behind_the_end(tmp_path):
    arrays = {name: values for name, values in stacked(np.nan).items() if name not in ("terminals", "timeouts")}
    read = read_episodes(write(tmp_path / "d.npz", arrays))
    assert [len(one) for one in read] == [7, 3, 9]


def test_steps_of_several_environments(tmp_path):
    turned = {name: values.swapaxes(0, 1) for name, values in stacked().items()}
    assert_given(write(tmp_path / "d.npz", turned), DataColumns(stacked="steps"))


def test_rows_that_go_on_behind_an_end_need_a_word(tmp_path):
    rng = np.random.default_rng(0)
    done = np.zeros((4, 10), bool)
    done[:, [3, 9]] = True
    arrays = {"observations": rng.normal(size=(4, 10, 2)), "rewards": np.ones((4, 10)), "dones": done}
    path = write(tmp_path / "d.npz", arrays)
    with pytest.raises(DataError, match=r"row 1 goes on behind the end of an episode at step 3: .*--stacked steps"):
        read_data(path)
    columns = DataColumns(stacked="episodes", layout="arrival")
    assert [len(one) for one in read_episodes(path, columns)] == [4, 6] * 4


def test_one_array_of_series(tmp_path):
    series = np.random.default_rng(0).normal(size=(5, 12, 2))
    np.save(tmp_path / "d.npy", series)
    with pytest.raises(DataError, match=r"found shape \[5, 12, 2\]: if it holds one series in each row, say --stacked"):
        read_data(tmp_path / "d.npy")
    read = read_episodes(tmp_path / "d.npy", DataColumns(stacked="episodes"))
    assert [one.obs[1:].tolist() for one in read] == series.tolist()
    assert len(read_episodes(tmp_path / "d.npy", DataColumns(stacked="steps"))) == 12


def test_pictures_and_costs_of_several_numbers_are_not_stacked(tmp_path):
    rows = np.arange(8)
    arrays = {"observations": np.zeros((8, 6, 6, 1), np.uint8), "rewards": rows, "cost": np.zeros((8, 6))}
    read = read_episodes(write(tmp_path / "d.npz", arrays), DataColumns(layout="arrival", cost_reduce="sum"))
    assert [one.obs.shape for one in read] == [(9, 6, 6, 1)]


def test_what_cannot_be_stacked_is_named(tmp_path):
    flat = write(tmp_path / "flat.npz", {"observations": np.zeros((8, 3)), "rewards": np.zeros(8)})
    with pytest.raises(
        DataError, match=r"'rewards' \[8\] is not stacked as 'observations' \[8, 3\] is: .*--stacked out"
    ):
        read_data(flat, DataColumns(stacked="episodes"))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OptionError, match="is a table, and --stacked is about arrays"):
        read_data(tmp_path / "t.csv", DataColumns(stacked="episodes"))
    save_episodes(given(), tmp_path / "own.npz")
    with pytest.raises(OptionError, match="leave --stacked out"):
        read_data(tmp_path / "own.npz", DataColumns(stacked="episodes"))


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
@pytest.mark.parametrize("axes", ["episodes", "steps"])
def test_relabelling_keeps_the_axes(ending, axes, tmp_path):
    save_episodes(given(), tmp_path / "own.npz")
    model = ["--model", str(tmp_path / "m")]
    fit = ["--scorer", "mahalanobis", "--window", "2", "--reward", "likeness", "--held-out", "0"]
    assert main(["fit", "--data", str(tmp_path / "own.npz"), "--out", model[1], *fit]) == 0
    arrays = stacked()
    if axes == "steps":
        arrays = {name: values.swapaxes(0, 1) for name, values in arrays.items()}
    data, out = write(tmp_path / f"d.{ending}", arrays), tmp_path / f"out.{ending}"
    words = ["--stacked", axes] if axes == "steps" else []
    assert main(["relabel", str(data), *model, "--out", str(out), *words]) == 0
    assert main(["relabel", str(tmp_path / "own.npz"), *model, "--out", str(tmp_path / "own2.npz")]) == 0
    wanted = np.split(np.load(tmp_path / "own2.npz")["rewards"], np.cumsum([7, 3]))
    if ending == "npz":
        written = dict(np.load(out))
    else:
        with h5py.File(out) as file:
            written = {name: file[name][()] for name in ("rewards", "original_rewards")}
    np.testing.assert_array_equal(written["original_rewards"], arrays["rewards"])
    rewards = written["rewards"].T if axes == "steps" else written["rewards"]
    assert rewards.shape == (3, STEPS)
    for row, part in zip(rewards, wanted, strict=True):
        np.testing.assert_array_equal(row[: len(part)], part)
        assert not row[len(part) :].any()
