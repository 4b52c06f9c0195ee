"""The table of a run's episodes reads back what was written, half a last line left out."""

from __future__ import annotations

import pytest

from tsreward.data.episode_rows import EpisodeFile, EpisodeRow, read_rows
from tsreward.errors import DataError

FULL = EpisodeRow(16, 4, 0.1 + 0.2, -1.5, 2.0, 0.25, 0.5, 1.0, 1e-9, 0.1, 0.9, 2.5, 0.7, 1.1, 0.0)
BARE = EpisodeRow(8, 4, 1.0)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "episodes.csv"
    EpisodeFile(path).write("agent", 3, BARE)
    file = EpisodeFile(path)  # goes on
    file.write("agent", 3, FULL)
    file.write('other, "one"', 4, BARE)
    read = read_rows(path)
    assert [(run.agent, run.seed, run.rows) for run in read] == [
        ("agent", 3, [BARE, FULL]),
        ('other, "one"', 4, [BARE]),
    ]
    assert path.read_text().splitlines()[0].startswith("agent,seed,step,length,true_return,learned_return,cost,")


def test_half_a_last_line_is_left_out(tmp_path):
    path = tmp_path / "episodes.csv"
    EpisodeFile(path).write("agent", 0, FULL)
    whole = path.read_bytes()
    EpisodeFile(path).write("agent", 0, FULL)
    for end in range(len(whole), len(path.read_bytes())):
        (tmp_path / "cut.csv").write_bytes(path.read_bytes()[:end])
        assert read_rows(tmp_path / "cut.csv")[0].rows == [FULL]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", None])
def test_another_file_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match=r"x\.csv"):
        read_rows(tmp_path / "x.csv")


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "episodes.csv"
    EpisodeFile(path)
    with path.open("a") as file:
        file.write("agent,0,one,4,1.0,,,,,,\n")
    with pytest.raises(DataError, match=r"line 2 is no row of an episode"):
        read_rows(path)


def test_a_file_that_was_begun_with_fewer_columns_goes_on_with_them(tmp_path):
    path = tmp_path / "episodes.csv"
    path.write_text(
        "agent,seed,step,length,true_return,learned_return,cost,flag_rate,score_p10,score_p50,score_p90\n"
        "agent,0,4,4,1.0,2.0,,0.5,1.0,2.0,3.0\n"
    )
    EpisodeFile(path).write("agent", 0, FULL)
    first, second = read_rows(path)[0].rows
    assert first == EpisodeRow(4, 4, 1.0, 2.0, None, 0.5, 1.0, 2.0, 3.0)
    assert second == EpisodeRow(*FULL[:9])
