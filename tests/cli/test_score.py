"""`tsreward score` on logs: what is written, in which order, from which kind of file, and in how much memory."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.streaming import measure
from tsreward.cli.main import main
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import ScoreStream
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.frame_rows import FrameRows


@pytest.fixture
def files(tmp_path, seed):
    """Return a folder with a model, and a log as CSV, as .csv.gz and as NPY."""
    rng = np.random.default_rng(seed)
    model = RewardModel(Mahalanobis(3), Likeness(LikenessOptions(smoothing=0.5)))
    model.fit([rng.normal(size=(60, 2)).astype(np.float32)])
    save(model, tmp_path / "m")
    values = rng.normal(size=(40, 2)).round(3)
    stamps = [f"2024-01-01 00:{minute:02}:00" for minute in range(40)]
    rows = [f"{stamp},{x},{y},{int(y > 1)}" for stamp, (x, y) in zip(stamps, values, strict=True)]
    text = "\n".join(["when,x,y,attack", *rows]) + "\n"
    (tmp_path / "log.csv").write_text(text)
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(text.encode()))
    np.save(tmp_path / "log.npy", values)
    return tmp_path


@pytest.fixture
def score(files, capsys):
    """Return a function that scores one of the files and gives the rows of the CSV that comes out."""

    def run(data: str, *arguments: object) -> list[list[str]]:
        out = files / "s.csv"
        assert (
            main(["score", str(files / data), "--model", str(files / "m"), "--out", str(out), *map(str, arguments)])
            == 0
        )
        with out.open(newline="") as file:
            return list(csv.reader(file))

    return run


LOG = ("--time", "when", "--label", "attack")


def test_the_time_stands_first_and_the_label_last_as_in_the_log(files, score):
    rows = score("log.csv", *LOG)
    assert rows[0] == ["when", "episode", "step", "score", "p_value", "is_anomaly", "label"]
    with (files / "log.csv").open() as file:
        log = list(csv.reader(file))
    assert [row[0] for row in rows] == [row[0] for row in log]
    assert [row[-1] for row in rows[1:]] == [row[-1] for row in log[1:]]
    assert [row[2] for row in rows[1:]] == [str(step) for step in range(40)]


@pytest.mark.parametrize("block", [1, 100, 2**22])
def test_a_log_is_scored_as_its_array_is(files, score, block, monkeypatch):
    monkeypatch.setattr("tsreward.data.delimited.BLOCK", block)
    expected = score("log.npy")
    for name in ("log.csv", "log.csv.gz"):
        assert [row[1:-1] for row in score(name, *LOG)] == expected
    assert score("log.csv", "--ignore", "when", "attack") == expected


def test_npz_and_stdout_hold_the_same(files, score, capsys, document):
    rows = score("log.csv", *LOG)
    out = files / "s.npz"
    summary = document("score", files / "log.csv", "--model", files / "m", *LOG, "--out", out)
    with np.load(out, allow_pickle=False) as arrays:
        assert list(arrays) == rows[0]
        assert [[str(cell) for cell in row] for row in zip(*arrays.values(), strict=True)] == rows[1:]
        assert summary["steps"] == 40
        assert summary["flagged"] == arrays["is_anomaly"].sum()
        assert summary["mean_score"] == pytest.approx(arrays["score"].mean())
        assert summary["max_score"] == arrays["score"].max()
    capsys.readouterr()
    assert main(["score", str(files / "log.csv"), "--model", str(files / "m"), *LOG]) == 0
    assert list(csv.reader(capsys.readouterr().out.splitlines())) == rows


def test_stamps_that_hold_a_comma_stay_one_cell(files, score):
    (files / "log.csv").write_text('t,x,y\n"2020-01-01 00:00:00,5",1,2\n2020-01-01 00:00:01,3,4\n')
    assert [row[0] for row in score("log.csv", "--time", "t")] == ["t", "2020-01-01 00:00:00,5", "2020-01-01 00:00:01"]


@pytest.mark.parametrize("block", [1, 2**22])
def test_intervals_become_labels(files, score, document, block, monkeypatch):
    monkeypatch.setattr("tsreward.data.delimited.BLOCK", block)
    marks = files / "marks.csv"
    marks.write_text("start,end\n2024-01-01 00:03,2024-01-01 00:05:00\n2024-01-01 00:39,2024-01-01 00:39\n")
    options = ("--time", "when", "--ignore", "attack", "--label-intervals", marks)
    labels = [row[-1] for row in score("log.csv", *options)]
    assert [step for step, label in enumerate(labels[1:]) if label == "1"] == [3, 4, 5, 39]
    result = document("evaluate", "--data", files / "log.csv", "--model", files / "m", *options)
    assert (result["steps"], result["anomalous"]) == (40, 4)


def test_a_time_column_that_is_named_like_a_column_of_scores_is_refused(files, complaint):
    (files / "log.csv").write_text("step,x,y\n1,1,2\n")
    arguments = ("score", files / "log.csv", "--model", files / "m", "--time", "step", "--out", files / "s.csv")
    assert "The time column is named 'step' as a column of scores is: rename it" in complaint(*arguments)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_what_was_there_stays_when_scoring_stops(files, stop, monkeypatch):
    (files / "s.csv").write_text("before")
    before = sorted(files.iterdir())
    push = ScoreStream.score_rows

    def push_twice(stream: ScoreStream, chunk: FrameRows):
        if stream.rows:
            raise stop
        return push(stream, chunk)

    monkeypatch.setattr("tsreward.data.delimited.BLOCK", 100)
    monkeypatch.setattr(ScoreStream, "score_rows", push_twice)
    arguments = ["score", str(files / "log.csv"), "--model", str(files / "m"), *LOG, "--out", str(files / "s.csv")]
    if stop is KeyboardInterrupt:
        assert main(arguments) == 130
    else:
        with pytest.raises(stop):
            main(arguments)
    assert sorted(files.iterdir()) == before
    assert (files / "s.csv").read_text() == "before"


def test_memory_does_not_grow_with_the_log(tmp_path: Path, seed):
    short, long = (measure(tmp_path, megabytes, seed) for megabytes in (3, 30))
    assert long["rows"] == 9 * short["rows"]
    assert long["peak_memory_mb"] - short["peak_memory_mb"] < 60
