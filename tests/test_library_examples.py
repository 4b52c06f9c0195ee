"""The examples for other libraries pay what `relabel` pays; `make test-libraries` installs them."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from tests.walk import Walk, calm, played, walk_model
from tsreward.errors import OptionError
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
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


def test_a_single_file_in_the_way_of_cleanrl_learns() -> None:
    """The walk pays its action, so the true return rises; a penalty only takes, so the learned one is no higher."""
    code, model = names("cleanrl_ppo.py"), walk_model("penalty", weight=0.05)
    policy, returns = code["train"](Walk, model, code["Options"](steps=6_144, num_envs=4, rollout=128))
    learned, true = np.array(returns).T
    assert (learned <= true + 1e-6).all() and (learned < true - 1e-6).any()
    assert learned[-20:].mean() > learned[:20].mean() + 1
    assert policy(torch.zeros(1, 3)).shape == (1, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(walk_model("penalty"), path)
    return path


def test_rl_zoo3(file: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="reads hyperparameters")
    text = (FOLDER / "rl_zoo3_ppo.yml").read_text()
    (wrapper,) = yaml.safe_load(text)["Pendulum-v1"]["env_wrapper"]
    assert wrapper == {"tsreward.LearnedReward": {"model": "model.safetensors"}}
    wrapper["tsreward.LearnedReward"]["model"] = str(file)
    utils = pytest.importorskip("rl_zoo3.utils", reason="needs RL Baselines3 Zoo: make test-libraries")
    wrapped = utils.get_wrapper_class({"env_wrapper": [wrapper]})(Walk())
    pays_as_relabel(wrapped, walk_model("penalty"))


def pays_as_relabel(env: gymnasium.Env, model: RewardModel) -> None:
    rng, ended = np.random.default_rng(0), False
    obs, rewards, true = [env.reset(seed=0)[0]], [], []
    while not ended:
        given, reward, terminated, truncated, info = env.step(calm(obs[-1], rng))
        obs.append(given)
        rewards.append(reward)
        true.append(info["original_reward"])
        ended = terminated or truncated
    assert relabel(model, Episode(np.stack(obs), np.array(true))).reward.tolist() == rewards


def test_tianshou(file: Path) -> None:
    pytest.importorskip("tianshou", reason="needs Tianshou: make test-libraries")
    code = names("tianshou_ppo.py")
    envs = code["learned_envs"](Walk, str(file))
    rng, ended = np.random.default_rng(0), False
    obs, rewards, true = [envs.reset()[0][0]], [], []
    while not ended:
        given, paid, terminated, truncated, info = envs.step(np.stack([calm(obs[-1], rng)] * 2))
        obs.append(given[0])
        rewards.append(paid[0])
        true.append(info[0]["original_reward"])
        ended = terminated[0] or truncated[0]
    assert relabel(walk_model("penalty"), Episode(np.stack(obs), np.array(true))).reward.tolist() == rewards
    agent = code["train"](envs, steps=256, rollout=128)
    assert all(torch.isfinite(part).all() for part in agent.parameters())


@pytest.mark.filterwarnings("ignore")
def test_rllib(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the creator of the environment by the name of its module."""
    pytest.importorskip("ray.rllib", reason="needs RLlib: make test-libraries")
    import ray  # pyright: ignore[reportMissingImports]

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.syspath_prepend(FOLDER)
    gymnasium.register("Walk-v0", entry_point=lambda **options: Walk(**options), disable_env_checker=True)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        agent = importlib.import_module("rllib_ppo").algorithm("Walk-v0", file, batch=256)
        learned = agent.train()["env_runners"]["episode_return_mean"]
        agent.stop()
    finally:
        ray.shutdown()
    assert learned < -20  # what random walks earn themselves lies around 0


def test_lerobot(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="writes Parquet")
    formats = pytest.importorskip("tests.data.formats", reason="writes Parquet")
    folder, episodes = formats.lerobot(tmp_path), [one.obs[:-1] for one in formats.given()]
    model = RewardModel(KNN(2), Likeness()).fit([*episodes] * 3)
    path = names("lerobot_progress.py")["write_progress"](folder, model)
    frames = pandas.read_parquet(path)
    assert frames["index"].tolist() == list(range(sum(map(len, episodes))))
    assert frames["frame_index"].tolist() == [place for one in episodes for place in range(len(one))]
    assert frames["progress_sparse"].between(0, 1).all() and frames["success"].dtype == bool
    wanted = relabel(model, [Episode(np.concatenate([one[:1], one])) for one in episodes])
    assert frames["progress_sparse"].tolist() == torch.cat([step.reward.float() for step in wanted]).tolist()
    with pytest.raises(OptionError, match="Progress lies between 0 and 1, and Penalty pays otherwise"):
        names("lerobot_progress.py")["write_progress"](folder, walk_model("penalty"))
    rabc = pytest.importorskip("lerobot.utils.rabc", reason="needs LeRobot: make test-libraries")
    weights, _ = rabc.RABCWeights(path, chunk_size=2).compute_batch_weights({"index": torch.arange(5)})
    assert weights.shape == (5,) and bool(weights.isfinite().all())
