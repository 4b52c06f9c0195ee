"""Minari datasets: what was recorded comes in, and what cannot be used is named."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Text
from gymnasium.spaces.utils import flatten

from tests.data.hdf5_files import outward
from tests.data.minari_sets import FLAT, IMAGES, edit_metadata, record
from tests.scripted import script
from tsreward.data.columns import DataColumns
from tsreward.data.minari import MinariSource, load_minari, read_minari
from tsreward.data.sources import read_episodes
from tsreward.errors import DataError, MissingExtraError, OptionError
from tsreward.sequences.episodes import Episode


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def scripts(count: int = 3, **kind: object) -> list[Episode]:
    rng = np.random.default_rng(0)
    return [script(rng, length, **kind) for length in (5, 1, 9)[:count]]  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["hdf5", "arrow", "parquet"])
def test_what_was_recorded_comes_in(form: str, root: Path) -> None:
    record("tests/walk-v0", scripts(), form=form)
    for source in ("tests/walk-v0", root / "tests" / "walk-v0", f"{root}/tests/walk-v0"):
        for read, given in zip(load_minari(source), scripts(), strict=True):
            assert np.array_equal(read.obs, given.obs) and read.obs.dtype == np.float32
            assert np.array_equal(read.rewards, given.rewards)
            assert np.array_equal(read.costs, given.costs)
            assert read.actions is not None and read.actions.tolist() == [step % 2 for step in range(len(given))]
            assert read.terminated == given.terminated


def test_images_come_in_as_bytes(root: Path) -> None:
    record("walk-v0", scripts(shape=(32, 32, 3), dtype=np.uint8), space=IMAGES)
    for read, given in zip(load_minari("walk-v0"), scripts(shape=(32, 32, 3), dtype=np.uint8), strict=True):
        assert read.obs.dtype == np.uint8 and np.array_equal(read.obs, given.obs)


def test_without_infos_there_are_no_costs(root: Path) -> None:
    record("walk-v0", [Episode(episode.obs, episode.rewards) for episode in scripts()])
    assert all(episode.costs is None for episode in load_minari("walk-v0"))


def test_episodes_come_one_by_one(root: Path) -> None:
    record("walk-v0", scripts())
    with h5py.File(root / "walk-v0" / "data" / "main_data.hdf5", "a") as file:
        del file["episode_2"]
    source = iter(MinariSource("walk-v0"))
    assert len(next(source)) == 5
    assert len(next(source)) == 1
    with pytest.raises(
        DataError, match=r"walk-v0 is damaged or incomplete in episode 2 of 3 \(KeyError: .*download it"
    ):
        next(source)


def test_observations_of_a_dict_stand_side_by_side_in_the_order_of_the_space(root: Path) -> None:
    space = Dict({"goal": Box(-9, 9, (2,), np.float32), "at": Dict({"x": FLAT, "mode": Discrete(3)})})

    def observe(obs: np.ndarray) -> dict:
        return {"goal": obs[:, :2], "at": {"x": obs, "mode": np.arange(len(obs)) % 3}}

    record("walk-v0", scripts(), space=space, observe=observe)
    samples = []
    for obs in (episode.obs for episode in scripts()):
        held = observe(obs)
        rows = [
            {"goal": held["goal"][t], "at": {key: held["at"][key][t] for key in held["at"]}} for t in range(len(obs))
        ]
        samples.append(np.stack([flatten(space, row) for row in rows]))
    read = read_minari("walk-v0")
    for episode, sample in zip(read.episodes, samples, strict=True):
        np.testing.assert_array_equal(episode.obs, sample)
    assert read.notes[0] == "observations side by side: at, goal"
    chosen = read_minari("walk-v0", DataColumns(obs=("at/x", "goal"))).episodes[0].obs
    np.testing.assert_array_equal(chosen, np.concatenate([scripts()[0].obs, scripts()[0].obs[:, :2]], axis=1))
    with pytest.raises(
        OptionError, match=r"has no observations 'gaol': it has at/mode, at/x, goal. Did you mean 'goal'"
    ):
        read_minari("walk-v0", DataColumns(obs=("gaol",)))
    with pytest.raises(OptionError, match="says itself what its parts are: leave --reward out"):
        read_minari("walk-v0", DataColumns(reward="rewards"))


def test_text_is_no_observation(root: Path) -> None:
    record("walk-v0", scripts(), space=Dict({"said": Text(9)}), observe=lambda obs: {"said": ["no"] * len(obs)})
    with pytest.raises(
        DataError, match=r"Episode 0 of .* must have observations of numbers, found Text at 'said': choose"
    ):
        load_minari("walk-v0")


@pytest.mark.parametrize(
    ("key", "at", "message"),
    [
        ("observations", (4, 1), "holds NaN or inf in its observations at step 4: drop that episode"),
        ("rewards", 3, "holds NaN or inf in its rewards at step 3"),
        ("infos/cost", 3, "holds NaN or inf in its costs at step 2"),
    ],
)
def test_values_that_are_not_finite_are_named(key: str, at: object, message: str, root: Path) -> None:
    record("walk-v0", scripts())
    with h5py.File(root / "walk-v0" / "data" / "main_data.hdf5", "a") as file:
        file[f"episode_2/{key}"][at] = np.nan  # type: ignore[index]
    with pytest.raises(DataError, match=f"Episode 2 of Minari dataset walk-v0 {message}"):
        load_minari("walk-v0")


def test_an_episode_without_its_last_observation_is_read_without_its_last_step(root: Path) -> None:
    given = scripts()
    record("walk-v0", [given[0], given[2]], observe=lambda obs: obs[:-1] if len(obs) == len(given[0].obs) else obs)
    read = read_minari("walk-v0")
    first, whole = read.episodes
    np.testing.assert_array_equal(first.obs, given[0].obs[:-1])
    assert given[0].rewards is not None and first.rewards is not None and first.costs is not None
    assert first.rewards.tolist() == given[0].rewards[:-1].tolist() and len(first.costs) == len(first)
    assert len(whole) == len(given[2]) and first.first_known
    assert "1 episodes have one observation for each step (0): the last is taken to be missing" in read.notes[0]
    arrivals = read_minari("walk-v0", DataColumns(layout="arrival")).episodes[0]
    assert len(arrivals) == len(given[0]) and not arrivals.first_known
    np.testing.assert_array_equal(arrivals.obs[1:], given[0].obs[:-1])


def test_an_episode_that_cannot_be_used_is_refused_or_skipped_and_named(root: Path) -> None:
    record("walk-v0", scripts(), observe=lambda obs: obs[:-1] if len(obs) == 2 else obs)
    with pytest.raises(DataError, match=r"Episode 1 of .* has 1 observations for 1 rewards.*--skip-bad-episodes"):
        load_minari("walk-v0")
    read = read_minari("walk-v0", DataColumns(skip_bad_episodes=True))
    assert read.names == [0, 2] and list(read.skipped) == [1]
    assert "left out 1 of 3 episodes: 1 (Episode 1 of" in read.notes[-1]


def test_the_file_of_a_dataset_is_read_too(root: Path) -> None:
    record("walk-v0", scripts())
    read = read_episodes(root / "walk-v0" / "data" / "main_data.hdf5")
    for one, other in zip(read, scripts(), strict=True):
        np.testing.assert_array_equal(one.obs, other.obs)
        np.testing.assert_array_equal(one.costs, other.costs)  # type: ignore[arg-type]
        assert one.terminated == other.terminated
    assert [len(one) for one in read_episodes(root / "walk-v0")] == [len(one) for one in scripts()]


@pytest.mark.parametrize("form", ["link", "link by a link", "storage", "virtual"])
def test_a_file_that_reads_other_files_is_refused(form: str, root: Path) -> None:
    record("walk-v0", scripts())
    with h5py.File(root / "walk-v0" / "data" / "main_data.hdf5", "a") as file:
        outward(file, "episode_0/infos/more", form, root)
    with pytest.raises(DataError, match=r"(episode_0/infos/more|zz)' is .*, which is not followed"):
        load_minari("walk-v0")


def test_an_environment_named_in_the_file_is_never_made(root: Path) -> None:
    record("walk-v0", scripts())
    spec = '{"id": "Evil-v0", "entry_point": "antigravity:Env", "kwargs": {}, "additional_wrappers": []}'
    edit_metadata(root / "walk-v0", observation_space=None, env_spec=spec)
    with pytest.raises(DataError, match="does not tell its observation_space"):
        load_minari("walk-v0")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"total_episodes": 0}, "has no episodes: record some"),
        ({"total_episodes": 2}, r"holds 3 episodes, and its metadata promise 2: download it again"),
        ({"total_episodes": 4}, "in episode 3 of 4"),
        ({"observation_space": '{"type": "Box"}'}, "damaged or incomplete"),
        ({"observation_space": '{"type": "Strange"}'}, "damaged or incomplete"),
        ({"data_format": "zip"}, "damaged or incomplete"),
        ({"minari_version": "0.0.1"}, "damaged or incomplete .*0.0.1"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(changes: dict[str, object], message: str, root: Path) -> None:
    record("walk-v0", scripts())
    edit_metadata(root / "walk-v0", **changes)
    with pytest.raises(DataError, match=message):
        load_minari("walk-v0")


@pytest.mark.parametrize("name", ["metadata.json", "main_data.hdf5"])
def test_damaged_files_are_refused(name: str, root: Path) -> None:
    record("walk-v0", scripts())
    (root / "walk-v0" / "data" / name).write_bytes(b"{" * 100)
    with pytest.raises(DataError, match="Minari dataset walk-v0 is damaged or incomplete"):
        load_minari("walk-v0")


@pytest.mark.parametrize(
    "name", ["../walk-v1", "walk", "walk-v", "a/walk-v0", "ab//walk-v0", "ab/../walk-v0", "", "walk-v0\n"]
)
def test_names_that_are_no_ids_are_refused(name: str, root: Path) -> None:
    with pytest.raises(DataError, match=r"is no id of a Minari dataset|There is no Minari dataset"):
        load_minari(name)


def test_a_dataset_that_is_not_there_is_not_fetched(root: Path) -> None:
    with pytest.raises(DataError, match=r"There is no Minari dataset mujoco/hopper/expert-v0 .*run minari download"):
        load_minari("mujoco/hopper/expert-v0")
    assert list(root.iterdir()) == []


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(MissingExtraError, match=r"minari is not installed. Install it with: pip install .*\[minari\]"):
        load_minari("walk-v0")
