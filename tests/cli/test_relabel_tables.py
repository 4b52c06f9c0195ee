"""`tsreward relabel` on tables: one row per step, any number of episodes, in bounded memory."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pytest

from tests.scripted import script, small_model
from tsreward.data import delimited, parquet_table, relabelling
from tsreward.data.episodes import save_episodes
from tsreward.io import save
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save(small_model(smoothing=0.5, frame_skip=2), path)
    return path


@pytest.fixture(scope="module")
def likeness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("likeness") / "model.safetensors"
    save(small_model(mode="likeness"), path)
    return path


def frame(seed: int = 0) -> pandas.DataFrame:
    """Return rows of three episodes: what was arrived at, what that paid, and columns that are no observation."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, length in (("first, one", 30), ("b", 1), ("c", 17)):
        episode = script(rng, length)
        part = pandas.DataFrame(episode.obs[1:], columns=["x", "y", "z"])
        parts.append(part.assign(episode=name, reward=episode.rewards, note='say "so"', action=1))
    return pandas.concat(parts, ignore_index=True)


def wanted(table: pandas.DataFrame, **kind: object) -> np.ndarray:
    """Return what the model pays, in bulk."""
    episodes = []
    for _, rows in table.groupby("episode", sort=False):
        obs = rows[["x", "y", "z"]].to_numpy()
        episodes.append(Episode(np.concatenate([obs[:1], obs]), rows["reward"].to_numpy()))
    earned = relabel(small_model(**(kind or {"smoothing": 0.5, "frame_skip": 2})), episodes)  # type: ignore[arg-type]
    return np.concatenate([step.reward.numpy() for step in earned])


def write(table: pandas.DataFrame, path: Path) -> Path:
    table.to_parquet(path, index=False) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


def read(path: Path) -> pandas.DataFrame:
    return pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)


IGNORE = ("--ignore", "note", "action")


@pytest.mark.parametrize("rows", [5, 8192])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_the_rewards_are_those_of_whole_episodes(ending, rows, model, tmp_path, document, monkeypatch):
    monkeypatch.setattr(parquet_table, "ROWS", rows)
    data, out = write(frame(), tmp_path / f"steps.{ending}"), tmp_path / f"out.{ending.removesuffix('.gz')}"
    summary = document("relabel", data, "--model", model, "--out", out, *IGNORE)
    after = read(out)
    assert after["reward"].tolist() == wanted(read(data)).tolist()  # a text of a float32 has digits that it has not
    assert after["original_reward"].tolist() == frame()["reward"].tolist()
    kept = [name for name in frame() if name != "reward"]
    assert after[kept].astype(frame()[kept].dtypes).equals(frame()[kept])
    assert (summary["episodes"], summary["steps"]) == (3, 48)
    assert summary["mean_reward"] == pytest.approx(after["reward"].mean())
    assert summary["mean_original_reward"] == pytest.approx(frame()["reward"].mean())
    if ending == "parquet":
        note = json.loads(pyarrow.parquet.read_schema(out).metadata[b"tsreward"])
    else:
        note = json.loads((tmp_path / "out.csv.json").read_text())
    assert note["model"]["file"] == "model.safetensors" and len(note["data"]["sha256"]) == 64


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_relabelling_again_starts_from_the_original_rewards(ending, model, tmp_path, document):
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    document("relabel", write(frame(), tmp_path / f"a.{ending}"), "--model", model, "--out", first, *IGNORE)
    document("relabel", first, "--model", model, "--out", second, *IGNORE)
    assert read(first).equals(read(second))


def test_cells_stay_as_they_stand_in_the_file(likeness, tmp_path, document):
    (tmp_path / "a.csv").write_text('episode,x,y,z,note\n007,1.50,2e0,-0,"a, b"\n007,1.25,3,1,\n')
    document("relabel", tmp_path / "a.csv", "--model", likeness, "--out", tmp_path / "b.csv", "--ignore", "note")
    with (tmp_path / "b.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["episode", "x", "y", "z", "note", "reward"]
    assert rows[1][:5] == ["007", "1.50", "2e0", "-0", "a, b"] and rows[2][:5] == ["007", "1.25", "3", "1", ""]
    assert all(float(row[5]) > 0 for row in rows[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[[0, 40, 1]], "the rows of episode 'first, one' do not stand together: sort them"),
        (lambda table: table.drop(columns="episode"), "has no column 'episode'"),
        (lambda table: table.drop(columns="reward"), "has no rewards, and the mode of the model lowers those"),
        (lambda table: table.drop(columns="x"), r"reads observations \[3\], but .* holds \[2\]"),
        (lambda table: table.assign(x=np.nan), "must (hold|be a) finite number"),
        (lambda table: table.assign(x="left"), "must (hold numbers|be a finite number)"),
        (lambda table: table[:0], "has (no row|a header but no row)"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_cannot_be_used_leaves_no_file(ending, change, message, model, tmp_path, complaint):
    data, out = write(change(frame()), tmp_path / f"a.{ending}"), tmp_path / f"b.{ending}"
    line = complaint("relabel", data, "--model", model, "--out", out, *IGNORE)
    assert re.search(message, line), line
    assert [path.name for path in tmp_path.iterdir()] == [data.name]


def test_a_damaged_parquet_file_is_refused(model, tmp_path, complaint):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    line = complaint("relabel", tmp_path / "a.parquet", "--model", model, "--out", tmp_path / "b.parquet")
    assert "cannot be read as Parquet" in line


@pytest.mark.parametrize(("data", "out"), [("a.csv", "b.npz"), ("a.txt", "b.txt"), ("a.csv", "b.csv.gz")])
def test_kinds_must_match(data, out, model, tmp_path, complaint):
    line = complaint("relabel", tmp_path / data, "--model", model, "--out", tmp_path / out)
    assert "files that end with .npz, .csv or .parquet, or minari:ID, both of one kind" in line


def test_columns_are_about_tables(model, tmp_path, complaint):
    save_episodes([script(np.random.default_rng(0), 5)], tmp_path / "a.npz")
    line = complaint("relabel", tmp_path / "a.npz", "--model", model, "--out", tmp_path / "b.npz", "--ignore", "x")
    assert "has no columns: it holds whole episodes, and options are about columns of rows" in line


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_are_held_for_a_while_only(ending, likeness, tmp_path, document, monkeypatch):
    held, push = [], relabelling._StepRewards.push

    def spy(self, episodes, values, paid, breaks=None):
        held.append(len(values))
        return push(self, episodes, values, paid, breaks)

    monkeypatch.setattr(relabelling._StepRewards, "push", spy)
    monkeypatch.setattr(parquet_table, "ROWS", 500)
    monkeypatch.setattr(delimited, "BLOCK", 2**14)
    rows = 2000
    values = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    table = pandas.DataFrame(values, columns=["x", "y", "z"]).assign(episode=np.arange(rows) // 150)
    data = write(table, tmp_path / f"a.{ending}")
    document("relabel", data, "--model", likeness, "--out", tmp_path / f"b.{ending}")
    assert sum(held) == rows
    assert max(held) < rows / 2 and len(held) > 3


def transitions(rows: int = 2000) -> pandas.DataFrame:
    """Return rows of what was begun from, in episodes of 1 to 300 rows."""
    rng = np.random.default_rng(0)
    begun = rng.random(rows) < 0.02
    begun[[0, 1, 200]] = True  # the first has one row
    values = rng.normal(size=(rows, 3)).astype(np.float32).cumsum(0)
    table = pandas.DataFrame(values, columns=["x", "y", "z"])
    return table.assign(episode=begun.cumsum(), reward=rng.normal(size=rows))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["transition", "next", "bad episodes"])
def test_whole_episodes_are_held_for_a_while_only(ending, kind, model, tmp_path, document, monkeypatch):
    table = transitions()
    words = ["--layout", "transition"] if kind == "transition" else []
    if kind == "next":
        for name in "xyz":
            after = table.groupby("episode")[name].shift(-1)
            table[f"next_{name}"] = after.fillna(table[name] + 1)
    if kind == "bad episodes":
        words = ["--skip-bad-episodes"]
        table.loc[table["episode"].isin([1, 7, table["episode"].max()]), "x"] = np.nan
    data = write(table, tmp_path / f"a.{ending}")
    document("relabel", data, "--model", model, "--out", tmp_path / f"whole.{ending}", *words)
    held, original = [], relabelling.relabel_rows

    def spy(model, where, rows, *others):
        held.append(len(rows.obs))
        return original(model, where, rows, *others)

    monkeypatch.setattr(relabelling, "relabel_rows", spy)
    monkeypatch.setattr(relabelling, "_BLOCK", 100)
    monkeypatch.setattr(parquet_table, "ROWS", 70)
    monkeypatch.setattr(delimited, "BLOCK", 2**12)
    summary = document("relabel", data, "--model", model, "--out", tmp_path / f"parts.{ending}", *words)
    assert read(tmp_path / f"parts.{ending}").equals(read(tmp_path / f"whole.{ending}"))
    assert sum(held) == len(table) and max(held) < len(table) / 3 and len(held) > 5
    assert len(summary.get("skipped", ())) == (3 if kind == "bad episodes" else 0)
    assert summary["episodes"] + len(summary.get("skipped", ())) == table["episode"].nunique()


def test_no_episode_that_can_be_used(model, tmp_path, complaint):
    data = write(transitions(300).assign(x=np.nan), tmp_path / "a.csv")
    line = complaint("relabel", data, "--model", model, "--out", tmp_path / "b.csv", "--skip-bad-episodes")
    assert "a.csv has no episode that can be used: left out" in line
    assert not (tmp_path / "b.csv").exists()
