"""`tsreward collect --agent graded` writes what `load_graded` reads."""

import numpy as np

from tsreward.cli.main import main
from tsreward.data.graded import load_graded

SMALL = ("--env", "Tiny/Plain-v0", "--agent", "graded", "--steps", "256", "--hidden", "4", "--rollout", "32")


def test_it_writes_every_skill(tmp_path, document):
    out = tmp_path / "g.npz"
    made = document("collect", *SMALL, "--num-episodes", "2", "--stages", "0.25", "0.5", "--out", out)
    graded = load_graded(out)
    assert graded.names == ("random", "25 %", "50 %", "expert")
    assert made["returns"] == graded.mean_returns()
    assert (made["episodes"], made["steps"]) == (8, sum(len(episode) for episode in graded.episodes))
    assert (graded.env, graded.action_repeat) == ("Tiny/Plain-v0", 1)
    assert all(np.isfinite(graded.returns))


def test_an_expert_that_is_none_is_told(tmp_path, capsys):
    arguments = ["collect", *SMALL, "--policy", "lowest", "--stages", "--out", str(tmp_path / "g.npz")]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "warning: the expert's mean return of -" in err
    assert "return, expert" in out


def test_wrong_stages_are_one_line(tmp_path, complaint):
    said = complaint("collect", *SMALL, "--stages", "0.5", "2", "--out", tmp_path / "g.npz")
    assert "GradingOptions.stages must be rising numbers in (0, 1), got (0.5, 2.0)" in said
    assert not list(tmp_path.iterdir())
