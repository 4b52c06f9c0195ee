"""Killed or told to end at any moment: run again, commands end with the same bits, and trainings go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.full_disk import inputs
from tests.reliability.resume import COMMANDS, kill_command, kill_training, signal_training


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_gives_the_same_result_when_it_is_run_again(name: str, files: dict[str, str], tmp_path: Path):
    seen = kill_command(name, files, tmp_path, kills=5, seed=0)
    assert {wrong: seen[wrong] for wrong in ("differ", "broken", "stale") if seen[wrong]} == {}
    assert seen["unfinished"] > 0  # else the kills never came at a bad time, and nothing was tested


def test_a_killed_training_goes_on(files: dict[str, str], tmp_path: Path):
    seen = kill_training(files, tmp_path, kills=3, seed=0)
    assert {wrong: seen[wrong] for wrong in ("unreadable", "fewer", "broken") if seen[wrong]} == {}


def test_a_training_that_is_told_to_end_keeps_its_checkpoint(files: dict[str, str], tmp_path: Path):
    seen = signal_training(files, tmp_path, signals=2, seed=0)
    assert {wrong: seen[wrong] for wrong in ("hung", "code", "traceback", "lost", "state") if seen[wrong]} == {}
