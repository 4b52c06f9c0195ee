"""`score` and `relabel` of a folder: one file for each, the same bytes wherever they are made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.scripted import small_model
from tsreward.cli.main import main
from tsreward.data.episodes import save_episodes
from tsreward.io import save
from tsreward.sequences.episodes import Episode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and in it a folder with three files of episodes."""
    made = tmp_path_factory.mktemp("units")
    save(small_model(mode="likeness"), made / "model.safetensors")
    (made / "data").mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        obs = rng.normal(size=(9, 3)).astype(np.float32)
        save_episodes([Episode(obs, rewards=np.ones(8))], made / "data" / f"run-{number}.npz")
    (made / "data" / ".hidden").write_text("not data")
    return made


def made_by(folder: Path, command: str, out: Path, *arguments: str) -> dict[str, bytes]:
    given = [command, str(folder / "data"), "--model", str(folder / "model.safetensors"), "--out", str(out)]
    assert main([*given, *arguments]) == 0
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")
@pytest.mark.parametrize(("command", "suffix"), [("score", ".csv"), ("relabel", ".npz")])
def test_files_are_the_same_wherever_they_are_made(
    command: str, suffix: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = made_by(folder, command, tmp_path / "here")
    assert [name[:6] for name in here] == ["run-0-", "run-1-", "run-2-"] and {Path(n).suffix for n in here} == {suffix}
    assert made_by(folder, command, tmp_path / "processes", "--jobs", "2") == here
    for share in ("1/2", "2/2"):
        found = made_by(folder, command, tmp_path / "shares", "--shard", share)
    assert found == here
    single = tmp_path / f"single{suffix}"
    source, model = folder / "data" / "run-1.npz", folder / "model.safetensors"
    assert main([command, str(source), "--model", str(model), "--out", str(single)]) == 0
    assert single.read_bytes() == list(here.values())[1]
    capsys.readouterr()
    (tmp_path / "here" / next(iter(here))).unlink()
    assert made_by(folder, command, tmp_path / "here", "--json") == here
    said = json.loads(capsys.readouterr().out)
    assert said["done"] == ["run-0"] and said["there"] == ["run-1", "run-2"]


@pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")
def test_another_model_has_other_files(folder: Path, tmp_path: Path) -> None:
    first = made_by(folder, "score", tmp_path)
    save(small_model(mode="likeness", smoothing=0.5), tmp_path / "other.safetensors")
    out = tmp_path / "other"
    given = ["score", str(folder / "data"), "--model", str(tmp_path / "other.safetensors"), "--out", str(out)]
    assert main(given) == 0
    assert {path.name for path in out.iterdir()}.isdisjoint(first)


def test_what_is_wrong_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", str(folder / "model.safetensors")]
    source = str(folder / "data" / "run-0.npz")
    cases = [
        (["score", source, *model, "--out", str(tmp_path / "a.csv"), "--jobs", "2"], "give a folder as the data"),
        (["relabel", source, *model, "--out", str(tmp_path / "a.npz"), "--shard", "1/2"], "give a folder as the data"),
        (["score", str(folder / "data"), *model], "name a folder for the scores with --out"),
        (["score", str(folder / "data"), *model, "--out", str(tmp_path / "taken")], "is a file, and"),
        (["score", str(folder / "data"), *model, "--out", str(tmp_path / "o"), "--shard", "3/2"], "--shard takes i/n"),
        (["score", str(tmp_path / "bad"), *model, "--out", str(tmp_path / "o")], "broken failed: "),
    ]
    (tmp_path / "taken").touch()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.npz").write_bytes(b"PK")
    for arguments, message in cases:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
