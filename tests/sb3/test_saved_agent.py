"""Agents in files: the loaded one acts as the trained one did, and nothing that is damaged is taken."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from tests.worlds import waves
from tsreward.errors import DataError, OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.playing import play
from tsreward.sb3.saved_agent import load_agent, save_agent
from tsreward.sb3.training import AgentOptions, TrainedAgent, train_agent
from tsreward.scorers.mahalanobis import Mahalanobis

OPTIONS = AgentOptions("ppo", steps=128, num_envs=2, hidden=8, rollout=32, seed=3)


@pytest.fixture(scope="module")
def trained() -> TrainedAgent:
    return train_agent("Pendulum-v1", OPTIONS, RewardModel(Mahalanobis(2), Likeness()).fit(waves(0, dim=3)))


@pytest.fixture
def folder(trained: TrainedAgent, tmp_path: Path) -> Path:
    save_agent(trained, tmp_path)
    return tmp_path


def test_the_loaded_agent_acts_as_the_trained_one(trained: TrainedAgent, folder: Path) -> None:
    agent = load_agent(folder)
    obs = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    wanted, _ = trained.algorithm.predict(trained.normaliser.normalize_obs(obs.copy()), deterministic=True)
    np.testing.assert_array_equal(agent(obs), wanted)
    assert (agent.env, agent.action_repeat) == ("Pendulum-v1", 1)
    assert len(play(agent.env, agent, [5])[0].episode) == 200


@pytest.mark.parametrize("algorithm", ["sac", "td3"])
def test_off_policy_agents_and_parts_of_a_dict(algorithm: str, tmp_path: Path, two_parts: str) -> None:
    options = AgentOptions(algorithm, steps=32, num_envs=1, hidden=8, learning_starts=8, gradient_steps=1)  # type: ignore[arg-type]
    trained = train_agent(two_parts, options, obs_key=["state"])
    save_agent(trained, tmp_path)
    agent = load_agent(tmp_path)
    obs = {"state": np.ones((2, 3), np.float32), "goal": np.full((2, 1), 5.0, np.float32)}
    seen = trained.normaliser.normalize_obs({key: part.copy() for key, part in obs.items()})
    np.testing.assert_array_equal(agent(obs), trained.algorithm.predict(seen, deterministic=True)[0])  # type: ignore[arg-type]
    assert agent.description.obs_key == ("state",)


@pytest.fixture
def two_parts() -> str:
    class TwoParts(gymnasium.ObservationWrapper):
        def __init__(self, env: gymnasium.Env) -> None:
            super().__init__(env)
            goal = gymnasium.spaces.Box(-9, 9, (1,), np.float32)
            self.observation_space = gymnasium.spaces.Dict({"state": env.observation_space, "goal": goal})

        def observation(self, observation: np.ndarray) -> dict[str, np.ndarray]:
            return {"state": observation, "goal": np.ones(1, np.float32)}

    if "TwoParts-v0" not in gymnasium.registry:
        gymnasium.register("TwoParts-v0", entry_point=lambda **_: TwoParts(gymnasium.make("Pendulum-v1")))
    return "TwoParts-v0"


def test_the_zip_is_not_opened(folder: Path) -> None:
    (folder / "agent.zip").unlink()
    assert load_agent(folder)(np.zeros((1, 3), np.float32)).shape == (1, 1)
    weights = (folder / "agent.safetensors").read_bytes()
    for damaged in (weights[:-8], b"", pickle.dumps({"a": 1}), weights[:8] + b"x" + weights[9:]):
        (folder / "agent.safetensors").write_bytes(damaged)
        with pytest.raises(DataError, match=r"The agent in .* is damaged"):
            load_agent(folder)


def test_what_is_missing_or_damaged_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(DataError, match=r"holds no agent.json: give the folder of a run"):
        load_agent(tmp_path_factory.mktemp("empty"))
    described = json.loads((folder / "agent.json").read_text())
    (folder / "agent.json").write_text(json.dumps(described | {"options": described["options"] | {"hidden": 16}}))
    with pytest.raises(DataError, match=r"The agent in .* is damaged, or of another version"):
        load_agent(folder)
    (folder / "agent.json").write_text(json.dumps(described | {"options": described["options"] | {"library": "jax"}}))
    with pytest.raises(OptionError, match=r"an agent of sbx, whose file holds pickled objects.*sbx.PPO.load"):
        load_agent(folder)
    (folder / "agent.json").write_text("{")
    with pytest.raises(DataError, match=r"agent.json is damaged"):
        load_agent(folder)


def test_code_is_not_imported_because_a_file_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "named_by_a_file.py").write_text(f"open({str(folder / 'imported')!r}, 'w')\n")
    monkeypatch.syspath_prepend(folder)
    described = json.loads((folder / "agent.json").read_text())
    (folder / "agent.json").write_text(json.dumps(described | {"env": "named_by_a_file:Maze-v0"}))
    with pytest.raises(OptionError, match=r"nothing is imported because a file names it: give env \(--env"):
        load_agent(folder)
    assert not (folder / "imported").exists()
    assert load_agent(folder, "Pendulum-v1").env == "Pendulum-v1"
    (folder / "agent.json").write_text(json.dumps(described | {"env": "named_by_a_file:Pendulum-v1"}))
    assert load_agent(folder).env == "Pendulum-v1"  # registered already
    assert not (folder / "imported").exists()
