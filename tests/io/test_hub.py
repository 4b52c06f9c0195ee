"""Models go to a hub and come back the same; the zoo needs no network; what is refused says why."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fake_hub import FakeHub, fake_hub
from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.cli.main import main
from tsreward.errors import CheckpointError, DataError, MissingExtraError, OptionError
from tsreward.io import describe, save
from tsreward.io.card import model_card
from tsreward.io.hub import fetch, from_pretrained, push_to_hub, zoo
from tsreward.pipeline.model import RewardModel
from tsreward.wrappers.gymnasium_env import LearnedReward

pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(mode="likeness")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        yield served


def same(one: RewardModel, other: RewardModel) -> bool:
    windows = torch.randn(9, 4, 3, generator=torch.Generator().manual_seed(0))
    return torch.equal(one.score_windows(windows), other.score_windows(windows))


def test_a_model_goes_to_the_hub_and_comes_back(hub: FakeHub, model: RewardModel, tmp_path: Path) -> None:
    commit = push_to_hub(model, "me/walk", license="mit", exploits=["It pays for standing still."], token="hf_x")
    assert sorted(hub.repos["me/walk"]["main"]) == ["README.md", "model.safetensors"]
    assert same(model, from_pretrained("me/walk", token="hf_x", cache=tmp_path))
    card = hub.repos["me/walk"]["main"]["README.md"].decode()
    assert "license: mit" in card and "standing still" in card and 'from_pretrained("me/walk")' in card
    assert "| data | unknown |" in card and "Audit: not audited" in card
    other = small_model(mode="likeness", smoothing=0.5)
    second = push_to_hub(other, "me/walk", token="hf_x")
    assert second != commit
    first = from_pretrained("me/walk", revision=commit, token="hf_x", cache=tmp_path)
    assert first.mode.options.smoothing == 0.0
    assert from_pretrained("me/walk", token="hf_x", cache=tmp_path).mode.options.smoothing == 0.5


def test_the_card_tells_what_the_file_knows(model: RewardModel, tmp_path: Path) -> None:
    audit = {"verdict": "rejected", "reasons": ["TSR004: the ordering | is inverted."], "warnings": []}
    save(model, tmp_path / "m", {"env": "Hopper", "data": "<b>episodes</b>\n# of an agent", "audit": audit})
    card = model_card(describe(tmp_path / "m"))
    assert "Audit: **rejected**" in card and "ordering \\| is inverted" in card
    assert "| environment | Hopper |" in card and "| window K | 4 |" in card and "| false-alarm rate | 0.05 |" in card
    assert "<b>" not in card and "\n# of an agent" not in card and "license | unknown" in card
    assert describe(tmp_path / "m")["sha256"] in card


def test_what_the_hub_refuses_is_one_line(hub: FakeHub, model: RewardModel, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"The hub did not answer for me/none as it should \(RepositoryNotFoundError"):
        from_pretrained("me/none", token="hf_x", cache=tmp_path)
    push_to_hub(model, "me/walk", token="hf_x")
    with pytest.raises(DataError, match="RevisionNotFoundError"):
        from_pretrained("me/walk", revision="v9", token="hf_x", cache=tmp_path)
    hub.repos["me/walk"]["main"] = {"other.bin": b"x"}
    hub.repos["me/walk"]["a" * 40] = hub.repos["me/walk"]["main"]
    with pytest.raises(DataError, match="EntryNotFoundError"):
        from_pretrained("me/walk", token="hf_x", cache=tmp_path)
    hub.refuses = True
    with pytest.raises(DataError, match="The hub did not answer for me/walk as it should"):
        push_to_hub(model, "me/walk", token="hf_x")
    for wrong in ("walk", "a/b/c", "../x", ""):
        with pytest.raises(OptionError, match="A repository is called owner/name"):
            push_to_hub(model, wrong)


def test_a_damaged_download_is_no_model(hub: FakeHub, model: RewardModel, tmp_path: Path) -> None:
    push_to_hub(model, "me/walk", token="hf_x")
    data = bytearray(hub.repos["me/walk"]["main"]["model.safetensors"])
    data[-1] ^= 1
    hub.commit("me/walk", "main", {"model.safetensors": bytes(data)})
    with pytest.raises(CheckpointError):
        from_pretrained("me/walk", token="hf_x", cache=tmp_path)


def test_paths_need_no_hub(model: RewardModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model.safetensors")
    for source in (tmp_path, tmp_path / "model.safetensors", str(tmp_path)):
        assert same(model, from_pretrained(source))
    with pytest.raises(OptionError, match=r"Only a repository has revisions, got revision='v1'"):
        from_pretrained(tmp_path, revision="v1")
    with pytest.raises(OptionError, match=r"There is no model 'zo/o/x': give a file, a folder"):
        from_pretrained("zo/o/x")


def test_a_wrapper_takes_a_path(model: RewardModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model.safetensors")
    given = []
    for one in (model, str(tmp_path / "model.safetensors"), tmp_path):
        env = LearnedReward(ScriptedEnv(scripts(0, 1)[0]), one)
        env.reset()
        given.append(env.step(np.zeros(1, np.float32))[1])
    assert given[0] == given[1] == given[2]


def test_the_commands(
    hub: FakeHub,
    model: RewardModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    save(model, tmp_path / "m.safetensors", {"env": "Walk"})
    assert main(["push", str(tmp_path / "m.safetensors"), "me/walk", "--license", "mit", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["repo"] == "me/walk" and said["commit"] in hub.repos["me/walk"]
    pulled = tmp_path / "back.safetensors"
    assert main(["pull", "me/walk", "--out", str(pulled), "--revision", said["commit"]]) == 0
    assert pulled.read_bytes() == (tmp_path / "m.safetensors").read_bytes()
    assert main(["push", str(tmp_path / "m.safetensors"), "walk"]) == 2
    assert "A repository is called owner/name" in capsys.readouterr().err


def test_without_the_package_the_extra_is_named(model: RewardModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(
        MissingExtraError, match=r"huggingface_hub is not installed. Install it with: pip install .*\[hub\]"
    ):
        from_pretrained("me/walk")


@pytest.fixture
def own_zoo(model: RewardModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSREWARD_ZOO", str(tmp_path))
    save(model, tmp_path / "walk.safetensors", {"env": "Walk"})
    digest = hashlib.sha256((tmp_path / "walk.safetensors").read_bytes()).hexdigest()
    (tmp_path / "zoo.json").write_text(json.dumps({"walk": {"sha256": digest}}))
    return tmp_path


def test_the_zoo_checks_digests(own_zoo: Path, model: RewardModel) -> None:
    assert same(model, from_pretrained("zoo:walk")) and list(zoo()) == ["walk"]
    with pytest.raises(OptionError, match="Unknown model of the zoo 'wlk': did you mean 'walk'"):
        from_pretrained("zoo:wlk")
    save(small_model(), own_zoo / "walk.safetensors")
    with pytest.raises(CheckpointError, match=r"is not the file that zoo\.json lists"):
        fetch("zoo:walk")
    (own_zoo / "walk.safetensors").unlink()
    with pytest.raises(DataError, match="lists walk, but"):
        fetch("zoo:walk")
    (own_zoo / "zoo.json").write_text("[]")
    with pytest.raises(DataError, match="is no list of a zoo"):
        zoo()
    shutil.rmtree(own_zoo)
    with pytest.raises(DataError, match=r"There is no zoo at .*set TSREWARD_ZOO"):
        zoo()


ZOO = Path(__file__).parent.parent.parent / "zoo"


@pytest.mark.parametrize("name", sorted(path.stem for path in ZOO.glob("*.safetensors")))
def test_every_model_of_the_zoo_is_small_and_scores(name: str) -> None:
    entry = zoo()[name]
    path = fetch(f"zoo:{name}")
    assert path.stat().st_size == entry["bytes"] <= 200_000
    assert entry["audit"]["verdict"] in {"accepted", "rejected", "undecided"} and entry["data"]
    held = from_pretrained(f"zoo:{name}")
    assert np.isfinite(held.score(np.zeros((5, *held.obs_shape), np.float32)).numpy()).all()
