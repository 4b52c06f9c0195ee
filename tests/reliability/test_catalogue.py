"""Entries 41 to 80 of the catalogue: refused in one line with place and remedy, or read as they are meant."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.hanging import must_end
from tests.reliability.catalogue import ARRAYS, CONFIG, ELSEWHERE, ROWS, SCORED, SETS, VIDEOS, Case
from tsreward.cli.main import main
from tsreward.data.video.reading import read_frames
from tsreward.errors import DataError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis

GROUPS = (ARRAYS, SCORED, SETS, VIDEOS, CONFIG)
FIT = ("fit", "--reward", "likeness")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def check_command(case: Case, words: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with must_end(60):
        code = main([*words, "--out", str(out)])
    said, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("tsreward: error: ")]
    assert "Traceback" not in err
    if not case.message:
        assert (code, errors, out.exists()) == (0, [], True), err
        return
    assert (code, said, out.exists(), len(errors)) == (2, "", False, 1), err
    assert re.search(r"/a\.\w+|walk-v0", errors[0]), errors[0]
    assert re.search(case.message, errors[0]), errors[0]
    assert len(errors[0]) < 600


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("name", [*ARRAYS, *SETS])
def test_data(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = (ARRAYS | SETS)[name]
    words = [*FIT, "--data", str(case.make(folder)), "--scorer", "mahalanobis", "--window", "3"]
    check_command(case, words, folder / "m", capsys)


@pytest.mark.parametrize("name", CONFIG)
def test_options(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "data.npy", ROWS)
    words = [*FIT, "--data", str(folder / "data.npy"), "--config", str(CONFIG[name].make(folder))]
    check_command(CONFIG[name], words, folder / "m", capsys)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return RewardModel(Mahalanobis(3), Likeness()).fit([ROWS, ROWS + 0.1])


@pytest.mark.parametrize("name", SCORED)
def test_arrays(name: str, folder: Path, model: RewardModel) -> None:
    given, message = SCORED[name].make(folder), SCORED[name].message
    if message:
        with pytest.raises((DataError, ShapeError), match=message):
            model.score([given])
        return
    before = np.array(given)
    (found,) = model.score([given])
    (wanted,) = model.score([np.array(given, np.float32)])
    assert found.tolist() == wanted.tolist()
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("name", VIDEOS)
def test_films(name: str, folder: Path) -> None:
    path, message = VIDEOS[name].make(folder), VIDEOS[name].message
    with must_end(60):
        if not message:
            assert len(read_frames(path)) in (6, 30)
            return
        with pytest.raises(DataError, match=message) as caught:
            read_frames(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_every_entry_is_there() -> None:
    here = {int(name[:2]) for group in GROUPS for name in group}
    for path, test in ELSEWHERE.values():
        assert f"def {test}(" in (Path(__file__).parents[2] / path).read_text()
    assert here | ELSEWHERE.keys() == set(range(41, 81))
