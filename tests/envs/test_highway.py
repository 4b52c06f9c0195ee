"""highway-env: traffic by the id, crashes as costs, and the same drive for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes
from tsreward.envs.make import make
from tsreward.errors import MissingExtraError, OptionError
from tsreward.sequences.cost_reader import CostReader

pytest.importorskip("highway_env", reason="needs the extra 'highway'")
from tsreward.envs.highway import highway_ids

FAST = "highway/highway-fast-v0"


def drive(env: gymnasium.Env, seed: int, action: int = 3) -> list[Any]:
    """Return the steps of an episode that goes as fast as it can."""
    steps: list[Any] = [env.reset(seed=seed)]
    while not (len(steps) > 1 and (steps[-1][2] or steps[-1][3])):
        steps.append(env.step(action))
    return steps


def test_traffic_is_an_option_of_the_id() -> None:
    sparse, dense = make(f"{FAST}:vehicles=3,lanes=4,density=0.5"), make(f"{FAST}:vehicles=9,density=2")
    for env, vehicles, lanes in ((sparse, 3, 4), (dense, 9, 3)):
        env.reset(seed=0)
        task: Any = env.unwrapped
        assert len(task.road.vehicles) == vehicles + 1
        assert task.config["lanes_count"] == lanes
    gaps = [np.diff(sorted(one.position[0] for one in env.unwrapped.road.vehicles)).mean() for env in (sparse, dense)]  # type: ignore[attr-defined]
    assert gaps[0] > 2 * gaps[1]


def test_a_crash_is_the_cost_and_ends_the_episode() -> None:
    reader, costs = CostReader(needed=True), []
    env = make(f"{FAST}:vehicles=12,density=2")
    for seed in range(4):
        steps = drive(env, seed)
        assert all(isinstance(step[1], float) and step[0].shape == (25,) for step in steps[1:])
        costs.append([reader.read(step[4]) for step in steps[1:]])
        assert sum(costs[-1]) == costs[-1][-1] == float(steps[-1][2])
    assert reader.keys == ("crashed",)
    assert 0 < sum(map(sum, costs)) <= 4


def test_the_same_seed_is_the_same_drive() -> None:
    one, other = make(f"{FAST}:vehicles=6"), make(f"{FAST}:vehicles=6")
    drive(other, 8)
    for first, second in zip(drive(one, 3), drive(other, 3), strict=True):
        np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(one.reset(seed=4)[0], one.reset(seed=3)[0])


@pytest.mark.parametrize("id", ["highway/merge-v1", "highway/racetrack-v1", "highway/parking-v0"])
def test_other_tasks_are_there(id: str) -> None:
    env = make(id)
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    env.action_space.seed(0)
    assert isinstance(env.step(env.action_space.sample())[4]["crashed"], bool)


def test_actions_may_be_continuous_and_held_and_episodes_short() -> None:
    env = make(f"{FAST}:continuous,max_episode_steps=3,vehicles=2", action_repeat=2)
    assert env.action_space.shape == (2,)
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, np.float32))[3] for _ in range(2)]
    assert ends == [False, True]


def test_frames_are_drawn() -> None:
    env = make(FAST, render_mode="rgb_array")
    env.reset(seed=0)
    frame: Any = env.render()
    assert frame.shape == (150, 600, 3)
    assert frame.std() > 5


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("highway/highway-fat-v0", "highway/highway-fast-v0"),
        (f"{FAST}:vehicles=0", "vehicles of '.*' is above 0, got 0"),
        (f"{FAST}:density=thick", "density of '.*' is a number"),
        (f"{FAST}:cars=3", "cars"),
        ("highway/merge-v0:vehicles=3", "has no vehicles: leave it out. Its options are frequency"),
        ("highway/racetrack-v1:frequency=4", "frequency of '.*' is 5 or more, its decisions a second, got 4"),
    ],
)
def test_what_cannot_be_made_is_refused(id: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(id)
    assert FAST in highway_ids() and not any("multi-agent" in one for one in highway_ids())


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="highway_env is not installed"):
        make(FAST)


def test_from_sparse_to_dense_traffic_on_the_command_line(tmp_path: Path) -> None:
    sparse, dense = f"{FAST}:vehicles=5,density=0.7,duration=5", f"{FAST}:vehicles=5,density=3,duration=5"
    episodes, model, scores = tmp_path / "sparse.npz", tmp_path / "model.safetensors", tmp_path / "scores.csv"
    small = ["--steps", "96", "--num-envs", "2", "--hidden", "8", "--rollout", "24"]
    assert main(["collect", "--env", sparse, "--out", str(episodes), *small]) == 0
    costs = np.concatenate([one.costs for one in load_episodes(episodes) if one.costs is not None])
    assert costs.sum() < len(costs) / 4
    assert main(["fit", "--data", str(episodes), "--scorer", "knn", "--window", "2", "--out", str(model)]) == 0
    train = ["train", "--env", dense, "--model", str(model), "--out", str(tmp_path / "run"), "--no-film", *small]
    assert main(train) == 0
    assert main(["score", str(episodes), "--model", str(model), "--out", str(scores)]) == 0
    assert main(["evaluate", "--scores", str(scores)]) == 0
