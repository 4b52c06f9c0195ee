"""`tsreward bench detect` from files to tables and a page."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.detection.bench.fakes import small_task
from tests.hanging import must_end
from tsreward.cli.main import main
from tsreward.detection.bench.runner import CellWork
from tsreward.detection.datasets.synthetic import smd_like, write_smd
from tsreward.detection.datasets.tasks import by_dataset
from tsreward.sequences.series import DetectionTask, Series

QUICK = ("--detectors", "random", "z_norm", "pca", "--seeds", "2")


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Return a folder in the layout of the Server Machine Dataset."""
    folder = tmp_path_factory.mktemp("smd")
    write_smd(smd_like(seed=0, count=2, steps=1200, dim=6), folder)
    return folder


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_from_files_to_tables_and_a_page(machines, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert main(["bench", "detect", "--data", str(machines), "--format", "smd", *QUICK, "--out", str(out)]) == 0
    shown, _ = capsys.readouterr()
    assert "smd: 2 series, 2 seeds" in shown
    assert "VUS-PR" in shown
    assert "rows/s" in shown
    assert f"Written to {out}." in shown
    rows = table(out / "table.csv")
    assert {row["detector"] for row in rows} == {"random", "z_norm", "pca"}
    assert rows[-1]["detector"] == "random"
    assert float(rows[0]["vus_pr"]) > 2 * float(rows[-1]["vus_pr"])
    assert len(table(out / "series.csv")) == len(table(out / "timings.csv")) == 3 * 2 * 2
    page = (out / "report.html").read_text()
    assert "machine-1-1" in page
    assert "machine-1-2" in page
    assert json.loads((out / "run.json").read_text())["options"]["seeds"] == 2


def test_json_and_going_on(machines, tmp_path, document, monkeypatch):
    arguments = ("bench", "detect", "--data", machines, *QUICK, "--out", tmp_path, "--no-report")
    first = document(*arguments)
    assert [row["dataset"] for row in first["table"]] == ["smd"] * 3
    assert first["failed"] == []
    assert first["left_out"] == {}
    assert set(first["costs"]) == {"random", "z_norm", "pca"}
    assert first["table"] == json.loads((tmp_path / "table.json").read_text())
    assert not (tmp_path / "report.html").exists()
    monkeypatch.setattr(CellWork, "run", None)  # nothing is left to do
    assert document(*arguments) == first


def test_the_options_reach_the_detectors(machines, tmp_path, document):
    def f1(*options):
        arguments = ("bench", "detect", "--data", machines, "--detectors", "pca", "--seeds", 1, "--no-report")
        return document(*arguments, "--out", tmp_path, *options)["table"][0]

    usual = f1()
    assert usual["series"] == 2
    assert f1("--alignment", "centred")["vus_pr"] != usual["vus_pr"]
    assert f1("--protocol", "tsb-ad")["vus_pr"] != usual["vus_pr"]
    assert f1("--series", "machine-1-2")["series"] == 1
    often = f1("--threshold", "quantile", "--false-alarm-rate", 0.2)
    assert often["flag_rate"] > usual["flag_rate"]
    assert often["vus_pr"] == usual["vus_pr"]


def test_processes_give_the_same_table(machines, tmp_path, document):
    arguments = ("bench", "detect", "--data", machines, *QUICK, "--no-report")
    alone = document(*arguments, "--out", tmp_path / "alone")
    spread = document(*arguments, "--out", tmp_path / "spread", "--jobs", 2)
    assert spread["table"] == alone["table"]


def test_synthetic_series_need_no_data(tmp_path, document):
    arguments = ("bench", "detect", "--format", "synthetic", "--detectors", "z_norm", "--seeds", 1, "--no-report")
    result = document(*arguments, "--out", tmp_path)
    assert [(row["dataset"], row["series"]) for row in result["table"]] == [
        ("all", 24),
        ("smd-like", 4),
        ("yahoo-like", 20),
    ]


def quiet(task: DetectionTask) -> DetectionTask:
    return DetectionTask("quiet", task.train, Series(task.test.values, np.zeros(len(task.test)), "quiet"))


def test_a_quick_look_ends_with_a_verdict(machines, tmp_path, capsys, complaint):
    where = ("bench", "detect", "--data", str(machines), "--out", str(tmp_path / "out"), "--quick")
    assert main([*where, "--detectors", "random", "z_norm", "transformer_ae"]) == 0
    out = capsys.readouterr().out
    assert "transformer_ae" not in out and "1 seeds" in out
    best = re.search(r"best by VUS-PR is z_norm with 0\.\d+; random scores have 0\.\d+\.", out)
    assert best is not None
    line = complaint(*where, "--detectors", "transformer_ae")
    assert "--quick runs random, z_norm" in line and "--detectors names none of them" in line


def test_series_that_cannot_be_evaluated_are_left_out_and_named(tmp_path, document, capsys):
    write_smd([small_task("good"), quiet(small_task("x"))], tmp_path / "data")
    arguments = ("bench", "detect", "--data", tmp_path / "data", "--detectors", "z_norm", "--seeds", 1, "--no-report")
    result = document(*arguments, "--out", tmp_path / "out")
    assert result["table"][0]["series"] == 1
    assert result["left_out"] == {"quiet": "quiet: all 300 test rows are of one class."}
    assert main([*map(str, arguments), "--out", str(tmp_path / "out")]) == 0
    assert "warning: left out: quiet: all 300 test rows" in capsys.readouterr().err


def test_what_needs_a_threshold_is_missing_alone_and_said_so(tmp_path, document):
    write_smd([small_task("a"), small_task("b", 1)], tmp_path / "data")
    arguments = ("bench", "detect", "--data", tmp_path / "data", "--detectors", "z_norm", "--seeds", 1, "--no-report")
    result = document(*arguments, "--false-alarm-rate", 1e-4, "--out", tmp_path / "out")
    assert [(found["series"], found["seed"]) for found in result["incomplete"]] == [("a", 0), ("b", 0)]
    assert "at least 9999 normal scores" in result["incomplete"][0]["missing"]
    assert (result["failed"], result["table"][0]["failed"], result["table"][0]["incomplete"]) == ([], 0, 2)
    assert result["table"][0]["vus_pr"] > 0.1 and result["table"][0]["vus_pr_series"] == 2
    assert result["table"][0]["f1"] is None and result["table"][0]["f1_series"] == 0


def test_a_table_without_a_threshold_is_shown(tmp_path, capsys):
    write_smd([small_task("a")], tmp_path / "data")
    arguments = ["bench", "detect", "--data", tmp_path / "data", "--detectors", "z_norm", "--out", tmp_path / "out"]
    assert main([*map(str, arguments), "--false-alarm-rate", "1e-4"]) == 0
    out, err = capsys.readouterr()
    assert "–" in out
    assert err.count("warning: z_norm on a has no metrics that need a threshold: A conformal threshold") == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "z_norm, seed 0: no metrics that need a threshold: A conformal threshold" in page
    assert "z_norm has no threshold here" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detectors", "ridge_va"], "Unknown detector 'ridge_va': did you mean 'ridge_var'?"),
        (["--format", "smdx"], "Unknown format 'smdx': did you mean 'smd'?"),
        (["--protocol", "tsbad"], "Unknown protocol 'tsbad': did you mean 'tsb-ad'?"),
        (["--threshold", "conform"], "Unknown threshold 'conform': did you mean 'conformal'?"),
        (["--series", "machine-1-9"], "Unknown series 'machine-1-9': did you mean"),
        (["--seeds", "0"], "--seeds must be an integer >= 1, got 0."),
        (["--jobs", "0"], "PlaceOptions.jobs must be an integer >= 1, got 0."),
        (["--false-alarm-rate", "1"], "--false-alarm-rate must be a number in (0, 1), got 1.0."),
        (["--page.figures", "-1"], "PageOptions.figures must be an integer >= 0, got -1."),
        (["--format", "synthetic"], "--format synthetic makes its series itself: leave --data out"),
        (["--format", "nab"], "labels/combined_windows.json"),
        (["--out", "/dev/null/out"], "The folder /dev/null/out/results cannot be made (Not a directory)"),
    ],
)
def test_what_cannot_run_is_one_line(machines, tmp_path, complaint, arguments, message):
    given = ["bench", "detect", "--data", machines, "--detectors", "z_norm", "--out", tmp_path / "out"]
    assert message in complaint(*given, *arguments)
    assert not (tmp_path / "out").exists()


def test_data_are_needed(tmp_path, complaint):
    assert "--format smd needs --data" in complaint("bench", "detect", "--out", tmp_path)


def test_no_series_that_can_be_evaluated(tmp_path, complaint):
    write_smd([quiet(small_task("x"))], tmp_path / "data")
    line = complaint("bench", "detect", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert line.endswith("No series can be evaluated: quiet: all 300 test rows are of one class.")


def test_other_things_to_compare_are_refused(capsys):
    assert main(["bench", "guess", "--out", "x"]) == 2
    assert "guess" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", [1, 2])
def test_sigterm_ends_it_in_one_line_and_keeps_what_is_finished(machines, tmp_path, jobs):
    code = "import sys; from tsreward.cli.main import main; sys.exit(main())"
    arguments = ["bench", "detect", "--data", machines, "--detectors", "z_norm", "--seeds", "300", "--out", tmp_path]
    command = [sys.executable, "-c", code, *map(str, arguments), "--jobs", str(jobs)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        with must_end():
            while len(list(tmp_path.glob("results/*.json"))) < 3 and child.poll() is None:
                time.sleep(0.05)
            child.send_signal(signal.SIGTERM)
            out, err = child.communicate()
    finally:
        child.kill()
    assert child.returncode == 143
    assert out == ""
    assert err.rstrip().endswith("tsreward: terminated")
    assert "Traceback" not in err
    assert len(list(tmp_path.glob("results/*.json"))) >= 3


@pytest.mark.parametrize(
    ("form", "names", "expected"),
    [
        ("smd", ["machine-1-1", "machine-1-2"], {"smd": 2}),
        ("yahoo", ["A1-real_1", "A2-synthetic_1", "A1-real_2"], {"yahoo A1": 2, "yahoo A2": 1}),
        ("tsb-ad", ["001_NAB_id_1_Facility_tr_1_1st_2", "057_SMD_id_1_Facility_tr_1_1st_2"], {"NAB": 1, "SMD": 1}),
    ],
)
def test_series_by_data_set(form, names, expected):
    found = by_dataset(form, [small_task(name) for name in names])
    assert {name: len(tasks) for name, tasks in found.items()} == expected


def leaderboard_file(folder, number, dim, seed, train=400):
    """Write a file as the leaderboard's, uni- or multivariate, whose labels begin 100 rows behind the training rows."""
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(size=(1600, dim)), np.zeros(1600, dtype=int)
    labels[train + 100 : train + 160] = labels[1200:1230] = 1
    values[labels == 1] += 4
    name = f"{number:03}_{'NAB' if dim == 1 else 'SMD'}_id_{number}_Web_tr_{train}_1st_{train + 100}.csv"
    head = ",".join([*map(str, range(dim)), "Label"])
    np.savetxt(folder / name, np.column_stack([values, labels]), fmt="%.6g", delimiter=",", header=head, comments="")
    return name


def test_the_protocol_of_the_leaderboard(tmp_path, document):
    names = [leaderboard_file(tmp_path, number, dim, number) for number, dim in ((1, 1), (2, 5), (3, 3))]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "eva.csv").write_text("file_name\n" + "\n".join(names[:2]) + "\n")
    common = ["bench", "detect", "--protocol", "tsb-ad", "--data", tmp_path, "--no-report", "--seeds", 1]
    common += ["--detectors", "z_norm", "random"]
    told = document(*common, "--out", tmp_path / "all")
    series = table(tmp_path / "all" / "series.csv")
    assert {row["series"] for row in series} == {name.removesuffix(".csv") for name in names}
    for name in ("z_norm", "random"):
        mean = np.mean([float(row["vus_pr"]) for row in series if row["detector"] == name])
        assert told["leaderboard"][name] == pytest.approx(mean, abs=1e-12)
    assert list(told["leaderboard"]) == ["z_norm", "random"] and told["leaderboard"]["z_norm"] > 0.5
    few = document(*common, "--file-list", tmp_path / "lists" / "eva.csv", "--out", tmp_path / "few")
    assert {row["series"] for row in table(tmp_path / "few" / "series.csv")} == {one[:-4] for one in names[:2]}
    assert few["leaderboard"] != told["leaderboard"]


def test_the_published_cut_is_that_of_the_name(tmp_path):
    """VUS-PR is that of a detector fitted on the first tr rows alone, evaluated on all rows."""
    from tsreward.detection import metrics
    from tsreward.detection.datasets.tsb_ad import load_tsb_ad
    from tsreward.detection.detectors.presets import make_detector

    name = leaderboard_file(tmp_path, 7, 4, 7)
    arguments = ["bench", "detect", "--protocol", "tsb-ad", "--data", str(tmp_path / name), "--detectors", "pca"]
    assert main([*arguments, "--seeds", "1", "--no-report", "--out", str(tmp_path / "out")]) == 0
    (task,) = load_tsb_ad(tmp_path / name)
    assert len(task.train) == 400 and len(task.test) == 1600
    scores = make_detector("pca", false_alarm_rate=None).fit(task.test.values[:400]).decision_function(task.test.values)
    wanted = metrics.vus_pr(task.test.labels, scores, window=metrics.vus_window(task.test))
    assert float(table(tmp_path / "out" / "series.csv")[0]["vus_pr"]) == pytest.approx(wanted, abs=1e-9)
