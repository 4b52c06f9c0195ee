"""What a study has found, and what it leaves behind."""

import json
import tomllib

import optuna
import pytest

from tests.report.reading import charts, closed
from tests.tuning.cheap import SPACE, Cheap
from tsreward.errors import DataError, OptionError
from tsreward.tuning.budget import ERROR, fail
from tsreward.tuning.page import write_results
from tsreward.tuning.results import results, toml_text
from tsreward.tuning.space import Categorical, Int, Space
from tsreward.tuning.study import opened

NAMED = Space(
    1,
    {
        "shape": Categorical(("<script>alert(1)</script>", "b"), "b"),
        "place": SPACE.parameters["place"],
        "count": Int(1, 8, 8),
        "nowhere": Int(1, 2, 1, when=("shape", "an option that it does not have")),
    },
)


def add(study, values, count=8, place=3.0, over=None):
    trial = optuna.create_trial(
        values=values,
        params={"shape": "absolute", "place": place, "count": count},
        distributions={
            "shape": optuna.distributions.CategoricalDistribution(("square", "absolute")),
            "place": optuna.distributions.FloatDistribution(-4.0, 4.0),
            "count": optuna.distributions.IntDistribution(1, 8),
        },
        constraints=None if over is None else {"count": over},
    )
    study.study.add_trial(trial)


def test_the_front_and_the_one_that_is_near_the_best_of_both(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap(several=True)) as study:
        for values in ([0.0, 0.0], [0.2, 8.0], [1.0, 10.0], [1.0, 9.0], [0.2, 8.0], [5.0, 5.0]):
            add(study, values)
        found = results(study)
    assert [one.values for one in found.front] == [(0.0, 0.0), (0.2, 8.0), (0.2, 8.0), (1.0, 10.0)]
    assert found.best.values == (0.2, 8.0)
    assert found.default is None


def test_the_best_keeps_the_limit_where_one_can(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap(limit=3.0)) as study:
        add(study, [0.1], over=2.0)
        add(study, [0.5], over=1.0)
        assert not results(study).best.feasible
        assert results(study).best.values == (0.5,)
        add(study, [0.9], over=-1.0)
        add(study, [0.8], over=0.0)
        assert results(study).best.values == (0.8,)
        assert results(study).best.feasible


def test_what_mattered(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        for index in range(16):
            add(study, [float(index % 8)], count=1 + index % 8, place=-4 + index / 2)
        shares = results(study).importances["distance"]
    assert max(shares, key=lambda name: shares[name]) == "count"
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


def test_without_a_trial_there_is_no_best(tmp_path):
    with (
        pytest.raises(DataError, match="None of 1 trials is complete: the study 'cheap' has no best"),
        opened(str(tmp_path / "s.db"), Cheap()) as study,
    ):
        results(study)
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        fail(study, study.study.ask().number, "The count is too small.")
        with pytest.raises(DataError, match=r"has no best. The last failed: The count is too small\."):
            results(study)


def test_a_trial_whose_process_died_before_it_began_is_no_obstacle(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        add(study, [0.5])
        study.study.enqueue_trial({"count": 3})
        waiting = study.study.trials[-1]
        study.study._storage.set_trial_state_values(waiting._trial_id, optuna.trial.TrialState.FAIL)
        assert study.study.trials[-1].datetime_start is None
        found = results(study)
    assert found.states["complete"] == 1 and found.best.values == (0.5,)


@pytest.mark.parametrize("several", [False, True])
def test_what_is_left_behind(tmp_path, several):
    objective = Cheap(several=several, space=NAMED)
    with opened(str(tmp_path / "s.db"), objective) as study:
        for _ in range(6):
            trial = study.study.ask()
            setting = NAMED.suggest(trial)
            values = [abs(float(str(setting["place"])) - 1), float(str(setting["count"]))]
            study.study.tell(trial, values[: len(objective.directions)])
        failed = study.study.ask()
        failed.set_user_attr(ERROR, "it is <b>broken</b>")
        study.study.tell(failed, state=optuna.trial.TrialState.FAIL)
        found = results(study)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "front-999.toml").write_text("")
    write_results(found, objective, folder, "cheap <i>study</i>")
    names = {"best.toml", "results.json", "report.html", *(f"front-{one.number}.toml" for one in found.front)}
    assert {entry.name for entry in folder.iterdir()} == names
    best = (folder / "best.toml").read_text()
    assert tomllib.loads(best) == {"fit": {"window": found.best.setting["count"]}}
    assert f"trial {found.best.number}: distance " in best.splitlines()[0]
    content = json.loads((folder / "results.json").read_text())
    assert content["trials"] == {"complete": 6, "pruned": 0, "failed": 1}
    assert content["best"]["setting"] == found.best.setting
    assert content["default"]["setting"] == NAMED.defaults()
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 1 + 3 * len(objective.directions)
    assert "it is <b>broken</b>" in closed(page).text and "<b>broken" not in page and "<i>study" not in page
    assert len(charts(page)) == 1 + len(objective.directions)
    assert "place" in page
    assert "nowhere" not in page  # no trial has it
    assert "needs" not in page or "Importances need at least ten" in page
    first = page
    write_results(found, objective, folder, "cheap <i>study</i>")
    assert (folder / "report.html").read_text() == first


def test_toml_is_read_back():
    table = {
        "scorer.clip": None,
        "text": 'a "quote"\\\n\x7f é',
        "whole": -3,
        "real": 1e-05,
        "on": True,
        "list": ["a", 2],
    }
    assert tomllib.loads(toml_text({"fit": table}, ["two\nlines"])) == {"fit": table | {"scorer.clip": "None"}}
    for value in (float("nan"), {"a": 1}, object()):
        with pytest.raises(OptionError, match="TOML has no"):
            toml_text({"fit": {"x": value}})
