"""Files are matched by the names of their columns: score, evaluate, relabel, compare and info."""

import csv
import json

import numpy as np
import pandas
import pytest

from tests import plant
from tsreward.cli.main import main
from tsreward.io import describe


@pytest.fixture(scope="module")
def folder(plant_folder):
    """Return the folder with logs beside: with swapped columns, and others."""
    folder = plant_folder
    plant.log(folder / "swapped.csv", names=("flow", "load", "temp"))
    plant.frame(names=("temp", "flow", "load")).to_parquet(folder / "swapped.parquet")
    plant.log(folder / "renamed.csv", names=("load", "temp", "flow"))
    text = (folder / "renamed.csv").read_text()
    (folder / "renamed.csv").write_text(text.replace("temp", "Temp", 1))
    plant.log(folder / "more.csv", note=["fine"] * plant.SCORE)
    return folder


def score(folder, name, *arguments):
    out = folder / "scores.csv"
    code = main(["score", str(folder / name), "--model", str(folder / "m"), "--out", str(out), *arguments])
    if code:
        return code
    with out.open(newline="") as file:
        return [(row["score"], row["is_anomaly"]) for row in csv.DictReader(file)]


def test_swapped_columns_give_the_same_scores(folder):
    right = score(folder, "log.csv", "--time", "time")
    assert len(right) == plant.SCORE
    assert sum(int(flag) for _, flag in right) < 30
    assert score(folder, "swapped.csv", "--time", "time") == right
    assert score(folder, "swapped.parquet") == right


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "renamed.csv",
            (),
            "renamed.csv lacks the column 'temp' of {m}; has it become 'Temp'? It has load, Temp, flow",
        ),
        ("more.csv", (), "more.csv has a column 'note', which is none of {m}: leave it out with --ignore note"),
        ("log.csv", ("--ignore", "flow"), "lacks the column 'flow' of {m}. It has load, temp"),
    ],
)
@pytest.mark.parametrize("command", ["score", "evaluate", "compare"])
def test_other_columns_are_refused_in_every_command(folder, capsys, command, name, arguments, message):
    model, data = str(folder / "m"), str(folder / name)
    given = {
        "score": [data, "--model", model, "--out", str(folder / "s.csv")],
        "evaluate": ["--data", data, "--model", model],
        "compare": [model, model, "--data", data],
    }
    more = ("--ignore", "note") if name == "more.csv" and command != "score" else ()
    code = main([command, *given[command], "--time", "time", *arguments])
    said = capsys.readouterr().err
    assert code == 2
    if not more:  # what reads all at once tells first that the column is no numbers
        assert message.format(m=folder / "m") in said
    assert "Traceback" not in said


def test_an_extra_column_may_be_ignored(folder):
    right = score(folder, "log.csv", "--time", "time")
    assert score(folder, "more.csv", "--time", "time", "--ignore", "note") == right


def test_files_to_fit_on_may_have_other_orders(folder, capsys):
    plant.log(folder / "second.csv", 0, 600, names=("temp", "load", "flow"))
    fit = ["fit", "--scorer", "mahalanobis", "--reward", "likeness", "--time", "time", "--out", str(folder / "two")]
    assert main([*fit, "--data", str(folder / "fit.csv"), str(folder / "second.csv")]) == 0
    assert [name for name, _ in describe(folder / "two")["columns"]] == list(plant.NAMES)
    assert main([*fit, "--data", str(folder / "fit.csv"), str(folder / "renamed.csv")]) == 2
    assert "renamed.csv lacks the column 'temp' of" in capsys.readouterr().err


def test_info_lists_the_columns(folder, capsys):
    assert main(["info", str(folder / "m")]) == 0
    assert '"load", "temp", "flow"' in capsys.readouterr().out
    assert main(["info", str(folder / "m"), "--json"]) == 0
    assert [name for name, _ in json.loads(capsys.readouterr().out)["columns"]] == list(plant.NAMES)


def test_tables_of_steps_are_relabelled_by_name(folder, capsys):
    steps = plant.frame(names=("flow", "temp", "load"))
    steps.insert(0, "episode", np.repeat([0, 1], plant.SCORE // 2))
    steps.to_csv(folder / "steps.csv", index=False)
    straight = steps[["episode", *plant.NAMES]]
    straight.to_csv(folder / "straight.csv", index=False)
    found = {}
    for name in ("steps", "straight"):
        out = folder / f"{name}-out.csv"
        assert main(["relabel", str(folder / f"{name}.csv"), "--model", str(folder / "m"), "--out", str(out)]) == 0
        found[name] = pandas.read_csv(out)["reward"].tolist()
    assert found["steps"] == found["straight"]
    steps.rename(columns={"temp": "tmp"}).to_csv(folder / "bad.csv", index=False)
    out = folder / "bad-out.csv"
    assert main(["relabel", str(folder / "bad.csv"), "--model", str(folder / "m"), "--out", str(out)]) == 2
    assert "lacks the column 'temp' of the model; has it become 'tmp'?" in capsys.readouterr().err
