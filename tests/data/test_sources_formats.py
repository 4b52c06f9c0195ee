"""One reader: whatever holds the data, the episodes are those of `save_episodes`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from tests.data.formats import LENGTHS, WHOLE, as_hdf5, as_minari, flat, frame, given, lerobot
from tests.data.hdf5_files import outward
from tests.data.video.clips import moving, write
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.sources import read_data, read_episodes
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, OptionError


@pytest.fixture(autouse=True)
def minari_root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


@pytest.mark.parametrize("write", WHOLE)
def test_the_episodes_are_those_that_were_given(write: Callable[[Path], Path], tmp_path):
    told: list[str] = []
    read = read_episodes([write(tmp_path)], tell=told.append)
    save_episodes(given(), tmp_path / "own.npz")
    own = read_episodes([tmp_path / "own.npz"], tell=told.append)
    assert [len(one) for one in read] == [len(one) for one in own] == list(LENGTHS)
    for one, other in zip(read, own, strict=True):
        np.testing.assert_array_equal(np.float32(one.obs), other.obs)
        np.testing.assert_array_equal(one.rewards, other.rewards)  # type: ignore[arg-type]
        np.testing.assert_array_equal(one.costs, other.costs)  # type: ignore[arg-type]
        if write is not as_minari:
            np.testing.assert_array_equal(np.float32(one.actions), other.actions)  # type: ignore[arg-type]
        assert one.terminated == other.terminated and one.first_known
    assert len(told) == 1


def test_what_was_decided_is_told_in_one_line(tmp_path):
    told: list[str] = []
    read_episodes([as_hdf5(tmp_path)], tell=told.append)
    assert len(told) == 1
    assert told[0].split("; ") == [
        f"{tmp_path}/flat.hdf5: reward: rewards",
        "cost: costs",
        "end of an episode: terminals, timeouts",
        "next observation: next_observations",
        "action: actions",
        "observation: observations",
        "a row holds the observation that its transition starts from (--layout transition)",
        "left out: infos/qpos, metadata/policy/weights",
        "3 episodes.",
    ]


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
@pytest.mark.parametrize("fixed", [False, True])
def test_lerobot_folders_hold_all_but_the_last_observation(version, fixed, tmp_path):
    decided, reading = read_data(lerobot(tmp_path, version, fixed))
    assert [len(one) for one in reading.episodes] == [length - 1 for length in LENGTHS]
    for one, other in zip(reading.episodes, given(), strict=True):
        np.testing.assert_array_equal(one.obs, other.obs[:-1])
        np.testing.assert_array_equal(one.rewards, other.rewards[:-1])  # type: ignore[index, arg-type]
        np.testing.assert_array_equal(np.float32(one.actions), other.actions[:-1])  # type: ignore[index, arg-type]
        assert one.columns is not None and one.columns.names == tuple(f"observation.state[{n}]" for n in range(3))
    assert "the last row of every episode has no observation to arrive at, and is left out" in reading.notes
    assert "left out: timestamp, index, task_index" in decided


def test_a_lerobot_folder_that_is_incomplete_or_old_is_refused(tmp_path):
    root = lerobot(tmp_path)
    (root / "data" / "chunk-000" / "episode_000001.parquet").unlink()
    with pytest.raises(DataError, match=r"16 rows of 19 that meta/info\.json promises: download the rest"):
        read_data(root)
    info = json.loads((root / "meta" / "info.json").read_text()) | {"codebase_version": "v1.6"}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"is of version v1\.6 of LeRobot, and v2 and v3 can be read"):
        read_data(root)


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_the_frames_of_a_camera_are_observed_where_it_is_named(version, tmp_path):
    pytest.importorskip("av")
    root = lerobot(tmp_path, version)
    info = json.loads((root / "meta" / "info.json").read_text())
    info["features"]["observation.images.top"] = {"dtype": "video", "shape": [48, 64, 3]}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    frames = [moving(length) for length in LENGTHS]
    if version == "v2.1":
        folder = root / "videos" / "chunk-000" / "observation.images.top"
        films = {folder / f"episode_{index:06d}.mp4": film for index, film in enumerate(frames)}
    else:
        folder = root / "videos" / "observation.images.top" / "chunk-000"
        films = {folder / "file-000.mp4": np.concatenate(frames)}
    folder.mkdir(parents=True)
    for path, film in films.items():
        write(path, film)
    decided, reading = read_data(root, DataColumns(obs=("observation.images.top",)))
    assert [one.obs.shape for one in reading.episodes] == [(n, *frames[0].shape[1:]) for n in LENGTHS]
    assert decided[0] == "observation: frames of observation.images.top"
    (path, film) = next(iter(films.items()))
    write(path, film[:-1])
    with pytest.raises(DataError, match="shows 18 frames for 19 rows: download the dataset again"):
        read_data(root, DataColumns(obs=("observation.images.top",)))


CAMERA = "observation.images.top"


def with_pictures(folder: Path, version: str, cells: Callable[[np.ndarray, int], dict[str, Any] | None]) -> Path:
    """Write a LeRobot folder with a picture in each row, and return it."""
    root = lerobot(folder, version)
    info = json.loads((root / "meta" / "info.json").read_text())
    info["features"][CAMERA] = {"dtype": "image", "shape": [48, 64, 3]}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    seen, at = moving(sum(LENGTHS)), 0
    for file in sorted((root / "data").rglob("*.parquet")):
        table = parquet.read_table(file)
        rows = [cells(seen[row], row) for row in range(at, at + len(table))]
        at += len(table)
        kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
        parquet.write_table(table.append_column(CAMERA, pyarrow.array(rows, kind)), file)
    return root


def png(frame: np.ndarray) -> bytes:
    image = pytest.importorskip("PIL.Image", reason="needs the extra 'pixels'")
    buffer = io.BytesIO()
    image.fromarray(frame).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize("kept", ["bytes", "files"])
def test_pictures_in_rows_are_observed_where_their_camera_is_named(version, kept, tmp_path):
    def cell(frame: np.ndarray, row: int) -> dict[str, Any]:
        name = f"images/{CAMERA}/frame_{row:06d}.png"
        if kept == "bytes":
            return {"bytes": png(frame), "path": name}
        path = tmp_path / version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(frame))
        return {"bytes": None, "path": name}

    root, columns = with_pictures(tmp_path, version, cell), DataColumns(obs=(CAMERA,))
    decided, reading = read_data(root, columns)
    np.testing.assert_array_equal(np.concatenate([one.obs for one in reading.episodes]), moving(sum(LENGTHS)))
    assert [len(one.obs) for one in reading.episodes] == list(LENGTHS)
    assert decided[0] == f"observation: frames of {CAMERA}"
    small = read_data(root, columns, FrameOptions(size=(6, 8)))[1].episodes
    assert small[0].obs.shape == (LENGTHS[0], 6, 8, 3)
    assert [one.obs.shape[1:] for one in read_data(root)[1].episodes] == [(3,)] * 3  # and else the state


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            lambda frame, row: None if row == 2 else {"bytes": png(frame)},
            "row 3 of observation.images.top holds no pic",
        ),
        (lambda frame, row: {"bytes": png(frame)[: -40 if row == 8 else None]}, "row 2 of .* is damaged or no picture"),
        (lambda frame, row: {"bytes": png(frame[: -1 if row == 3 else None])}, "changes its size at frame 3"),
        (lambda frame, row: {"path": "/etc/passwd"}, "names the picture '/etc/passwd', which is outside of"),
        (lambda frame, row: {"path": "../secret.png"}, "names the picture '../secret.png', which is outside of"),
        (lambda frame, row: {"path": "images/none.png"}, "and there is no such file"),
    ],
)
def test_pictures_in_rows_that_cannot_be_read(cell, message, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(moving(1)[0]))
    with pytest.raises(DataError, match=message):
        read_data(with_pictures(tmp_path, "v2.1", cell), DataColumns(obs=(CAMERA,)))


def test_a_camera_whose_column_holds_no_pictures(tmp_path):
    root = with_pictures(tmp_path, "v2.1", lambda frame, row: {"bytes": png(frame)})
    for file in (root / "data").rglob("*.parquet"):
        table = parquet.read_table(file).drop_columns([CAMERA])
        parquet.write_table(table.append_column(CAMERA, pyarrow.array([1.0] * len(table))), file)
    with pytest.raises(DataError, match=r"observation\.images\.top. holds double, and pictures are bytes or paths"):
        read_data(root, DataColumns(obs=(CAMERA,)))


def test_the_index_of_a_frame_tells_of_episodes_where_it_is_called_so(tmp_path):
    steps = frame("arrival")
    wanted = read_data(_written(steps, tmp_path / "steps.parquet"))[1].episodes
    found = read_data(_written(steps.set_index("episode"), tmp_path / "indexed.parquet"))[1].episodes
    assert len(found) == len(wanted) > 1
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.obs, other.obs)


def _written(table, path):
    table.to_parquet(path)
    return path


def test_rows_of_what_was_arrived_at_lack_the_first_observation(tmp_path):
    frame("arrival").to_parquet(tmp_path / "steps.parquet")
    decided, reading = read_data(tmp_path / "steps.parquet")
    assert "a row holds the observation that its transition arrives at (--layout arrival)" in decided
    for one, other in zip(reading.episodes, given(), strict=True):
        np.testing.assert_array_equal(one.obs[1:], other.obs[1:])
        np.testing.assert_array_equal(one.obs[0], other.obs[1])
        np.testing.assert_array_equal(one.costs, other.costs)  # type: ignore[arg-type]
        assert not one.first_known and one.terminated == other.terminated


def test_options_win_over_names(tmp_path):
    table = frame("arrival").rename(columns={"episode": "run", "reward": "paid", "cost": "harm", "step": "t"})
    table = table.rename(columns={"terminated": "fell", "truncated": "timeouts"}).drop(columns=["action_0", "action_1"])
    table.to_csv(tmp_path / "steps.csv", index=False)
    columns = DataColumns(
        obs=("z", "x"),
        episode="run",
        reward="paid",
        cost="harm",
        step="t",
        done=("fell", "timeouts"),
        layout="transition",
    )
    reading = read_data(tmp_path / "steps.csv", columns)[1]
    for one, other in zip(reading.episodes, given(), strict=True):
        np.testing.assert_array_equal(np.float32(one.obs), other.obs[1:, [2, 0]])
        np.testing.assert_array_equal(one.rewards, other.rewards[:-1])  # type: ignore[index, arg-type]
        assert one.terminated == other.terminated and one.first_known
    assert reading.names == ["run 0", "run 1", "run 2"]
    prefixed = pandas.DataFrame({"obs.b": [1.0, 2], "obs.a": [3.0, 4], "note": [5, 6]})
    prefixed.to_csv(tmp_path / "plain.csv", index=False)
    (one,) = read_episodes([tmp_path / "plain.csv"], DataColumns(obs=("obs.",)))
    assert one.obs[1:].tolist() == [[1, 3], [2, 4]]
    (one,) = read_episodes([tmp_path / "plain.csv"])
    assert one.columns is not None and one.columns.names == ("obs.b", "obs.a")


def test_a_column_that_is_observed_or_ignored_has_no_other_role(tmp_path):
    pandas.DataFrame({"x": [1.0, 2], "reward": [3.0, 4], "cost": [0, 1]}).to_csv(tmp_path / "a.csv", index=False)
    (one,) = read_episodes([tmp_path / "a.csv"], DataColumns(obs=("x", "reward"), ignore=("cost",)))
    assert one.obs[1:].tolist() == [[1, 3], [2, 4]] and one.rewards is None and one.costs is None


def test_episodes_end_where_flags_or_counters_say(tmp_path):
    base = pandas.DataFrame({"x": np.arange(6.0)})
    for name, more in {
        "terminals": {"terminals": [0, 0, 1, 0, 0, 0]},
        "both": {"terminals": [0, 0, 0, 0, 0, 1], "timeouts": [0, 0, 1, 0, 0, 0]},
        "done": {"done": [False, False, True, False, False, True]},
        "step": {"step": [0, 1, 2, 0, 1, 2]},
    }.items():
        base.assign(**more).to_csv(tmp_path / f"{name}.csv", index=False)
        read = read_episodes([tmp_path / f"{name}.csv"])
        assert [len(one) for one in read] == [3, 3], name
        ends = {"terminals": [True, False], "both": [False, True], "done": [True, True], "step": [False, False]}
        assert [one.terminated for one in read] == ends[name]


def test_a_border_that_nothing_tells_shows_where_rows_do_not_follow(tmp_path):
    arrays = flat()
    del arrays["terminals"], arrays["timeouts"]
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    reading = read_data(tmp_path / "a.npz")[1]
    assert [len(one) for one in reading.episodes] == list(LENGTHS)
    assert "2 more episodes begin where a row does not follow the one above" in reading.notes[0]
    order = np.random.default_rng(0).permutation(sum(LENGTHS))
    np.savez(tmp_path / "b.npz", **{name: array[order] for name, array in arrays.items()})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="so the rows are shuffled or of other layout"):
        read_data(tmp_path / "b.npz")


def test_arrays_of_one_episode_with_its_last_observation(tmp_path):
    one = given()[0]
    np.savez(tmp_path / "a.npz", obs=one.obs, rewards=one.rewards[:, None], actions=one.actions)  # type: ignore[index, arg-type]
    (read,) = read_episodes([tmp_path / "a.npz"])
    np.testing.assert_array_equal(read.obs, one.obs)
    np.testing.assert_array_equal(read.rewards, one.rewards)  # type: ignore[arg-type]


def test_bad_episodes_are_refused_or_left_out_and_named(tmp_path):
    for broken in ("csv", "npz", "own"):
        if broken == "csv":
            table = frame("arrival")
            table.loc[8, "y"] = np.nan
            path = tmp_path / "a.csv"
            table.to_csv(path, index=False)
        elif broken == "npz":
            arrays = flat()
            arrays["rewards"][8] = np.inf
            path = tmp_path / "a.npz"
            np.savez(path, **arrays)  # type: ignore[arg-type]
        else:
            episodes = given()
            episodes[1].obs[2] = np.nan
            path = tmp_path / "own.npz"
            save_episodes(episodes, path)
        with pytest.raises(DataError):
            read_data(path)
        told: list[str] = []
        read = read_episodes([path], DataColumns(skip_bad_episodes=True), told.append)
        assert [len(one) for one in read] == [7, 9], broken
        assert "left out 1 of 3 episodes: " in told[0] and "NaN or inf" in told[0]
        if broken != "csv":
            with pytest.raises(DataError, match="--skip-bad-episodes"):
                read_data(path)


@pytest.mark.parametrize("form", ["link", "storage", "virtual"])
def test_hdf5_that_reads_other_files_is_refused_before_anything_is_read(form, tmp_path):
    path = as_hdf5(tmp_path)
    with h5py.File(path, "a") as file:
        outward(file, "infos/secret", form, tmp_path)
    with pytest.raises(DataError, match=r"'infos/secret' .* which is not followed: write all arrays into one file"):
        read_data(path)


def test_an_hdf5_array_that_promises_more_than_its_file_holds_is_not_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("observations", (2**40, 3), "f4", chunks=(1024, 3))
        file["rewards"] = np.zeros(4)
    with pytest.raises(DataError, match=r"would take 12,288.0 GiB of memory, and .* --max-memory 12288G"):
        read_data(tmp_path / "a.h5")


def _refused(folder: Path) -> dict[str, tuple[Path, DataColumns, str]]:
    """Return wrong data of every kind with what must be said of them."""
    (folder / "text.csv").write_text("episode,x\n1,2\n1,3\n2,4\n1,5\n")
    (folder / "plain.csv").write_text("x,y\n1,2\n")
    (folder / "flag.csv").write_text("x,done\n1,0\n2,2\n")
    (folder / "back.csv").write_text("episode,step,x\n1,0,2\n1,2,3\n1,1,4\n")
    np.savez(folder / "short.npz", observations=np.zeros((5, 3)), rewards=np.zeros(3))
    np.savez(folder / "nameless.npz", a=np.zeros((5, 3)), rewards=np.zeros(5), terminals=np.zeros(5))
    (folder / "a.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    pandas.DataFrame({"x": [[1.0, 2.0], [3.0]]}).to_parquet(folder / "ragged.parquet")
    (folder / "void").mkdir()
    return {
        "apart": (folder / "text.csv", DataColumns(), "rows of episode '1' do not stand together: sort them first"),
        "no column": (folder / "plain.csv", DataColumns(episode="epsiode"), "has no column 'epsiode': it has x, y"),
        "near": (folder / "text.csv", DataColumns(reward="episod"), "Did you mean 'episode'"),
        "prefix": (folder / "plain.csv", DataColumns(obs=("state.",)), "has no column 'state.'.* others with --obs"),
        "flag": (folder / "flag.csv", DataColumns(), "row 2 of column 'done' must be 0 or 1, found '2'"),
        "back": (folder / "back.csv", DataColumns(), "step 1 comes after step 2 of the same episode.*--ignore"),
        "short": (folder / "short.npz", DataColumns(), "5 observations, but 3 rows of rewards.*--ignore"),
        "nameless": (folder / "nameless.npz", DataColumns(reward="rewards"), "name what is observed with --obs"),
        "hdf5": (folder / "a.hdf5", DataColumns(), "is damaged or no HDF5 file"),
        "ragged": (folder / "ragged.parquet", DataColumns(), "row 2 of column 'x' must be a list of 2 numbers"),
        "void": (folder / "void", DataColumns(), "neither videos .* nor files of data"),
        "none": (folder / "none.hdf5", DataColumns(), "There is no file"),
        "film": (folder / "a.mp4", DataColumns(reward="r"), "shows frames and has no columns: leave --reward out"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("apart", "no column", "near", "prefix", "flag", "back", "short", "nameless", "hdf5"),
        *("ragged", "void", "none", "film"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(kind, tmp_path):
    path, columns, message = _refused(tmp_path)[kind]
    with pytest.raises((DataError, OptionError), match=message):
        read_data(path, columns)


def test_roles_may_be_lists_of_one(tmp_path):
    columns = {name: pyarrow.array([[value] for value in values]) for name, values in _ONES.items()}
    parquet.write_table(pyarrow.table(columns), tmp_path / "d.parquet")
    first, second = read_episodes(tmp_path / "d.parquet")
    assert first.rewards is not None and first.rewards.tolist() == [1, 2] and len(second) == 1
    assert first.costs is not None and first.costs.tolist() == [0, 1]
    assert first.obs[:, 0].tolist() == [0.1, 0.1, 0.2]


_ONES = {"x": [0.1, 0.2, 0.3], "reward": [1.0, 2.0, 3.0], "cost": [0.0, 1.0, 0.0], "done": [0, 1, 1]}


def labelled(path: Path, **columns: list[float]) -> Path:
    """Write columns of a log as CSV, Parquet, NPZ or HDF5."""
    arrays = {name: np.array(values) for name, values in columns.items()}
    if path.suffix in (".csv", ".parquet"):
        table = pandas.DataFrame(arrays)
        return (
            table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path, index=False)
        ) or path
    arrays["observations"] = arrays.pop("x")[:, None]
    if path.suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
        return path
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


ROWS = [0.1, 0.2, 5.0, 0.3]
SAFE = [1, 1, 0, 1]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz", "hdf5"])
@pytest.mark.parametrize("name", ["safe", "is_safe", "normal", "is_normal"])
def test_labels_of_what_is_normal_are_read_the_other_way_round(name, ending, tmp_path):
    told: list[str] = []
    path = labelled(tmp_path / f"log.{ending}", x=ROWS, **{name: SAFE})
    (episode,) = read_episodes(path, DataColumns(layout="arrival"), tell=told.append)
    assert episode.costs is not None and episode.costs.tolist() == [0, 0, 1, 0]
    assert episode.obs.shape == (5, 1)
    assert f"label: {name}; {name} is 1 where a row is normal (--label-means)" in told[0]
    for columns, costs in [
        (DataColumns(layout="arrival", label=name), [0, 0, 1, 0]),
        (DataColumns(layout="arrival", label=name, label_means="normal"), [0, 0, 1, 0]),
        (DataColumns(layout="arrival", label=name, label_means="anomalous"), SAFE),
    ]:
        assert read_episodes(path, columns)[0].costs.tolist() == costs  # type: ignore[union-attr]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz", "hdf5"])
def test_what_1_means_can_be_told(ending, tmp_path):
    path = labelled(tmp_path / f"log.{ending}", x=ROWS, good=SAFE)
    columns = DataColumns(layout="arrival", label="good", label_means="normal")
    assert read_episodes(path, columns)[0].costs.tolist() == [0, 0, 1, 0]  # type: ignore[union-attr]
    both = labelled(tmp_path / f"both.{ending}", x=ROWS, safe=SAFE, cost=[0, 0, 7, 0])
    assert read_episodes(both, DataColumns(layout="arrival"))[0].costs.tolist() == [0, 0, 7, 0]  # type: ignore[union-attr]
    more = labelled(tmp_path / f"more.{ending}", x=ROWS, safe=SAFE, label=[0, 1, 0, 0])
    (episode,) = read_episodes(more, DataColumns(layout="arrival"))
    assert episode.costs.tolist() == [0, 1, 0, 0] and episode.obs.shape[1:] == (1,)  # type: ignore[union-attr]


def test_a_column_that_is_no_label_although_it_is_called_so(tmp_path):
    path = labelled(tmp_path / "force.csv", x=ROWS, normal=[9.8, 9.7, 9.9, 9.8])
    with pytest.raises(
        DataError, match=r"row 1 of label column 'normal' must be 0 .* name what is observed with --obs"
    ):
        read_episodes(path)
    assert read_episodes(path, DataColumns(obs=("x", "normal")))[0].obs.shape == (5, 2)
    with pytest.raises(OptionError, match="--label-means is about 0 and 1 in --label: name that column"):
        DataColumns(label_means="normal")
