"""Every command reads every format, and scores what is in it alike."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest

from tests.data.formats import LENGTHS, WHOLE, as_csv, as_hdf5, as_npz, as_robomimic, flat, frame, given, lerobot
from tests.scripted import small_model
from tsreward.cli.main import main
from tsreward.data.episodes import save_episodes
from tsreward.io import save
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import score_episodes


@pytest.fixture(autouse=True)
def minari_root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save(small_model(), path)
    return path


def scored(data: Path, model: Path, out: Path, *options: str) -> pandas.DataFrame:
    assert main(["score", str(data), "--model", str(model), "--out", str(out), *options]) == 0
    return pandas.read_csv(out)


def test_scores_and_agreement_are_those_of_our_own_file(model, tmp_path, document):
    save_episodes(given(), tmp_path / "own.npz")
    wanted = scored(tmp_path / "own.npz", model, tmp_path / "own.csv")
    truth = document("evaluate", "--model", model, "--data", tmp_path / "own.npz")
    for write in WHOLE:
        data = write(tmp_path)
        found = scored(data, model, tmp_path / "scores.csv")
        pandas.testing.assert_frame_equal(found, wanted, obj=write.__name__)
        assert document("evaluate", "--model", model, "--data", data) == truth, write.__name__


@pytest.mark.parametrize("write", [as_hdf5, as_csv], ids=lambda write: write.__name__)
def test_fit_compare_check_and_audit_read_it_too(write, model, tmp_path, document):
    save_episodes(given(), tmp_path / "own.npz")
    data, again = write(tmp_path), tmp_path / "again.safetensors"
    options = ("--scorer", "mahalanobis", "--reward", "likeness", "--window", "2", "--held-out", "0")
    one = document("fit", "--data", data, "--out", again, *options)
    other = document("fit", "--data", tmp_path / "own.npz", "--out", tmp_path / "own.safetensors", *options)
    names = ("normal_windows", "negative_windows", "threshold")
    assert [one[name] for name in names] == [other[name] for name in names]
    compared = document("compare", again, tmp_path / "own.safetensors", "--data", data)
    assert compared["correlations"]["scores"]["pearson"] == pytest.approx(1)
    found = document("check", model, "--data", data)
    assert "reward: reward" in found["files"][1]["checks"][0]["detail"]
    audit = ("audit", "--model", model, "--out", tmp_path / "page.html")
    document(*audit, "--good", data, "--bad", tmp_path / "own.npz")


def test_the_column_of_rewards_in_fit(tmp_path, document, complaint):
    table = frame("transition").rename(columns={"reward": "paid"})
    table.to_csv(tmp_path / "a.csv", index=False)
    options = ("--scorer", "mahalanobis", "--window", "2", "--held-out", "0", "--data", tmp_path / "a.csv")
    for name in ("--reward-column", "--reward"):
        fitted = document("fit", *options, name, "paid", "--out", tmp_path / f"{name}.safetensors")
        assert fitted["obs_shape"] == [3]
    assert document("fit", *options, "--ignore", "paid", "--out", tmp_path / "b", "--reward", "likeness")["obs_shape"]


def earned(**kind: object) -> np.ndarray:
    return np.concatenate([step.reward.numpy() for step in relabel(small_model(**kind), given())])  # type: ignore[arg-type]


@pytest.mark.parametrize("write", [as_npz, as_hdf5, as_csv], ids=lambda write: write.__name__)
def test_relabel_writes_rows_of_transitions_back(write, model, tmp_path, document):
    data = write(tmp_path)
    out, again = tmp_path / f"out{data.suffix}", tmp_path / f"again{data.suffix}"
    summary = document("relabel", data, "--model", model, "--out", out)
    document("relabel", out, "--model", model, "--out", again)
    assert (summary["episodes"], summary["steps"]) == (3, sum(LENGTHS)) and "missing_first" not in summary
    original = np.concatenate([one.rewards for one in given()])  # type: ignore[misc]
    for path in (out, again):
        if write is as_npz:
            with np.load(path) as arrays:
                held = {name: arrays[name] for name in arrays.files}
            rewards, paid, kept = held["rewards"], held["original_rewards"], held["observations"]
        elif write is as_hdf5:
            with h5py.File(path) as file:
                rewards, paid, kept = (file[name][()] for name in ("rewards", "original_rewards", "observations"))  # type: ignore[index]
                assert file["infos/qpos"].shape == (sum(LENGTHS), 5)  # type: ignore[union-attr]
                assert json.loads(file.attrs["tsreward"])["model"]["file"] == "model.safetensors"  # type: ignore[arg-type]
        else:
            table = pandas.read_csv(path)
            assert list(table)[: len(list(frame("transition")))] == list(frame("transition"))
            rewards, paid, kept = table["reward"], table["original_reward"], np.float32(table[["x", "y", "z"]])
        np.testing.assert_allclose(rewards, earned(), rtol=1e-6)
        np.testing.assert_array_equal(paid, original)
        np.testing.assert_array_equal(kept, flat()["observations"])


def test_relabel_writes_groups_of_episodes_back(model, tmp_path, document):
    document("relabel", as_robomimic(tmp_path), "--model", model, "--out", tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5") as file:
        for index, step in enumerate(relabel(small_model(), given())):
            np.testing.assert_array_equal(file[f"data/demo_{index}/rewards"][()], step.reward.numpy())  # type: ignore[index]
            np.testing.assert_array_equal(file[f"data/demo_{index}/original_rewards"][()], given()[index].rewards)  # type: ignore[index]


def test_what_is_missing_is_marked(model, tmp_path, document, capsys):
    frame("arrival").to_csv(tmp_path / "a.csv", index=False)
    scores = scored(tmp_path / "a.csv", model, tmp_path / "scores.csv")
    assert scores["missing_first"].tolist() == [int(step < 3) for length in LENGTHS for step in range(length)]
    assert "a row holds the observation that its transition arrives at" in capsys.readouterr().err
    whole = score_episodes(small_model(), given())
    same = scores["missing_first"].to_numpy() == 0
    np.testing.assert_allclose(scores["score"][same], whole.score[same], rtol=1e-5)
    assert document("relabel", tmp_path / "a.csv", "--model", model, "--out", tmp_path / "b.csv")["missing_first"] == 9
    assert json.loads((tmp_path / "b.csv.json").read_text())["missing_first"] == 9
    data = next((lerobot(tmp_path) / "data" / "chunk-000").glob("*0.parquet"))
    summary = document("relabel", data, "--model", model, "--out", tmp_path / "b.parquet")
    assert (summary["steps"], summary["missing_last"]) == (LENGTHS[0], 1)
    table = pandas.read_parquet(tmp_path / "b.parquet")
    np.testing.assert_allclose(table["next.reward"][:-1], earned()[: LENGTHS[0] - 1], rtol=1e-6)
    assert table["original_reward"].tolist() == given()[0].rewards.tolist()  # type: ignore[union-attr]
    assert [len(cell) for cell in table["observation.state"]] == [3] * LENGTHS[0]


def test_stamps_stand_beside_the_steps_that_begin_there(model, tmp_path):
    table = frame("transition").assign(at=[f"2024-05-01 00:00:{n:02d}" for n in range(sum(LENGTHS))])
    table.to_csv(tmp_path / "a.csv", index=False)
    scores = scored(tmp_path / "a.csv", model, tmp_path / "s.csv", "--time", "at")
    assert scores["at"].tolist() == table["at"].tolist()
    short = ("--time", "at", "--ignore", "next_x", "next_y", "next_z", "--layout", "transition")
    scores = scored(tmp_path / "a.csv", model, tmp_path / "s.csv", *short)
    last = [sum(LENGTHS[: n + 1]) - 1 for n in range(3)]
    assert scores["at"].tolist() == table["at"].drop(last).tolist()


def test_relabel_leaves_bad_episodes_out(model, tmp_path, document):
    table = frame("arrival")
    table.loc[8, "y"] = np.nan
    table.to_csv(tmp_path / "a.csv", index=False)
    summary = document(
        "relabel", tmp_path / "a.csv", "--model", model, "--out", tmp_path / "b.csv", "--skip-bad-episodes"
    )
    assert (summary["episodes"], list(summary["skipped"])) == (2, ["run 1"])
    assert pandas.read_csv(tmp_path / "b.csv")["episode"].unique().tolist() == ["run 0", "run 2"]


@pytest.mark.parametrize(
    ("data", "out", "message"),
    [
        ("v2.1", "out", "of a LeRobot folder, relabel the files data/*/*.parquet one by one"),
        ("films", "out", "videos, pictures and folders have no place for rewards"),
        ("own.npz", "out.hdf5", "both of one kind"),
    ],
)
def test_what_has_no_place_for_rewards_is_refused(data, out, message, model, tmp_path, complaint):
    lerobot(tmp_path)
    (tmp_path / "films").mkdir()
    save_episodes(given(), tmp_path / "own.npz")
    assert message in complaint("relabel", tmp_path / data, "--model", model, "--out", tmp_path / out)


def test_check_looks_at_data_without_a_model(tmp_path, document):
    table = frame("arrival").assign(clock=lambda rows: np.arange(len(rows)) * 0.1, cost=0)
    table.loc[8, "y"] = np.nan
    table.to_csv(tmp_path / "a.csv", index=False)
    found = document("check", "--data", tmp_path / "a.csv", code=1)["files"][0]
    failed = {check["name"]: check["detail"] for check in found["checks"] if not check["passed"]}
    assert list(failed) == [
        "every episode can be used",
        "the first observation of every episode is recorded",
        "nothing that is observed only counts up",
        "costs or labels are of both kinds",
    ]
    assert failed["nothing that is observed only counts up"] == "clock of 4 columns"
    assert document("check", "--data", as_hdf5(tmp_path))["passed"]
    found = document("check", "--data", tmp_path / "none.h5", code=1)["files"][0]["checks"]
    assert [check["name"] for check in found] == ["it can be read"]
