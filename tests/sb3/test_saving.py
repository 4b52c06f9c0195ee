"""An agent from its files acts as the agent that was saved."""

import numpy as np
from stable_baselines3 import PPO

import tests.tiny  # noqa: F401
from tsreward.sb3.saving import save_agent
from tsreward.sb3.training import AgentOptions, train_agent


def test_files_hold_all_that_the_agent_needs(tmp_path):
    agent = train_agent("Tiny/Cost-v0", AgentOptions(steps=256, num_envs=4, hidden=8))
    save_agent(agent, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.zip", "normaliser.npz"]
    loaded = PPO.load(tmp_path / "agent.zip", device="cpu")
    obs = np.array([[0.4, 0.5, 0.6]], np.float32)
    with np.load(tmp_path / "normaliser.npz", allow_pickle=False) as moments:
        seen = (obs - moments["mean"]) / np.sqrt(moments["variance"] + moments["epsilon"])
        seen = np.clip(seen, -moments["clip"], moments["clip"]).astype(np.float32)
    np.testing.assert_array_equal(seen, agent.normaliser.normalize_obs(obs))
    expected = agent.algorithm.predict(agent.normaliser.normalize_obs(obs), deterministic=True)[0]
    np.testing.assert_array_equal(loaded.predict(seen, deterministic=True)[0], expected)
