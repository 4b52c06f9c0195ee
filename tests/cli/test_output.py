"""Progress where nobody sees a bar: lines with the time left, now and then."""

from __future__ import annotations

import io
import sys

from rich.console import Console

from tsreward.cli.output import Stages


def test_a_line_comes_every_so_often_and_one_at_the_end(capsys):
    now = 0.0
    with Stages(every=30.0, clock=lambda: now) as stages:
        report = stages("agent")
        for done in range(0, 1001, 100):
            now = done / 10
            report(done, 1000)
        report = stages("evaluation")
        now += 2
    assert capsys.readouterr().err.splitlines() == [
        "tsreward: agent: 300 of 1,000 (30%) in 30 s, 1 min 10 s left",
        "tsreward: agent: 600 of 1,000 (60%) in 1 min 0 s, 40 s left",
        "tsreward: agent: 900 of 1,000 (90%) in 1 min 30 s, 10 s left",
        "tsreward: agent: 1,000 done in 1 min 40 s",
        "tsreward: evaluation: done in 2 s",
    ]


def test_an_error_says_nothing_of_a_stage_that_did_not_end(capsys):
    try:
        with Stages() as stages:
            stages("agent")(1, 2)
            raise RuntimeError
    except RuntimeError:
        pass
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_bars(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("tsreward.cli.output.Console", lambda stderr: Console(file=screen, force_terminal=True))
    with Stages() as stages:
        stages("agent")(1024, 1024)
    assert "agent" in screen.getvalue() and "1024/1024" in screen.getvalue()
