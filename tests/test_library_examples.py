"""The examples for other libraries pay what `relabel` pays; `make test-libraries` installs them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.walk import Walk, calm, played, walk_model
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode

pytestmark = [
    pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
FOLDER = Path(__file__).parent.parent / "examples" / "libraries"


def names(file: str) -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / file))


def test_every_example_is_short() -> None:
    files = list(FOLDER.glob("*.py"))
    assert files and all(len(path.read_text().splitlines()) < 100 for path in files)


def test_torchrl() -> None:
    envs = pytest.importorskip("torchrl.envs", reason="needs TorchRL: make test-libraries")
    model = walk_model("penalty")
    env = envs.TransformedEnv(envs.GymWrapper(Walk()), names("torchrl_transform.py")["LearnedRewardTransform"](model))
    env.set_seed(0)
    rollout = env.rollout(30)
    obs = torch.cat([rollout["observation"][:1], rollout["next", "observation"]]).numpy()
    true = rollout["next", "original_reward"][:, 0].double().numpy()
    wanted = relabel(model, [Episode(obs, rewards=true)])[0]
    assert torch.equal(rollout["next", "reward"][:, 0], wanted.reward.float())
    assert torch.equal(rollout["next", "anomaly_score"][:, 0], wanted.score)
    envs.check_env_specs(env)


def test_skrl() -> None:
    pytest.importorskip("skrl", reason="needs skrl: make test-libraries")
    model = walk_model("penalty")
    learned, true = names("skrl_env.py")["returns"](Walk(), model)
    assert np.isfinite([learned, true]).all() and learned < true  # random walks are flagged, and that costs


def test_d3rlpy() -> None:
    pytest.importorskip("d3rlpy", reason="needs d3rlpy: make test-libraries")
    rng, episodes = np.random.default_rng(0), played(Walk(), 6, seed=3)
    with_actions = [
        Episode(one.obs, one.rewards, actions=np.stack([calm(obs, rng) for obs in one.obs[:-1]])) for one in episodes
    ]
    model, code = walk_model("likeness"), names("d3rlpy_offline.py")
    dataset = code["dataset_of"](model, with_actions)
    wanted = [step.reward.float().numpy() for step in relabel(model, with_actions)]
    assert [len(one) for one in dataset.episodes] == [len(one) for one in episodes]
    for one, rewards in zip(dataset.episodes, wanted, strict=True):
        assert np.array_equal(np.asarray(one.rewards)[:, 0], rewards)
    action = code["trained"](dataset, steps=20).predict(episodes[0].obs[:2])
    assert action.shape == (2, 1) and np.isfinite(action).all()
