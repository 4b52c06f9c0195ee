"""A Minari dataset with learned rewards: a new one, that has everything of the old one, whole or not there."""

from __future__ import annotations

from pathlib import Path

import h5py
import minari
import numpy as np
import pytest

from tests.data.minari_sets import IMAGES, record
from tests.data.test_minari import root, scripts  # noqa: F401
from tests.scripted import small_model
from tsreward.data.minari import load_minari
from tsreward.data.relabelling import relabel_minari
from tsreward.errors import DataError, ShapeError
from tsreward.pipeline.relabel import relabel

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("form", ["hdf5", "arrow", "parquet"])
def test_everything_but_the_rewards_stays(form: str) -> None:
    record("old/walk-v0", scripts(), form=form)
    model = small_model(smoothing=0.5)
    done = relabel_minari(model, "old/walk-v0", "new/walk-v1", {"model": {"sha256": "0" * 64}})
    before, after = minari.load_dataset("old/walk-v0"), minari.load_dataset("new/walk-v1")
    earned = relabel(model, scripts())
    assert (done.episodes, done.steps) == (3, 15)
    assert done.flagged == sum(int(step.is_anomaly.sum()) for step in earned)
    assert done.reward == pytest.approx(sum(float(step.reward.sum()) for step in earned))
    for index, step in enumerate(earned):
        old, new = before[index], after[index]
        assert new.rewards.tolist() == step.reward.tolist()
        assert np.isnan(new.infos["original_reward"][0])
        assert new.infos["original_reward"][1:].tolist() == old.rewards.tolist()
        assert [who.decode() for who in new.infos["who"]] == ["me"] * len(new.observations)
        for name in ("observations", "actions", "terminations", "truncations"):
            assert np.array_equal(getattr(new, name), getattr(old, name))
        assert new.infos["cost"].tolist() == list(old.infos["cost"])
    assert after.storage.metadata["tsreward"] == {"model": {"sha256": "0" * 64}}
    assert (after.id, after.total_steps, after.total_episodes) == ("new/walk-v1", 15, 3)
    assert (after.observation_space, after.action_space) == (before.observation_space, before.action_space)
    assert [held["seed"] for held in after.storage.get_episode_metadata(range(3))] == [0, 1, 2]


def test_relabelling_again_starts_from_the_original_rewards() -> None:
    record("walk-v0", scripts())
    model = small_model()
    relabel_minari(model, "walk-v0", "walk-v1")
    relabel_minari(model, "walk-v1", "walk-v2")
    first, second = minari.load_dataset("walk-v1"), minari.load_dataset("walk-v2")
    assert all(np.array_equal(first[index].rewards, second[index].rewards) for index in range(3))
    assert load_minari("walk-v2")[0].rewards.tolist() == scripts()[0].rewards.tolist()  # type: ignore[union-attr]


def test_pictures_are_written_without_loss_whatever_was_given() -> None:
    record("walk-v0", scripts(2, shape=(32, 32, 3), dtype=np.uint8), space=IMAGES, jpeg=True)
    relabel_minari(small_model((32, 32, 3)), "walk-v0", "walk-v1")
    assert minari.load_dataset("walk-v1").storage.jpeg_encoding is False
    for old, new in zip(load_minari("walk-v0"), load_minari("walk-v1"), strict=True):
        assert np.array_equal(old.obs, new.obs)


def test_a_dataset_that_is_there_is_never_added_to(tmp_path: Path) -> None:
    record("walk-v0", scripts())
    record("walk-v1", scripts())
    before = (tmp_path / "walk-v1" / "data" / "main_data.hdf5").read_bytes()
    for target in ("walk-v0", "walk-v1", tmp_path / "walk-v1"):
        with pytest.raises(DataError, match="exists and is not an empty folder"):
            relabel_minari(small_model(), "walk-v0", target)
    assert (tmp_path / "walk-v1" / "data" / "main_data.hdf5").read_bytes() == before


def test_where_an_episode_is_broken_there_is_no_dataset(tmp_path: Path) -> None:
    record("walk-v0", scripts())
    with h5py.File(tmp_path / "walk-v0" / "data" / "main_data.hdf5", "a") as file:
        file["episode_2/rewards"][0] = np.inf  # type: ignore[index]
    with pytest.raises(DataError, match=r"Episode 2 .* holds NaN or inf in its rewards"):
        relabel_minari(small_model(), "walk-v0", "walk-v1")
    assert [path.name for path in tmp_path.iterdir()] == ["walk-v0"]
    assert list(minari.list_local_datasets()) == ["walk-v0"]


def test_data_of_another_shape_are_refused(tmp_path: Path) -> None:
    record("walk-v0", scripts())
    with pytest.raises(ShapeError, match=r"model reads observations \[5\], but Minari dataset walk-v0 holds \[3\]"):
        relabel_minari(small_model((5,)), "walk-v0", "walk-v1")
    assert not (tmp_path / "walk-v1").exists()


def test_the_new_name_must_be_an_id() -> None:
    record("walk-v0", scripts())
    with pytest.raises(DataError, match="'walk' is no id of a Minari dataset"):
        relabel_minari(small_model(), "walk-v0", "walk")
