"""The journey of someone on call: fit on normal rows, find what was planted, score what comes next."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.report.reading import closed
from tsreward.cli.main import main
from tsreward.detection.detectors.files import load_detector
from tsreward.detection.detectors.logs import LogDetector

START = np.datetime64("2026-03-02T00:00:00")
NAMES = ("load", "mem", "disk")
FAST = ("--time", "t", "--detector", "mahalanobis")


def write(path: Path, first: int, rows: int, seed: int, broken: bool = False, assets: tuple[str, ...] = ()) -> Path:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3)) + np.array([50.0, 40.0, 7.0])
    if broken:
        values[300:330, 1] += 20
        values[600:690, 2] = values[600, 2]
    stamps = START + (first + np.arange(rows)) * np.timedelta64(600, "s")
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["t", *NAMES, *(["asset"] if assets else [])])
        for stamp, row in zip(stamps, values, strict=True):
            for place, asset in enumerate(assets or ("",)):
                cells = row if place == 0 else row - [0.0, 20.0 * (row[1] > 55), 0.0]
                table.writerow([stamp, *(f"{cell:.5f}" for cell in cells), *([asset] if assets else [])])
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    write(folder / "normal.csv", 0, 1200, 0)
    write(folder / "recent.csv", 1200, 800, 1, broken=True)
    return folder


def found(folder: Path) -> list[dict]:
    return json.loads((folder / "incidents.json").read_text())["incidents"]


def test_what_was_planted_is_found_and_blamed(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["detect", str(logs / "normal.csv"), str(logs / "recent.csv"), *FAST, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    worst = max((one for one in found(out) if one["kind"] == "score"), key=lambda one: one["severity"])
    assert worst["channels"][0]["name"] == "mem" and worst["start"] >= "2026-03-12T10:00:00"
    assert abs(worst["channels"][0]["expected"] - 40) < 3 and worst["channels"][0]["value"] > 55
    stuck = [one for one in found(out) if one["kind"] == "stuck"]
    assert [one["channels"][0]["name"] for one in stuck] == ["disk"] and stuck[0]["p_value"] is None
    with (out / "incidents.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found(out)) and {row["channel1_name"] for row in rows} >= {"mem", "disk"}
    reader = closed((out / "report.html").read_text())
    assert "usual range" in reader.text and "mem" in reader.text
    assert "incidents in 800 rows; the most severe from 2026-03-12" in " ".join(told.split())
    assert f"Next: tsreward detect NEXT.csv --detector-file {out}/detector.safetensors --time t" in told
    assert isinstance(load_detector(out / "detector.safetensors"), LogDetector)


def test_the_saved_detector_finds_the_same_and_known_ones_are_told_apart(logs: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert main(["detect", *map(str, (logs / "normal.csv", logs / "recent.csv")), *FAST, "--out", str(first)]) == 0
    arguments = ["detect", str(logs / "recent.csv"), "--time", "t", "--detector-file"]
    arguments += [str(first / "detector.safetensors"), "--known", str(first / "incidents.csv"), "--no-report"]
    assert main([*arguments, "--out", str(again)]) == 0
    assert all(one["known"] for one in found(again))
    assert [one | {"known": False} for one in found(again)] == found(first)


def test_one_file_with_a_border_is_two_files(logs: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.csv"
    lines = (logs / "recent.csv").read_text().splitlines(keepends=True)
    both.write_text((logs / "normal.csv").read_text() + "".join(lines[1:]))
    until = str(START + 1200 * np.timedelta64(600, "s"))
    for out, arguments in {
        "two": [logs / "normal.csv", logs / "recent.csv"],
        "time": [both, "--train-until", until],
        "glob": [logs / "rec*.csv", "--normal", logs / "nor*.csv"],
    }.items():
        assert main(["detect", *map(str, arguments), *FAST, "--no-report", "--out", str(tmp_path / out)]) == 0
    assert found(tmp_path / "two") == found(tmp_path / "time") == found(tmp_path / "glob")


def test_parquet_is_read_alike(logs: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    for name in ("normal", "recent"):
        pandas.read_csv(logs / f"{name}.csv", parse_dates=["t"]).to_parquet(tmp_path / f"{name}.parquet", index=False)
    for out, folder, ending in (("csv", logs, "csv"), ("parquet", tmp_path, "parquet")):
        files = [str(folder / f"{name}.{ending}") for name in ("normal", "recent")]
        assert main(["detect", *files, *FAST, "--no-report", "--out", str(tmp_path / out)]) == 0
    first, second = found(tmp_path / "csv"), found(tmp_path / "parquet")
    assert [one["peak"] for one in first] == [one["peak"] for one in second]


@pytest.mark.parametrize("cut", [1, 310, 650])
def test_a_log_that_is_cut_goes_on_bit_identical(logs: Path, tmp_path: Path, cut: int) -> None:
    normal, recent = logs / "normal.csv", logs / "recent.csv"
    lines = recent.read_text().splitlines(keepends=True)
    early, late = tmp_path / "early.csv", tmp_path / "late.csv"
    early.write_text("".join(lines[: 1 + cut]))
    late.write_text(recent.read_text())  # it grew: rows that were seen are passed over
    assert main(["fit", str(normal), *FAST, "--out", str(tmp_path / "d.safetensors")]) == 0
    common = ["--time", "t", "--detector-file", str(tmp_path / "d.safetensors"), "--no-report"]
    assert main(["detect", str(recent), *common, "--out", str(tmp_path / "whole")]) == 0
    parts = []
    for path in (early, late):
        out = tmp_path / path.stem
        state = ["--state", str(tmp_path / "state")]
        assert main(["detect", str(path), *common, *state, "--out", str(out)]) == 0
        document = json.loads((out / "incidents.json").read_text())
        ended = len(document["incidents"]) - (document["ongoing"] if path == early else 0)
        parts += document["incidents"][:ended]
    assert parts == found(tmp_path / "whole")


def test_a_file_that_grows_is_followed(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    growing, file = tmp_path / "growing.csv", tmp_path / "d.safetensors"
    lines = (logs / "recent.csv").read_text().splitlines(keepends=True)
    assert main(["fit", str(logs / "normal.csv"), *FAST, "--out", str(file)]) == 0
    common = ["--time", "t", "--detector-file", str(file), "--no-report"]
    assert main(["detect", str(logs / "recent.csv"), *common, "--out", str(tmp_path / "whole")]) == 0
    ends = iter([315, 315, 500, 801])

    def grow(seconds: float) -> None:
        assert seconds == 0.5
        if (end := next(ends, None)) is None:
            raise KeyboardInterrupt
        half = lines[end][:25] if end == 500 else ""  # a row that is half written
        growing.write_text("".join(lines[:end]) + half)

    growing.write_text("".join(lines[:200]))
    monkeypatch.setattr("tsreward.cli.detect.sleep", grow)
    capsys.readouterr()
    assert main(["detect", str(growing), *common, "--follow", "0.5", "--out", str(tmp_path / "live")]) == 130
    assert found(tmp_path / "live") == found(tmp_path / "whole")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == found(tmp_path / "whole")


def mixed(path: Path, rows: list[str], seed: int) -> Path:
    """Write rows of which one in ten comes three rows late."""
    rng = np.random.default_rng(seed)
    late = np.arange(len(rows)) + np.where(rng.random(len(rows)) < 0.1, 3.5, 0.0)
    path.write_text("t,load,mem,disk\n" + "".join(rows[row] for row in np.argsort(late)))
    return path


def test_rows_that_come_late_are_put_in_order(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one piece, over a later file, and followed: as if no row had come late."""
    file, rows = tmp_path / "d.safetensors", (logs / "recent.csv").read_text().splitlines(keepends=True)[1:]
    assert main(["fit", str(logs / "normal.csv"), *FAST, "--out", str(file)]) == 0
    common = ["--time", "t", "--detector-file", str(file), "--no-report"]
    assert main(["detect", str(logs / "recent.csv"), *common, "--out", str(tmp_path / "whole")]) == 0
    late = mixed(tmp_path / "late.csv", rows, 0)
    assert main(["detect", str(late), *common, "--out", str(tmp_path / "refused")]) == 2
    assert "sort the rows (detect: --late 1800)" in " ".join(capsys.readouterr().err.split())
    common += ["--late", "2400"]
    assert main(["detect", str(late), *common, "--out", str(tmp_path / "late")]) == 0
    assert found(tmp_path / "late") == found(tmp_path / "whole")
    lines = late.read_text().splitlines(keepends=True)
    halves = [tmp_path / "half-1.csv", tmp_path / "half-2.csv"]
    for half, part in zip(halves, (lines[1:612], lines[612:]), strict=True):
        half.write_text(lines[0] + "".join(part))
    assert main(["detect", *map(str, halves), *common, "--out", str(tmp_path / "halves")]) == 0
    assert found(tmp_path / "halves") == found(tmp_path / "whole")

    ends, growing = iter([303, 304, 610, 801]), tmp_path / "growing.csv"

    def grow(seconds: float) -> None:
        if (end := next(ends, None)) is None:
            raise KeyboardInterrupt
        growing.write_text("".join(lines[:end]))

    growing.write_text("".join(lines[:3]))
    monkeypatch.setattr("tsreward.cli.detect.sleep", grow)
    assert main(["detect", str(growing), *common, "--follow", "1", "--out", str(tmp_path / "live")]) == 130
    assert found(tmp_path / "live") == found(tmp_path / "whole")


def test_rows_that_come_too_late_are_left_out_and_counted(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = mixed(tmp_path / "late.csv", (logs / "recent.csv").read_text().splitlines(keepends=True)[1:], 0)
    arguments = ["detect", str(logs / "normal.csv"), str(late), *FAST, "--no-report", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--late", "60"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    count = int(told.split(" rows came more than 60 late")[0].split()[-1])
    assert json.loads((tmp_path / "out" / "incidents.json").read_text())["rows"] == 800 - count < 800


@pytest.mark.parametrize("late", [(), ("--late", "60")])
def test_an_error_names_the_file_that_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], late: tuple[str, ...]
) -> None:
    normal = write(tmp_path / "normal.csv", 0, 300, 0, assets=("x", "y"))
    recent = write(tmp_path / "recent.csv", 300, 300, 1, assets=("x", "y"))
    lines = recent.read_text().splitlines(keepends=True)
    lines[52] = "wrong," + lines[52].split(",", 1)[1]
    recent.write_text("".join(lines))
    arguments = ["detect", str(normal), str(recent), *FAST, "--group", "asset", "--out", str(tmp_path / "out")]
    assert main([*arguments, *late]) == 2
    assert f"{recent}, asset y: row 26 of time column 't' must be" in " ".join(capsys.readouterr().err.split())


def test_assets_have_their_own_detectors(tmp_path: Path) -> None:
    normal = write(tmp_path / "normal.csv", 0, 1000, 0, assets=("web/1", "web 2"))
    recent = write(tmp_path / "recent.csv", 1000, 700, 1, broken=True, assets=("web/1", "web 2"))
    out = tmp_path / "out"
    assert main(["detect", str(normal), str(recent), *FAST, "--group", "asset", "--out", str(out)]) == 0
    hit = {one["asset"] for one in found(out) if one["kind"] == "score" and one["channels"][0]["share"] > 0.9}
    assert hit == {"web/1"}
    assert sorted(path.name for path in out.glob("*.safetensors")) == [
        "detector-web%202.safetensors",
        "detector-web%2f1.safetensors",
    ]
    assert "web/1" in closed((out / "report.html").read_text()).text
    again = ["detect", str(recent), "--time", "t", "--group", "asset", "--detector-file", str(out), "--no-report"]
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    assert found(tmp_path / "again") == found(out)


def test_rows_that_are_accepted_are_normal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    normal = write(tmp_path / "normal.csv", 0, 1000, 0)
    drifted = tmp_path / "drifted.csv"
    lines = write(tmp_path / "later.csv", 1000, 600, 1).read_text().splitlines()
    moved = [line.split(",") for line in lines[1:]]
    drifted.write_text("\n".join([lines[0], *(f"{t},{a},{float(b) + 15},{c}" for t, a, b, c in moved)]) + "\n")
    arguments = ["detect", str(normal), str(drifted), *FAST, "--no-report", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "of rows lie above the threshold of the normal rows; 'mem' is on average" in told
    span = told.split("--accept ")[1].split()[0].rstrip(".")
    assert main([*arguments, "--accept", span]) == 0
    assert "lie above" not in capsys.readouterr().err
    assert all(one["known"] for one in found(tmp_path / "out"))


def test_a_rate_a_day(logs: Path, tmp_path: Path) -> None:
    arguments = ["detect", str(logs / "normal.csv"), str(logs / "recent.csv"), *FAST, "--no-report", "--static"]
    for rate in ("3", "0.5"):
        assert main([*arguments, "--at-most", rate, "--out", str(tmp_path / rate)]) == 0
    often, rarely = ([one for one in found(tmp_path / rate) if one["kind"] == "score"] for rate in ("3", "0.5"))
    assert len(often) > len(rarely) >= 1 and len(rarely) <= 0.5 * 800 / 144 + 2


def test_scores_of_a_detector_are_those_in_python(logs: Path, tmp_path: Path) -> None:
    file, scores = tmp_path / "d.safetensors", tmp_path / "scores.csv"
    assert main(["fit", str(logs / "normal.csv"), *FAST, "--out", str(file)]) == 0
    arguments = ["score", str(logs / "recent.csv"), "--detector-file", str(file), "--time", "t"]
    assert main([*arguments, "--out", str(scores)]) == 0
    with scores.open() as stream:
        rows = list(csv.DictReader(stream))
    from tsreward.detection.datasets.own_tables import read_table

    wanted = load_detector(file).decision_function(read_table(logs / "recent.csv", time="t"))
    np.testing.assert_array_equal([float(row["score"]) for row in rows], wanted)
    assert 0 < float(rows[310]["p_value"]) <= 0.01 and rows[310]["is_anomaly"] == "1" and rows[0]["is_anomaly"] == "0"


def test_fit_without_options_gives_a_detector(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", str(logs / "normal.csv"), "--ignore", "t"]) == 0
    assert "The detector ensemble has learned 1,200 rows of 3 columns. Written to normal.safetensors" in (
        capsys.readouterr().out
    )
    assert load_detector(tmp_path / "normal.safetensors").n_features_in_ == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["normal.csv"], "needs normal rows and others, got "),
        (["normal.csv", "nothing.csv"], "nothing.csv"),
        (["n*x.csv", "recent.csv"], "No file matches"),
        (["recent.csv", "--train-until", "1999-01-01"], "leaves no rows on one side"),
        (["recent.csv", "--train-until", "soon"], "is no time and no number of a row"),
        (["normal.csv", "recent.csv", "--accept", "2026"], "--accept takes A..B"),
        (["recent.csv", "--detector-file", "d", "--accept", "1..2"], "--detector-file is fitted already"),
        (["normal.csv", "recent.csv", "--follow", "1"], "--follow goes on with --detector-file"),
        (["normal.csv", "recent.csv", "--late", "5", "--time-zone", "Europe/Berlin"], "--late cannot tell apart"),
        (["normal.csv", "recent.csv", "--group", "asset"], "has no column 'asset' to group by; it has: t, load"),
        (["normal.csv", "recent.csv", "--detector", "pcaa"], "did you mean 'pca'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    files = [str(logs / one) if one.endswith(".csv") else one for one in arguments]
    assert main(["detect", "--time", "t", "--no-report", "--out", str(tmp_path / "out"), *files]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and len(error.splitlines()) == 1


def asked(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def answer(path: Path, rows: list[dict[str, str]], words: list[str]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(row | {"answer": word} for row, word in zip(rows, words, strict=True))
    return path


def test_questions_are_asked_and_their_answers_change_what_is_flagged(logs: Path, tmp_path: Path) -> None:
    files = [str(logs / name) for name in ("normal.csv", "recent.csv")]
    first = tmp_path / "first"
    assert main(["detect", *files, *FAST, "--ask", "8", "--out", str(first)]) == 0
    rows = asked(first / "questions.csv")
    assert len(rows) == 8 and "mem" in rows[0]["channels"] and {row["answer"] for row in rows} == {""}
    reader = closed((first / "report.html").read_text())
    assert "Question 8" in reader.text and "questions.csv" in reader.text
    worst = max((one for one in found(first) if one["kind"] == "score"), key=lambda one: one["severity"])

    common = ["detect", *files, *FAST, "--no-report", "--answers"]
    empty = answer(tmp_path / "empty.csv", rows, [""] * 8)
    assert main([*common, str(empty), "--out", str(tmp_path / "empty")]) == 0
    assert found(tmp_path / "empty") == found(first)

    inside = [row["start"] <= worst["end"] and worst["start"] <= row["end"] for row in rows]
    assert any(inside) and not all(inside)
    normal = answer(tmp_path / "normal.csv", rows, ["normal" if one else "" for one in inside])
    assert main([*common, str(normal), "--out", str(tmp_path / "normal")]) == 0
    peaks = [one["peak_at"] for one in found(tmp_path / "normal") if one["kind"] == "score"]
    assert worst["peak_at"] not in peaks
    spans = [(row["start"], row["end"]) for row, one in zip(rows, inside, strict=True) if one]
    assert not any(start <= peak <= end for peak in peaks for start, end in spans)

    quiet = {"start": "2026-03-11T02:00:00", "end": "2026-03-11T03:00:00", "answer": "anomalous"}
    with (tmp_path / "own.csv").open("w") as file:
        file.write("start,end,answer\n" + ",".join(quiet.values()) + "\n")
    assert main([*common, str(tmp_path / "own.csv"), "--out", str(tmp_path / "own")]) == 0
    told = [one for one in found(tmp_path / "own") if one["start"] <= quiet["end"] and quiet["start"] <= one["end"]]
    assert told and not [one for one in found(first) if one["start"] <= quiet["end"] and quiet["start"] <= one["end"]]


def test_a_folder_that_cannot_be_made_is_named(logs: Path, tmp_path: Path, complaint) -> None:
    (tmp_path / "file").touch()
    told = complaint("detect", logs / "normal.csv", logs / "recent.csv", "--out", tmp_path / "file" / "found")
    assert f"The folder {tmp_path / 'file' / 'found'} cannot be made (Not a directory): choose another place." in told


def test_answers_are_not_asked_again_and_bad_ones_are_refused(logs: Path, tmp_path: Path, complaint) -> None:
    files = [str(logs / name) for name in ("normal.csv", "recent.csv")]
    common = ["detect", *files, *FAST, "--no-report", "--out", str(tmp_path)]
    assert main([*common, "--ask", "3"]) == 0
    rows = asked(tmp_path / "questions.csv")
    file = answer(tmp_path / "answered.csv", rows, ["anomalous", "normal", "0"])
    assert main([*common, "--ask", "3", "--answers", str(file)]) == 0
    assert not {row["start"] for row in asked(tmp_path / "questions.csv")} & {row["start"] for row in rows}
    answer(file, rows, ["", "maybe", ""])
    assert "row 2 is to answer anomalous or normal, got 'maybe'" in complaint(*common, "--answers", file)
    file.write_text("start,end\n2026-03-10,2026-03-11\n")
    assert "answer" in complaint(*common, "--answers", file)
    assert "leave out --follow" in complaint(
        "detect", files[1], "--time", "t", "--detector-file", "d", "--follow", 1, "--ask", 2
    )
