"""Missing values, gaps, zones, words of labels and lists of incidents in files, at the command line."""

import csv
import json

import numpy as np
import pandas
import pytest
import torch

from tests import plant
from tsreward.cli.main import main
from tsreward.io import load


@pytest.fixture(scope="module")
def folder(plant_folder):
    """Return the folder with a model of the plant and its log."""
    return plant_folder


@pytest.fixture(scope="module")
def model(folder):
    """Return the model."""
    return load(folder / "m")


def score(folder, name, *arguments):
    """Return the rows of the scores of a file as dictionaries of text."""
    out = folder / "scores.csv"
    given = ["score", str(folder / name), "--model", str(folder / "m"), "--out", str(out), "--time", "time"]
    assert main([*given, *arguments]) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def refused(folder, capsys, name, *arguments):
    """Return the one line that refuses to score a file."""
    capsys.readouterr()
    out = folder / "none.csv"
    given = ["score", str(folder / name), "--model", str(folder / "m"), "--out", str(out)]
    assert main([*given, *arguments]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert not out.exists()
    return said


def lacking(folder, name="lacking.csv", cells=((0, "temp"), (100, "load"), (300, "flow"), (599, "flow"))):
    """Write the log without some cells, and return the same as a frame."""
    frame = plant.frame()
    for row, column in cells:
        frame.loc[row, column] = np.nan
    text = frame.map(lambda value: "" if np.isnan(value) else str(value))
    plant.write(folder / name, {"time": plant.stamps(3000, 3600), **{column: text[column] for column in plant.NAMES}})
    return frame


def test_empty_cells_are_refused_with_the_option(folder, capsys):
    lacking(folder)
    said = refused(folder, capsys, "lacking.csv", "--time", "time")
    assert "row 1 of column 'temp' must be a finite number, found nothing" in said
    assert "--missing drop, ffill, interpolate or mask" in said


@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
def test_files_and_frames_give_the_same_scores(folder, model, capsys, missing):
    frame = lacking(folder)
    rows = score(folder, "lacking.csv", "--missing", missing)
    expected = model.score(frame, missing=missing)
    assert len(rows) == {"drop": 596, "ffill": 599}.get(missing, 600)
    assert torch.equal(torch.tensor([float(row["score"]) for row in rows]), expected)
    kept = [row for row in range(600) if not (missing == "drop" and row in (0, 100, 300, 599))]
    kept = kept[1:] if missing == "ffill" else kept
    assert [int(row["step"]) for row in rows] == kept
    assert [row["time"] for row in rows] == [plant.stamps(3000, 3600)[row] for row in kept]
    if missing == "drop":
        assert "missing" not in rows[0]
    else:
        marked = [int(row["step"]) for row in rows if row["missing"] == "1"]
        assert marked == ([100, 300, 599] if missing == "ffill" else [0, 100, 300, 599])
    assert sum(int(row["is_anomaly"]) for row in rows) < 30
    assert "lacking.csv: " in capsys.readouterr().err


def test_an_empty_column_is_named(folder, capsys):
    lacking(folder, "empty.csv", [(row, "temp") for row in range(600)])
    for missing in ("drop", "ffill", "interpolate"):
        said = refused(folder, capsys, "empty.csv", "--time", "time", "--missing", missing)
        assert "column 'temp' holds no value at all: leave it out with --ignore temp" in said
    rows = score(folder, "empty.csv", "--missing", "mask")
    assert sum(int(row["is_anomaly"]) for row in rows) < 30


@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
def test_models_are_fitted_on_files_that_lack_values(folder, missing):
    frame = plant.frame(0, plant.FIT)
    frame.loc[500:520, "temp"] = np.nan
    frame.to_csv(folder / "fit-lacking.csv", index=False)
    fit = ["fit", "--data", str(folder / "fit-lacking.csv"), "--scorer", "mahalanobis", "--reward", "likeness"]
    out = folder / f"m-{missing}"
    assert main([*fit, "--out", str(out)]) == 2
    assert main([*fit, "--missing", missing, "--out", str(out)]) == 0
    fitted = load(out)
    assert (fitted.score(plant.frame()) > fitted.mode.threshold).float().mean() < 0.05


def test_windows_never_cross_a_hole_of_four_days(folder, model, capsys):
    stamps = plant.stamps(3000, 3300) + plant.stamps(3300 + 4 * 1440, 3600 + 4 * 1440)
    plant.write(folder / "hole.csv", {"time": stamps, **{name: plant.frame()[name] for name in plant.NAMES}})
    rows = score(folder, "hole.csv", "--gap", "600")
    said = capsys.readouterr().err
    assert "1 gap of more than 600 in 'time': windows begin anew behind it" in said
    apart = torch.cat([model.score(plant.frame(3000, 3300)), model.score(plant.frame(3300, 3600))])
    assert torch.equal(torch.tensor([float(row["score"]) for row in rows]), apart)
    assert [int(row["step"]) for row in rows] == list(range(600))
    score(folder, "hole.csv")
    assert "--gap 90 lets windows begin anew" in capsys.readouterr().err
    fit = ["fit", "--data", str(folder / "hole.csv"), "--time", "time", "--gap", "600", "--scorer", "mahalanobis"]
    assert main([*fit, "--reward", "likeness", "--out", str(folder / "m-hole")]) == 0


def summer(folder, name, form="%Y-%m-%d %H:%M:%S%z"):
    """Write the log with stamps of Berlin around the end of summer time."""
    times = pandas.date_range("2024-10-26 22:00", periods=600, freq="1min", tz="UTC").tz_convert("Europe/Berlin")
    stamps = [f"{text[:-2]}:{text[-2:]}" if "%z" in form else text for text in times.strftime(form)]
    plant.write(folder / name, {"time": stamps, **{name: plant.frame()[name] for name in plant.NAMES}})


def test_a_change_of_daylight_saving(folder, model, capsys):
    summer(folder, "zones.csv")
    assert "--time-zone UTC takes several zones" in refused(folder, capsys, "zones.csv", "--time", "time")
    right = model.score(plant.frame())
    for zone in ("UTC", "Europe/Berlin"):
        rows = score(folder, "zones.csv", "--time-zone", zone, "--time-step", "60")
        assert torch.equal(torch.tensor([float(row["score"]) for row in rows]), right)
    summer(folder, "local.csv", "%d.%m.%Y %H:%M")
    assert "--time-format reads other text" in refused(folder, capsys, "local.csv", "--time", "time")
    local = ("--time-format", "%d.%m.%Y %H:%M")
    said = refused(folder, capsys, "local.csv", "--time", "time", *local)
    assert "3540 s before the row above" in said
    assert "--time-zone" in said
    rows = score(folder, "local.csv", *local, "--time-zone", "Europe/Berlin", "--time-step", "60")
    assert torch.equal(torch.tensor([float(row["score"]) for row in rows]), right)


def test_equal_stamps_need_the_option(folder, capsys):
    stamps = [stamp for stamp in plant.stamps(0, 300) for _ in range(2)]
    plant.write(folder / "twice.csv", {"time": stamps, **{name: plant.frame()[name] for name in plant.NAMES}})
    assert "--time-repeats" in refused(folder, capsys, "twice.csv", "--time", "time")
    assert len(score(folder, "twice.csv", "--time-repeats")) == 600


def test_words_of_labels(folder, capsys):
    words = ["Normal"] * 500 + ["Attack"] * 100
    plant.log(folder / "words.csv", state=words)
    said = refused(folder, capsys, "words.csv", "--time", "time", "--label", "state")
    assert "row 1 of column 'state' must be a finite number, found 'Normal'" in said
    assert "--label-map Normal=0,Attack=1" in said
    rows = score(folder, "words.csv", "--label", "state", "--label-map", "Normal=0,Attack=1")
    assert [row["label"] for row in rows] == ["0"] * 500 + ["1"] * 100
    given = ("--time", "time", "--label", "state", "--label-map", "Normal=0")
    assert "row 501 of label column 'state' must be one of the words of --label-map, Normal" in refused(
        folder, capsys, "words.csv", *given
    )
    assert "--label-map takes words with 0 or 1" in refused(folder, capsys, "words.csv", *given[:-1], "Normal")
    evaluate = ["evaluate", "--model", str(folder / "m"), "--data", str(folder / "words.csv"), "--time", "time"]
    assert main([*evaluate, "--label", "state", "--label-map", "Normal=0,Attack=1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["flag_rate_normal"] < 0.05


def test_lists_of_incidents_reach_beyond_the_log(folder, capsys):
    time = plant.stamps(0, 9000)
    intervals = {
        "start": [time[2000], time[3100], time[3500], time[8000]],
        "end": [time[3009], time[3109], "", time[8100]],
    }
    plant.write(folder / "incidents.csv", intervals)
    rows = score(folder, "log.csv", "--label-intervals", str(folder / "incidents.csv"))
    assert [row["label"] for row in rows] == ["1"] * 10 + ["0"] * 90 + ["1"] * 10 + ["0"] * 390 + ["1"] * 100
    said = " ".join(capsys.readouterr().err.split())
    assert "of 4 intervals" in said
    assert "1 cut at the beginning of the log" in said
    assert "1 without a start or an end" in said
    assert "1 with no row of the log in them" in said


COMMAS = "load,temp,flow,\n1,2,3,\n4,5,6,\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("sep=,\nload,temp,flow\n1,2,3\n", ["begins with 'sep=,', a line for spreadsheets", "--skip-rows 1"]),
        ("sep=;\nload;temp\n1;2\n", ["begins with 'sep=;'", "tsreward reads commas"]),
        (
            "Plant 7\nexported 2024\nload,temp,flow\n1,2,3\n4,5,6\n",
            ["1 cell and the rows below have 3", "--skip-rows 2"],
        ),
        ("Plant 7\n\nload,temp,flow\n1,2,3\n4,5,6\n", ["--skip-rows 2"]),
        (COMMAS, ["column 4 has no name and no values, because its lines end with a comma", "--ignore 'Unnamed: 3'"]),
        ("load,temp,flow\n1,2,3,\n4,5,6,\n", ["its rows end with a comma, and its header does not"]),
        (
            ",load,temp,flow\n0,1,2,3\n1,4,5,6\n",
            ["column 1 has no name in the header, as the index that pandas"],
        ),
        ("load,,temp,flow\n0,1,2,3\n1,4,5,6\n", ["column 2 has no name in the header", "--ignore 'Unnamed: 1'"]),
    ],
)
def test_what_stands_in_the_way_is_named_as_what_it_is(tmp_path, capsys, text, messages):
    (tmp_path / "log.csv").write_text(text)
    fit = ["fit", "--data", str(tmp_path / "log.csv"), "--scorer", "mahalanobis", "--reward", "likeness"]
    assert main([*fit, "--window", "1", "--out", str(tmp_path / "m")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    for message in messages:
        assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("above", "arguments"),
    [
        ("sep=,\n", ("--skip-rows", "1")),
        ("Plant 7, hall 2\nexported\n\n", ("--skip-rows", "3")),
    ],
)
def test_lines_above_the_header_are_passed_over(folder, capsys, above, arguments):
    right = score(folder, "log.csv")
    (folder / "junk.csv").write_text(above + (folder / "log.csv").read_text())
    assert score(folder, "junk.csv", *arguments) == right


def test_columns_without_a_name_may_be_ignored(folder):
    right = [row["score"] for row in score(folder, "log.csv")]
    frame = plant.frame()
    frame.insert(0, "time", plant.stamps(3000, 3600))
    frame.to_csv(folder / "index.csv")
    text = "".join(f"{line},\n" for line in (folder / "log.csv").read_text().splitlines())
    (folder / "commas.csv").write_text(text)
    assert [row["score"] for row in score(folder, "index.csv", "--ignore", "Unnamed: 0")] == right
    assert [row["score"] for row in score(folder, "commas.csv", "--ignore", "Unnamed: 4")] == right


def agreement(capsys, *arguments):
    capsys.readouterr()
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    out = capsys.readouterr()
    return json.loads(out.out)["roc"], out.err


def test_labels_in_another_file_are_joined_on_time(folder, capsys):
    faulty = plant.frame()
    faulty.loc[200:249, "temp"] += 5
    columns = {"time": plant.stamps(3000, 3600), **{name: faulty[name] for name in plant.NAMES}}
    plant.write(folder / "faulty.csv", columns)
    score(folder, "faulty.csv")
    scores = folder / "scores.csv"
    labels = [int(3200 <= row < 3250) for row in range(2500, 3700)]
    stamps = plant.stamps(2500, 3700)
    plant.write(folder / "labels.csv", {"time": stamps[::-1], "attack": labels[::-1]})
    roc, said = agreement(capsys, "--scores", scores, "--labels", folder / "labels.csv", "--label", "attack")
    assert roc > 0.99
    assert "joined on 'time'" in said
    words = ["Attack" if label else "Normal" for label in labels]
    plant.write(folder / "words-labels.csv", {"time": stamps, "attack": words})
    given = ("--scores", scores, "--labels", folder / "words-labels.csv", "--label", "attack")
    assert agreement(capsys, *given, "--label-map", "Normal=0,Attack=1")[0] == roc
    plant.write(folder / "spans.csv", {"start": [stamps[700]], "end": [stamps[749]]})
    spans = ("--scores", scores, "--time", "time", "--label-intervals", folder / "spans.csv")
    assert agreement(capsys, *spans)[0] == roc
    plant.write(folder / "few.csv", {"time": stamps[:600], "attack": labels[:600]})
    assert main(["evaluate", "--scores", str(scores), "--labels", str(folder / "few.csv"), "--label", "attack"]) == 2
    assert "row 101 has a stamp in 'time' that" in capsys.readouterr().err
    plant.write(folder / "twice-labels.csv", {"time": stamps[:1] + stamps, "attack": [0, *labels]})
    twice = ["evaluate", "--scores", str(scores), "--labels", str(folder / "twice-labels.csv"), "--label", "attack"]
    assert main(twice) == 2
    assert "stands there twice" in capsys.readouterr().err


def test_scores_are_evaluated_by_labels_of_what_is_normal(tmp_path, capsys) -> None:
    (tmp_path / "s.csv").write_text("score,safe\n0.1,1\n0.9,0\n0.2,1\n")
    assert main(["evaluate", "--scores", str(tmp_path / "s.csv"), "--label", "safe", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["roc"] == 1
