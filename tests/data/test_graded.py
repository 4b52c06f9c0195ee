"""Graded episodes come back from their file, and every damage to it is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.data.graded import GradedEpisodes, load_graded, save_graded
from tsreward.errors import DataError, OptionError
from tsreward.sequences.episodes import Episode


@pytest.fixture
def graded() -> GradedEpisodes:
    rng = np.random.default_rng(0)
    lengths = [3, 1, 5, 2]
    episodes = [Episode(rng.normal(size=(length + 1, 2)), rng.normal(size=length)) for length in lengths]
    return GradedEpisodes(
        "dmc/walker-walk:frames=32",
        4,
        ("random", "50 %", "expert"),
        episodes,
        np.array([0, 1, 2, 2]),
        np.array([episode.rewards.sum() for episode in episodes]),  # type: ignore[union-attr]
        np.array([5, 6, 2**31 - 1, 0]),
        [rng.normal(size=(length + 1, 7)) for length in lengths],
    )


def test_what_was_written_is_read(graded, tmp_path):
    save_graded(graded, tmp_path / "g.npz")
    found = load_graded(tmp_path / "g.npz")
    assert (found.env, found.action_repeat, found.names) == (graded.env, 4, graded.names)
    for name in ("skill", "returns", "seeds"):
        assert np.array_equal(getattr(found, name), getattr(graded, name))
    assert found.states is not None
    for name in ("episodes", "states"):
        for one, other in zip(getattr(found, name), getattr(graded, name), strict=True):
            pair = (one.obs, other.obs) if name == "episodes" else (one, other)
            assert np.array_equal(*pair)
    plain = load_episodes(tmp_path / "g.npz")
    assert [len(episode) for episode in plain] == [3, 1, 5, 2]
    save_graded(replace(graded, states=None), tmp_path / "g.npz")
    assert load_graded(tmp_path / "g.npz").states is None


def test_skills_are_chosen_by_name(graded):
    expert = graded.where("expert")
    assert expert.seeds.tolist() == [2**31 - 1, 0]
    assert [len(states) for states in expert.states] == [6, 3]
    assert graded.where(["expert", "random"]).skill.tolist() == [0, 2, 2]
    assert expert.mean_returns() == {"expert": pytest.approx(graded.returns[2:].mean())}
    with pytest.raises(OptionError, match="Unknown skill 'exprt': did you mean 'expert'"):
        graded.where("exprt")


def rewrite(path: Path, **changes: np.ndarray | None) -> None:
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def text(content: str) -> np.ndarray:
    return np.frombuffer(content.encode(), np.uint8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"skill": None}, "lacks skill: write it with tsreward collect --agent graded"),
        ({"skill": np.array([0, 1, 2])}, r"'skill' must hold one finite whole number for each of 4.*int64 \[3\]"),
        ({"skill": np.array([0.0, 1, 2, 2])}, "'skill' must hold one finite whole number.*float64"),
        ({"skill": np.array([0, 1, 2, 3])}, "'skill' must lie between 0 and 2, found 0 to 3"),
        ({"skill": np.array([-1, 1, 2, 2])}, "found -1 to 2"),
        ({"returns": np.array([0, 1, np.nan, 0])}, "'returns' must hold one finite number"),
        ({"seeds": np.zeros((4, 1), int)}, r"'seeds' must hold.*\[4, 1\]"),
        ({"states": np.zeros((14, 7))}, r"'states' must hold 15 finite rows, found \[14, 7\]"),
        ({"states": np.full((15, 7), np.inf)}, "'states' must hold 15 finite rows"),
        ({"grading": text("{")}, "'grading' is damaged: The JSON is broken"),
        ({"grading": text("[]")}, "'grading' must hold env, action_repeat and names"),
        ({"grading": text('{"env":"a","action_repeat":1,"names":["a","a","b"]}')}, "must name every skill once"),
        ({"grading": text('{"env":"a","action_repeat":true,"names":["a","b","c"]}')}, "must hold env, action_repeat"),
        ({"grading": text('{"env":"a","action_repeat":0,"names":["a","b","c"]}')}, "must hold env, action_repeat"),
        ({"grading": np.zeros((2, 2))}, "'grading' is damaged"),
    ],
)
def test_damage_is_named(graded, tmp_path, changes, message):
    path = tmp_path / "g.npz"
    save_graded(graded, path)
    rewrite(path, **changes)
    with pytest.raises(DataError, match=message):
        load_graded(path)
    assert len(load_episodes(path)) == 4


def test_plain_episodes_have_no_skill(graded, tmp_path):
    save_episodes(graded.episodes, tmp_path / "e.npz")
    with pytest.raises(DataError, match="lacks skill, returns, seeds, grading"):
        load_graded(tmp_path / "e.npz")


def test_no_episodes_are_not_written(graded, tmp_path):
    with pytest.raises(DataError, match="No episodes to write"):
        save_graded(replace(graded, episodes=[]), tmp_path / "g.npz")
