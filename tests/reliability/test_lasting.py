"""A process that goes on for long keeps its memory; threads change no bit. Release sizes: `make reliability`."""

import json
import subprocess
import sys
from pathlib import Path

from tests.reliability.lasting import load_and_score, score_in_threads, stream_steps


def test_a_stream_takes_no_memory_with_time():
    assert stream_steps(4000)["grown_mb"] <= 4


def test_loading_and_scoring_leaves_nothing(tmp_path: Path):
    found = load_and_score(200, tmp_path)
    assert found["grown_mb"] <= 20
    assert found["files_left"] == 0


def test_threads_score_as_one_does():
    assert score_in_threads(threads=8, times=25) == {"differ": 0, "scores": 200}


def test_many_rewards_are_summarised_in_little_memory():
    words = "import json; from tests.reliability.lasting import summarise_rewards as s; print(json.dumps(s(10**6)))"
    run = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)  # a peak of its own
    assert json.loads(run.stdout)["grown_mb"] <= 100
