"""`tsreward serve` in a process of its own gives what score and detect give, and goes on after a stop."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

import pytest

from tests.cli.test_detect import FAST, write
from tests.serving.plant import Client
from tsreward.cli.main import main

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


def start(*arguments: object) -> tuple[subprocess.Popen[str], Client]:
    command = [sys.executable, "-m", "tsreward", "serve", *map(str, arguments), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    text = ""
    for line in cast(IO[str], process.stdout):
        text += line
        if line == "}\n":
            return process, Client(int(json.loads(text)["url"].rpartition(":")[2]))
    raise AssertionError(cast(IO[str], process.stderr).read())


def test_served_rows_are_those_of_score_and_detect(tmp_path: Path) -> None:
    normal, log, file = tmp_path / "n.csv", tmp_path / "log.csv", tmp_path / "d.safetensors"
    write(normal, 0, 1200, 0)
    write(log, 1200, 800, 1, broken=True)
    assert main(["fit", str(normal), *FAST, "--out", str(file)]) == 0
    common = ["--time", "t", "--detector-file", str(file)]
    assert main(["detect", str(log), *common, "--no-report", "--out", str(tmp_path / "out")]) == 0
    assert main(["score", str(log), *common, "--out", str(tmp_path / "scores.csv")]) == 0
    with log.open() as table:
        rows = [
            {key: cell if key == "t" else float(cell) for key, cell in row.items()} for row in csv.DictReader(table)
        ]
    scores, state = [], tmp_path / "state"
    for begin, end, number in ((0, 310, signal.SIGTERM), (310, 800, signal.SIGINT)):
        process, client = start(file, "--time", "t", "--state", state)
        try:
            for first in range(begin, end, 200):
                code, found = client.ask("/score", {"rows": rows[first : min(first + 200, end)]})
                assert code == 200
                scores += found["streams"]["log"]["scores"]
            told = client.ask("/incidents")[1]["streams"]["log"]
        finally:
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number, err
        assert err.splitlines()[-1] == f"tsreward: {'terminated' if number == signal.SIGTERM else 'interrupted'}"
    with (tmp_path / "scores.csv").open() as table:
        assert scores == [float(row["score"]) for row in csv.DictReader(table)]
    wanted = json.loads((tmp_path / "out" / "incidents.json").read_text())
    found = [{"asset": "log", **one} for one in told["incidents"] + told["ongoing"]]
    assert found == wanted["incidents"]


def test_another_machine_needs_a_token(complaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    normal, file = tmp_path / "n.csv", tmp_path / "d.safetensors"
    write(normal, 0, 600, 0)
    assert main(["fit", str(normal), *FAST, "--out", str(file)]) == 0
    monkeypatch.delenv("TSREWARD_TOKEN", raising=False)
    assert "needs a token: give --token-file or TSREWARD_TOKEN" in complaint(
        "serve", file, "--host", "0.0.0.0", "--port", 0
    )
    monkeypatch.setenv("TSREWARD_TOKEN", "short")
    assert "A token is 16 characters or more" in complaint("serve", file)
    (tmp_path / "token").write_bytes(b"\xff" * 40)
    assert "Cannot read a token" in complaint("serve", file, "--token-file", tmp_path / "token")
    monkeypatch.delenv("TSREWARD_TOKEN")
    elsewhere = complaint("serve", file, "--host", "203.0.113.7")  # for documentation, and no machine's own
    assert "Cannot listen on 203.0.113.7:8765: Cannot assign requested address. Choose another" in elsewhere
    assert "no such file" in complaint("serve", tmp_path / "none.safetensors").lower()
    assert "name them with --time" in complaint("serve", file, "--gap", 60)


def test_a_port_in_use_is_told(complaint, tmp_path: Path) -> None:
    from tsreward.serving.server import bind

    normal, file = tmp_path / "n.csv", tmp_path / "d.safetensors"
    write(normal, 0, 600, 0)
    assert main(["fit", str(normal), *FAST, "--out", str(file)]) == 0
    listening, local = bind("127.0.0.1", 0)
    with listening:
        assert local
        port = listening.getsockname()[1]
        assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in complaint("serve", file, "--port", port)
