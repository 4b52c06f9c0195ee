"""A training that was broken off goes on where its checkpoint was: everything is there again, bit for bit."""

from __future__ import annotations

import copy
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

import tests.tiny  # noqa: F401
from tests.sb3.test_training import learner, models  # noqa: F401
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import CheckpointError, OptionError
from tsreward.io import load
from tsreward.io.states import read_state, read_weights
from tsreward.pipeline.active import ActiveLearner
from tsreward.rewards.exploration import ExplorationBonus, RandomNetworkDistillation
from tsreward.sb3.checkpoints import Checkpoints, Training
from tsreward.sb3.episode_rows import EpisodeLog
from tsreward.sb3.training import AgentOptions, TrainedAgent, TrainingOutputs, train_agent

PPO = AgentOptions("ppo", steps=512, num_envs=4, hidden=8, rollout=32)
SAC = AgentOptions("sac", steps=512, num_envs=4, hidden=8, gradient_steps=1)
CASES = {
    "ppo": (PPO, None),
    "ppo penalty": (PPO, "penalty"),
    "ppo_lagrangian penalty": (replace(PPO, algorithm="ppo_lagrangian", cost_limit=1.0), "penalty"),
    "ppo lagrangian": (PPO, "lagrangian"),
    "ppo active": (PPO, "active"),
    "td3 penalty": (replace(SAC, algorithm="td3"), "penalty"),
    "sac penalty": (SAC, "penalty"),
    "sac every step": (replace(SAC, lazy=False), "penalty"),
    "sac active": (SAC, "active"),
}


class Killed(BaseException):
    """Ends a training where nobody expects it."""


class Kill(BaseCallback):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.at:
            raise Killed
        return True


class Parts:
    """The parts of a training, all made anew as another process would."""

    def __init__(self, kind: str | None, models: Any, resumed: Checkpoints | None = None) -> None:  # noqa: F811
        self.model = None if kind in (None, "active") else copy.deepcopy(models[kind])
        self.active: ActiveLearner | None = None
        self.bonus: ExplorationBonus | None = None
        if kind == "active":
            fresh = learner()
            self.active = fresh
            self.bonus = RandomNetworkDistillation(2, 3)
            if resumed is not None:
                model = resumed.model()
                assert model is not None
                self.active = ActiveLearner.resumed(model, fresh.options, fresh.windows())

    def train(
        self, options: AgentOptions, checkpoints: Checkpoints, log: EpisodeLog | None = None, **more: Any
    ) -> TrainedAgent:
        return train_agent(
            "Tiny/Cost-v0",
            options,
            self.model,
            active=self.active,
            bonus=self.bonus,
            outputs=TrainingOutputs(log, checkpoints),
            **more,
        )


def assert_same(first: Any, second: Any, where: str = "") -> None:
    assert type(first) is type(second), where
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key, value in first.items():
            assert_same(value, second[key], f"{where}/{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{where}/{index}")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    else:
        np.testing.assert_array_equal(first, second, where)


def assert_same_checkpoint(first: Path, second: Path, model: bool) -> None:
    assert_same(read_state(first / "state"), read_state(second / "state"))
    assert_same(read_weights(first / "weights.safetensors"), read_weights(second / "weights.safetensors"))
    if model:
        assert_same(*({**load(path / "model.safetensors").state_dict()} for path in (first, second)))


@pytest.mark.parametrize("case", CASES)
def test_a_killed_training_goes_on_where_its_checkpoint_was(case, models, tmp_path, monkeypatch):  # noqa: F811
    options, kind = CASES[case]
    rows: list[EpisodeRow] = []
    with pytest.raises(Killed):
        Parts(kind, models).train(options, Checkpoints(tmp_path, every=128), callbacks=[Kill(300)], log=rows.append)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["step-128", "step-256"]
    rows = [row for row in rows if row.step <= 256]

    resumed = Checkpoints(tmp_path, resume=True)
    assert resumed.resumed == tmp_path / "step-256"
    shutil.copytree(tmp_path / "step-256", tmp_path / "kept")
    read_rest = Training.read_rest

    def read_and_write(self: Training, folder: Path) -> None:
        read_rest(self, folder)
        (tmp_path / "again").mkdir()
        self.write(tmp_path / "again")

    monkeypatch.setattr(Training, "read_rest", read_and_write)
    agent = Parts(kind, models, resumed).train(options, resumed, log=rows.append)
    assert_same_checkpoint(tmp_path / "kept", tmp_path / "again", kind is not None)
    assert agent.algorithm.num_timesteps == 512
    episodes = agent.record.all_episodes()
    assert sum(map(len, episodes)) == 512  # those that were broken off too
    assert [row.length for row in rows] == [len(episode) for episode in agent.record.finished]
    assert [row.true_return for row in rows] == [episode.rewards.sum() for episode in agent.record.finished]
    assert [row.cost for row in rows] == [episode.costs.sum() for episode in agent.record.finished]


def test_checkpoints_change_nothing(models, tmp_path):  # noqa: F811
    for case in ("ppo lagrangian", "sac active"):
        options, kind = CASES[case]
        agents = [
            Parts(kind, models).train(options, Checkpoints(tmp_path / f"{case} {every}", every=every))
            for every in (0, 64)
        ]
        assert_same(*({**agent.algorithm.policy.state_dict()} for agent in agents))
        assert [path.name for path in (tmp_path / f"{case} 0").iterdir()] == ["step-512"]


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_a_second_one_does_not_wait(algorithm, number, tmp_path):
    options = replace(PPO if algorithm == "ppo" else SAC, steps=10_000)
    told: list[str] = []

    class Signal(BaseCallback):
        def __init__(self, times: int) -> None:
            super().__init__()
            self.times = times

        def _on_step(self) -> bool:
            if self.num_timesteps >= 300 and self.times:
                self.times -= 1
                os.kill(os.getpid(), number)
            return True

    def ended(signum: int, frame: Any) -> None:
        raise Killed

    before = signal.signal(number, ended)
    try:
        with pytest.raises(Killed):
            checkpoints = Checkpoints(tmp_path / "one", tell=told.append)
            train_agent(
                "Tiny/Cost-v0", options, outputs=TrainingOutputs(checkpoints=checkpoints), callbacks=[Signal(1)]
            )
        assert [path.name for path in (tmp_path / "one").iterdir()] == [
            "step-384" if algorithm == "ppo" else "step-300"
        ]
        assert len(told) == 1 and "another signal ends at once" in told[0]
        with pytest.raises(Killed):
            train_agent(
                "Tiny/Cost-v0",
                PPO,
                outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path / "two")),
                callbacks=[Signal(2)],
            )
        assert not (tmp_path / "two").exists()
    finally:
        signal.signal(number, before)


def test_what_cannot_go_on_is_told(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint to go on from"):
        Checkpoints(tmp_path / "none", resume=True)
    train_agent("Tiny/Cost-v0", PPO, outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path)))
    with pytest.raises(OptionError, match=r"has done 512 of 512 steps, and nothing is left: give more --steps"):
        train_agent("Tiny/Cost-v0", PPO, outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path, resume=True)))
    more = train_agent(
        "Tiny/Cost-v0", replace(PPO, steps=700), outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path, resume=True))
    )
    assert more.algorithm.num_timesteps == 768  # whole rollouts
    with pytest.raises(OptionError, match="use library 'torch'"):
        jax = replace(PPO, library="jax")
        train_agent("Tiny/Cost-v0", jax, outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path)))


@pytest.mark.parametrize("name", ["weights.safetensors", "state/arrays.npz", "state/values.json"])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], None])
def test_damage_is_one_error(name, damage: Callable[[bytes], bytes] | None, tmp_path):
    train_agent("Tiny/Cost-v0", replace(PPO, steps=128), outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path)))
    file = tmp_path / "step-128" / name
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CheckpointError, match="can be read"):
        train_agent("Tiny/Cost-v0", PPO, outputs=TrainingOutputs(checkpoints=Checkpoints(tmp_path, resume=True)))
