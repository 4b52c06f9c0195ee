"""Several runs together: interquartile means as scipy's trimmed ones, intervals that hold what they promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import trim_mean

from tests.report.reading import closed
from tsreward.data.episode_rows import EpisodeFile, EpisodeRow
from tsreward.errors import DataError
from tsreward.report.several import estimate, figures_of, interquartile_mean, read_methods, render_several


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8, 11])
def test_it_is_the_trimmed_mean_that_rliable_takes(number):
    values = np.random.default_rng(number).normal(size=(number, 3))
    np.testing.assert_allclose(interquartile_mean(values), trim_mean(values, 0.25, axis=0))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    draws = np.random.default_rng(0)
    known = [estimate(draws.normal(size=10)) for _ in range(200)]
    covered = np.mean([one.low <= 0 <= one.high for one in known])
    assert 0.82 < covered < 0.99  # percentile intervals of ten runs are a little short
    assert all(one.low <= one.iqm <= one.high for one in known)
    same = estimate(np.full(5, 2.0))
    assert (same.iqm, same.low, same.high) == (2, 2, 2)


def run(folder: Path, seed: int, level: float, **options: object) -> Path:
    folder.mkdir(parents=True)
    config = {"env": "Hopper", "agent": {"seed": seed, "algorithm": "ppo"} | options, "out": str(folder)}
    (folder / "config.json").write_text(json.dumps(config))
    file = EpisodeFile(folder / "episodes.csv")
    for step in range(10, 101, 10):
        file.write("agent", seed, EpisodeRow(step, 10, level + step, level, 1.0 if options else None, 0.5, 0, 1, 2))
    return folder


def test_runs_that_differ_in_their_seeds_stand_together(tmp_path):
    for seed in range(5):
        run(tmp_path / "many" / f"seed-{seed}", seed, float(seed**2))
    other = run(tmp_path / "other", 0, 3.0, algorithm="sac")
    methods = read_methods([tmp_path / "many", other])
    assert [method.name for method in methods] == ["algorithm ppo", "algorithm sac"]
    figures = figures_of(methods)
    ppo = figures["algorithm ppo"]
    assert ppo["runs"] == 5 and ppo["seeds"] == [0, 1, 2, 3, 4] and "cost" not in ppo
    assert ppo["true_return"]["iqm"] == pytest.approx(90 + (1 + 4 + 9) / 3)  # episodes at 80, 90 and 100 steps
    assert ppo["true_return"]["mean"] == pytest.approx(90 + 30 / 5)
    assert figures["algorithm sac"]["true_return"]["std"] == 0 and figures["algorithm sac"]["cost"]["iqm"] == 1
    page = render_several("Runs", methods)
    assert page == render_several("Runs", methods) and "algorithm ppo" in closed(page).text
    assert re.search(
        r"algorithm ppo has the highest true return, 95 \(95 % interval 9\d to \d+\); that of algorithm sac, 93 ", page
    )
    (alone,) = read_methods([tmp_path / "many"])
    assert alone.name == "agent"
    steps, means = alone.curve("true_return")
    assert means.shape == (5, len(steps)) and np.isfinite(means).all() and (np.diff(means, axis=1) >= 0).all()


def test_a_cost_limit_makes_another_method_where_an_agent_keeps_to_it(tmp_path):
    for algorithm in ("ppo", "ppo_lagrangian"):
        folders = [
            run(tmp_path / f"{algorithm}{limit}", 0, 1, algorithm=algorithm, cost_limit=limit) for limit in (5, 9)
        ]
        names = [method.name for method in read_methods(folders)]
        assert names == (["agent"] if algorithm == "ppo" else ["cost_limit 5", "cost_limit 9"])


def test_what_is_no_run_or_has_no_episode_is_named(tmp_path):
    with pytest.raises(DataError, match=r"is no folder of a run: it has no config\.json"):
        read_methods([tmp_path])
    (tmp_path / "config.json").write_text("{}")
    EpisodeFile(tmp_path / "episodes.csv")
    with pytest.raises(DataError, match=r"No episode of the run in .* has ended yet"):
        read_methods([tmp_path])
