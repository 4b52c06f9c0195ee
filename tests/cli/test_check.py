"""`tsreward check`: 0 where models are sound, 1 with remedies where they are not."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import tests.tiny  # noqa: F401
from tests.scripted import script, small_model
from tsreward.cli.main import main
from tsreward.data.episodes import save_episodes
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "model.safetensors"
    save(small_model(), path)
    return path


def test_a_sound_model_passes_on_noise_on_data_and_in_an_environment(sound, tmp_path, document):
    save_episodes([script(np.random.default_rng(0), 30)], tmp_path / "data.npz")
    bare = document("check", sound)
    full = document("check", sound, "--data", tmp_path / "data.npz", "--env", "Tiny/Cost-v0", "--steps", 40)
    assert bare["passed"] and full["passed"]
    assert len(full["files"][0]["checks"]) >= len(bare["files"][0]["checks"]) + 21 >= 48
    assert all(check["passed"] for check in full["files"][0]["checks"])


def test_what_is_wrong_is_named_with_its_remedy(sound, tmp_path, document, capsys):
    model = small_model()
    model.mode.threshold.fill_(-1e9)
    save(model, tmp_path / "low.safetensors")
    content = bytearray(sound.read_bytes())
    content[-9] ^= 1
    (tmp_path / "rotten.safetensors").write_bytes(content)
    arguments = (tmp_path / "low.safetensors", tmp_path / "rotten.safetensors", sound)
    found = document("check", *arguments, code=1)
    failed = [[check["name"] for check in file["checks"] if not check["passed"]] for file in found["files"]]
    assert failed == [
        ["the threshold keeps the false-alarm rate"],
        ["the file loads and its digests hold"],
        [],
    ]
    assert not found["passed"]
    assert main(["check", str(tmp_path / "low.safetensors")]) == 1
    assert "1 of 28 checks failed" in capsys.readouterr().out
    assert main(["check", str(sound)]) == 0
    assert "28 checks passed" in capsys.readouterr().out


def test_another_environment_fails(sound, document):
    found = document("check", sound, "--env", "Tiny/Wide-v0", code=1)
    (failed,) = [check for check in found["files"][0]["checks"] if not check["passed"]]
    assert failed["name"] == "it fits Tiny/Wide-v0" and "(5,)" in failed["detail"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("none.safetensors",), "none.safetensors"), (("MODEL", "--env", "Tiny/Cots-v0"), "did you mean 'Tiny/Cost-v0'")],
)
def test_bad_input_is_one_line(arguments, message, sound, complaint):
    assert message in complaint("check", *(sound if part == "MODEL" else part for part in arguments))


def test_columns_that_are_not_those_of_the_model_are_named(tmp_path, document):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(200, 2)), columns=["load", "temp"])
    model = RewardModel(KNN(4), Likeness())
    model.fit([frame])
    save(model, tmp_path / "m.safetensors")
    other = frame.rename(columns={"temp": "temperature"})
    for table, passes in (
        (frame[["temp", "load"]], True),
        (other, False),
        (frame.assign(more=frame["load"] ** 2), False),
    ):
        table.to_csv(tmp_path / "d.csv", index=False)
        found = document("check", tmp_path / "m.safetensors", "--data", tmp_path / "d.csv", code=0 if passes else 1)
        (check,) = [one for one in found["files"][0]["checks"] if one["name"] == "the data have its columns"]
        assert check["passed"] == passes
        assert passes or ("temperature" in check["detail"] or "'more'" in check["detail"])


def test_an_environment_is_checked_without_a_model(capsys, monkeypatch):
    assert main(["check", "--env", "Tiny/Cost-v0"]) == 0
    printed = capsys.readouterr()
    assert "checks passed" in printed.out and "Next: tsreward collect --env Tiny/Cost-v0" in printed.out
    assert "info['cost']" in printed.err
    assert main(["check", "--env", "Tiny/Broken-v0"]) == 1
    assert "NaN" in capsys.readouterr().out
