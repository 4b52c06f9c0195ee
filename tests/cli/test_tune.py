"""`tsreward tune` from the command line."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.hanging import must_end

DETECT = (
    "--objective",
    "detect",
    "--format",
    "synthetic",
    "--series",
    "machine-1-1",
    "--fix",
    "scorer=mahalanobis,pca",
)


def test_a_detector_is_tuned_and_the_search_goes_on(document, complaint, tmp_path):
    study = tmp_path / "s.db"
    first = document("tune", "--study", study, *DETECT, "--trials", 2)
    assert first["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    assert first["default"]["setting"]["scorer"] == "mahalanobis"
    again = document("tune", "--study", study, *DETECT, "--trials", 4, "--workers", 2)
    assert sum(again["trials"].values()) == 4
    assert again["best"]["values"][0] >= first["best"]["values"][0]
    folder = tmp_path / "s-tuned"
    assert sorted(entry.name for entry in folder.iterdir()) == ["best.toml", "report.html", "results.json"]
    remark = "# Part of the setting, but no option of fit: scores averaged over "
    assert remark in (folder / "best.toml").read_text()
    log = tmp_path / "log.csv"
    log.write_text("a,b\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(200)))
    fitted = document("fit", "--config", folder / "best.toml", "--data", log, "--out", tmp_path / "m.safetensors")
    assert fitted["scorer"] == again["best"]["setting"]["scorer"]
    assert fitted["reward"] == "likeness"
    assert "repeat its --fix" in complaint("tune", "--study", study, *DETECT[:-1], "scorer=pca")
    assert "made with metric vus_pr" in complaint("tune", "--study", study, *DETECT, "--metric", "average_precision")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--study", "s.db", "--objective", "detekt"), "Unknown objective 'detekt': did you mean 'detect'?"),
        (("--study", "s.db", *DETECT[:-2], "--fix", "scorer=knm"), "scorer is one of knn, mahalanobis"),
        (("--study", "s.db", *DETECT[:-2], "--fix", "scorr=knn"), "Unknown parameter 'scorr': did you mean 'scorer'?"),
        (("--study", "s.db", *DETECT, "--series", "x"), "Unknown series 'x'"),
        (("--study", "s.db", *DETECT, "--protocol", "splt"), "Unknown protocol 'splt': did you mean 'split'?"),
        (("--study", "s.db", *DETECT, "--trials", "0"), "trials must be an integer >= 1, got 0"),
        (("--study", "s.db", *DETECT, "--out", "text.db"), "text.db is a file: name a folder with --out"),
        (("--study", "s.db", *DETECT, "--out", "text.db/found"), "text.db is a file: name a folder with --out"),
        (("--study", "text.db", *DETECT), "text.db is damaged, or no SQLite database"),
        (("--study", "nowhere/s.db", *DETECT), "the folder nowhere does not exist. Create it first."),
        (("--study", "postgresql://host/base", *DETECT), "name the folder of the results with --out"),
        (("--study", "s.db", "--env", "SafetyPointCircle1-v1"), "SafetyPointCircle1-v1"),
        (("--study", "s.db", "--env", "Tiny/Cost-v0", "--pruner", "median"), "only studies with one objective"),
        (
            ("--study", "s.db", "--objective", "likeness", "--demos", "no.npz", "--env", "Tiny/Plain-v0"),
            "Cannot read no.npz",
        ),
    ],
)
def test_bad_input(complaint, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("not a database, but long enough to look at" * 9)
    assert message in complaint("tune", *arguments)
    assert [entry.name for entry in tmp_path.iterdir()] == ["text.db"]


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_says_how_to_go_on(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from tsreward.cli.main import main; raise SystemExit(main())",
        "tune",
        "--study",
        "s.db",
    ]
    with (tmp_path / "said").open("w") as said:  # a pipe would only end with the server that processes start from
        process = subprocess.Popen([*command, *DETECT, "--trials", "500"], cwd=tmp_path, stderr=said)
    try:
        with must_end():
            while "COMPLETE" not in _states(tmp_path / "s.db") and process.poll() is None:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
    finally:
        process.kill()
    text = (tmp_path / "said").read_text()
    assert "the same command goes on with s.db" in text
    assert "Traceback" not in text
    assert not (tmp_path / "s-tuned").exists()
    states = _states(tmp_path / "s.db")
    assert "COMPLETE" in states
    assert "RUNNING" not in states


def _states(study):
    """Return the states of a study's trials; none where there is no study yet."""
    if not study.exists():
        return []
    with closing(sqlite3.connect(study)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM trials")]
