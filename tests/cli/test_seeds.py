"""Several seeds are trained side by side, each as it would be alone, and stand on one page."""

from __future__ import annotations

import json
import subprocess

from tests.cli.test_runs import AGENT, rows
from tsreward.cli import seeds
from tsreward.cli.main import main
from tsreward.recipes.live_run import read_status


def test_seeds_are_the_runs_that_they_are_alone(made, tmp_path, document):
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT)
    many = tmp_path / "many"
    found = document(*train, "--seeds", "3", "8", "--import", "tests.tiny", "--out", many)
    document(*train, "--seed", "8", "--out", tmp_path / "alone")
    assert rows(many / "seed-8") == rows(tmp_path / "alone")
    assert found["seeds"] == [3, 8] and found["methods"]["agent"]["runs"] == 2
    assert json.loads((many / "results.json").read_text())["methods"] == found["methods"]
    assert read_status(many)["state"] == "finished"
    assert read_status(many / "seed-3")["arguments"][-2:] == ["--seed", "3"]
    page = (many / "report.html").read_text()
    assert "<svg" in page and "bootstrap intervals" in page
    again = document("report", many, tmp_path / "alone", "--out", tmp_path / "both.html")
    assert again["methods"]["agent"]["runs"] == 3
    assert main(["train", "--resume", str(many)]) == 0  # nothing is left to do
    assert main(["report", str(many), "--out", str(tmp_path / "page.html")]) == 0


def test_shares_of_the_seeds_end_on_one_page(made, tmp_path, document, complaint):
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--import", "tests.tiny", "--seeds", "2")
    many = tmp_path / "many"
    first = document(*train, "--out", many, "--shard", "2/2", "--jobs", "1")
    assert (first["seeds"], first["left"]) == ([1], [0])
    assert read_status(many)["state"] == "running" and not (many / "report.html").exists()
    refused = complaint(*train[:-1], "3", "--out", many, "--shard", "1/3")
    assert "holds the runs of other seeds: give the same command on every machine, but for --shard" in refused
    last = document(*train, "--out", many, "--shard", "1/2")
    assert last["methods"]["agent"]["runs"] == 2 and (many / "report.html").exists()
    assert read_status(many)["state"] == "finished"
    again = document(*train, "--out", many, "--shard", "2/2")
    assert again["methods"] == last["methods"]


def test_shares_need_a_folder_of_their_own(made, tmp_path, complaint):
    train = ("train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--seeds", "2", "--shard")
    assert "--shard shares the seeds of one folder: name it with --out" in complaint(*train, "1/2")
    assert "--jobs, --ray and --shard are for several seeds" in complaint(*train[:-3], "--shard", "1/2")
    assert "--shard takes i/n with 1 <= i <= n" in complaint(*train, "3/2", "--out", tmp_path / "many")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    assert "holds something else than shared seeds" in complaint(*train, "1/2", "--out", tmp_path / "other")
    below = tmp_path / "other" / "thesis.txt" / "many"
    assert f"The folder {below} cannot be made (Not a directory)" in complaint(*train, "1/2", "--out", below)


def test_a_seed_that_is_killed_is_named_with_what_goes_on(made, tmp_path, complaint, monkeypatch):
    monkeypatch.setattr(seeds, "_begin", lambda *_: subprocess.Popen(["sh", "-c", "kill -9 $$"]))
    many = tmp_path / "many"
    many.mkdir()
    (many / "seed-4.log").write_text("half\n")
    monkeypatch.setattr(seeds, "empty_folder", lambda path: None)
    line = complaint(
        "train", "--env", "Tiny/Cost-v0", "--model", made.model, *AGENT, "--seeds", "4", "5", "--out", many
    )
    assert "2 of 2 seeds failed, seed 4 with: SIGKILL, as where memory has run out: tsreward train --resume" in line
    assert read_status(many)["state"] == "failed"


def test_what_fails_in_one_seed_is_told_once(made, tmp_path, complaint):
    train = ("train", "--env", "Tiny/Endless-v0", "--model", made.model, *AGENT)
    line = complaint(*train, "--seeds", "1", "--import", "tests.tiny", "--out", tmp_path / "many")
    assert "1 of 1 seeds failed, seed 0 with: 1,024 steps finish no episode of Tiny/Endless-v0" in line
    assert read_status(tmp_path / "many")["state"] == "failed"
    assert "different seeds, got 4 4" in complaint(*train, "--seeds", "4", "4")
    assert "needs folders of runs" in complaint("report")
