"""Worker processes that run trials."""

from __future__ import annotations

import os
from multiprocessing import Pipe

import pytest

from tests.reliability.crashes import fork
from tests.tuning.cheap import Cheap
from tsreward.tuning import workers


@pytest.mark.parametrize("breaks", ["", "always"])
def test_a_worker_whose_search_was_killed_ends_without_a_word(
    breaks: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "_listen", lambda *_: None)  # it would end the process first, most of the time
    here, there = Pipe()
    here.close()
    setting = {"place": 0.5, "count": 3, "shape": "square"}
    child = fork(lambda: workers.work(Cheap(breaks=breaks), setting, there, ()))
    _, status = os.waitpid(child, 0)
    there.close()
    assert os.waitstatus_to_exitcode(status) == 1
    assert capfd.readouterr().err == ""
