"""Malformed logs are refused in one line that names place and remedy; unusual ones are read as they are meant."""

from __future__ import annotations

import re
import shlex
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.hanging import must_end
from tests.reliability.malformed import CSV, Malformed, Unusual, log
from tests.reliability.malformed_times import TIMES
from tsreward.cli.main import main
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import ScoreStream, stream_scores
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis

CASES = {**CSV, **TIMES}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    fitted = RewardModel(Mahalanobis(3), Likeness())
    fitted.fit([np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)])
    save(fitted, path)
    return path


@pytest.fixture
def run(model, tmp_path, monkeypatch, capsys):
    """Return a function that writes the files of a case, runs its command, and gives (code, stderr, stdout)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "OUT").mkdir()
    push = ScoreStream.score_rows

    def run_case(case: Malformed | Unusual) -> tuple[int, str, str]:
        path = Path("log.csv")
        if callable(case.log):
            case.log(path)
        else:
            path.write_bytes(case.log.encode() if isinstance(case.log, str) else case.log)
        if isinstance(case, Malformed) and case.other:
            Path("other.csv").write_text(case.other)

        def push_and_meddle(stream, chunk):
            scores = push(stream, chunk)
            if case.meanwhile is not None:
                case.meanwhile(path)
            return scores

        with monkeypatch.context() as patch:
            patch.setattr(ScoreStream, "score_rows", push_and_meddle)
            code = main(shlex.split(case.command.replace("MODEL", str(model))))
        out, err = capsys.readouterr()
        return code, err, out

    return run_case


def test_every_entry_of_the_catalogue_is_there():
    assert {name[:2] for name in CASES} >= {f"{number:02}" for number in range(1, 41)}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if isinstance(case, Malformed)])
def test_is_refused_in_one_line(name, run):
    case = CASES[name]
    with must_end():
        code, err, out = run(case)
    assert code == 2
    lines = [line for line in err.splitlines() if " left " not in line]  # the bar of what was scored before
    assert len(lines) == 1, err
    assert re.search(f"^tsreward: error: .*{case.message}", lines[0]), err
    assert re.search(r"(log|other)\.csv|--label-intervals", lines[0])
    assert len(lines[0]) < 600
    assert out == ""
    assert list(Path("OUT").iterdir()) == []


@pytest.mark.filterwarnings("always:log.csv")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if isinstance(case, Unusual)])
def test_is_read_as_it_is_meant(name, run, model):
    case = CASES[name]
    code, err, _ = run(case)
    assert code == 0, err
    assert case.remark in err
    assert case.remark or "warning" not in err
    rows = [line.split(",") for line in Path("OUT/s.csv").read_text().splitlines()]
    (expected,) = stream_scores(load(model), [np.array(case.values)])
    column = rows[0].index("score")
    assert [np.float32(row[column]) for row in rows[1:]] == expected.score.tolist()


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("27")])
def test_a_line_without_end_takes_little_memory(name, run):
    CASES[name].log(Path("log.csv"))
    tracemalloc.start()
    try:
        code, _, _ = run(Malformed(lambda path: None, ""))
        assert code == 2
        assert tracemalloc.get_traced_memory()[1] < 256 * 2**20
    finally:
        tracemalloc.stop()


def test_a_cell_beyond_the_first_chunk_is_named_by_its_row(run, monkeypatch):
    monkeypatch.setattr("tsreward.data.delimited.BLOCK", 512)
    _, err, _ = run(Malformed(log("1,2\n" * 3000 + "3,four\n" + "1,2\n" * 50), ""))
    assert "log.csv: row 3001 of column 'b' must be a finite number, found 'four'" in err
    _, err, _ = run(Malformed(log("1,2\n" * 3000 + "3\n"), ""))
    assert "log.csv: row 3001 has 1 in place of 2 cells" in err
    _, err, _ = run(Malformed(log("1,2\n" * 3000).encode() + b"\xff,1\n", ""))
    assert "log.csv: line 3002 is not UTF-8" in err
    assert list(Path("OUT").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["08 BOM", "12 LF, CR LF and CR mixed", "16 line end in quotes", "19 integers, then decimals, then truth"]
)
@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_the_chunks_changes_nothing(name, block, run, model, monkeypatch):
    monkeypatch.setattr("tsreward.data.delimited.BLOCK", block)
    test_is_read_as_it_is_meant(name, run, model)
