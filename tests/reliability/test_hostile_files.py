"""Hostile model files are refused for the right reason, before anything is run, written or allocated."""

import os
from pathlib import Path

import pytest
import torch

from tests.reliability.audit import ROOT, annotations, audited, is_suspicious
from tests.reliability.forge import CANARY
from tests.reliability.hostile import HOSTILE, MORE_HOSTILE, write_hostile
from tests.reliability.models import episodes
from tsreward.errors import CheckpointError
from tsreward.io import describe, load, save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.base import SCORERS
from tsreward.training import TrainOptions

CASES = {**HOSTILE, **MORE_HOSTILE}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_hostile(tmp_path_factory.mktemp("hostile"), CASES)


def test_there_are_forty() -> None:
    assert len(HOSTILE) == 40


@pytest.mark.parametrize("name", CASES)
def test_is_refused_with_its_reason(name: str, paths: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match=CASES[name].message) as caught:
        load(paths[name])
    assert str(paths[name]) in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", CASES)
def test_is_described_or_refused(name: str, paths: dict[str, Path]) -> None:
    try:
        assert describe(paths[name])["schema"] == 1
    except CheckpointError as error:
        assert str(paths[name]) in str(error)


@pytest.mark.parametrize(
    ("event", "args", "suspicious"),
    [
        ("os.system", (b"true",), True),
        ("subprocess.Popen", ("true", ["true"], None, None), True),
        ("socket.connect", (None, ("127.0.0.1", 1)), True),
        ("import", ("evil", None, None, None, None), True),
        ("open", ("x", "w", os.O_WRONLY | os.O_CREAT), True),
        ("open", ("x", "r", os.O_RDONLY), False),
        ("compile", (b"__import__('os')", "<string>"), True),
        ("compile", (b"int", "<string>"), False),
        ("exec", (compile("__import__('os')", "<string>", "eval"),), True),
        ("exec", (compile("int", "<string>", "eval"),), False),
    ],
)
def test_the_watch_sees_what_it_should(event: str, args: tuple[object, ...], suspicious: bool) -> None:
    assert is_suspicious(event, args, annotations()) is suspicious


def test_nothing_is_run_written_or_allocated(paths: dict[str, Path], tmp_path: Path) -> None:
    report = audited(paths.values(), tmp_path)
    assert (report["refused"], report["events"]) == (len(CASES), [])
    assert report["grown_mb"] < 64
    assert not (ROOT / CANARY).exists() and not Path(CANARY).exists()


def test_good_files_run_and_import_nothing_either(tmp_path: Path) -> None:
    for name, cls in SCORERS.items():
        model = RewardModel(cls(4, cls.Options()), Penalty())
        bad = episodes(seed=1, number=8) if cls.needs_negative else None
        model.fit(episodes(number=8), bad, torch.ones(3), TrainOptions(windows_per_epoch=None, epochs=1))
        save(model, tmp_path / f"{name}.safetensors")
    report = audited(tmp_path.glob("*.safetensors"), tmp_path)
    assert (report["loaded"], report["events"]) == (len(SCORERS), [])
    assert report["grown_mb"] < 64
