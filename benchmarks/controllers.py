"""Tasks whose expert is written by hand: no expert has to be trained before a reward is learned from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.experts import SAC
from tsreward.data.episodes import save_episodes
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.playing import play

CACHE = Path(__file__).parent / "cache" / "controllers"
_SAC = replace(SAC, final_learning_rate=0.05, action_repeat=1)
_PPO = AgentOptions("ppo")
_DOUBLE = np.array([[0.0933], [0.787], [4.126], [0.151], [0.535], [0.615]])
"""A linear-quadratic regulator of the cart's place, the two poles' angles, and their speeds."""
_REACH = 0.1, 0.11
"""Lengths of the two links of Reacher-v5, in metres."""


def _pendulum(obs: np.ndarray) -> np.ndarray:
    """Pump energy into Pendulum-v1, and hold it when it is nearly upright."""
    cos, sin, speed = obs[:, 0:1], obs[:, 1:2], obs[:, 2:3]
    missing = 5 - (speed**2 / 6 + 5 * cos)
    pump = 2 * np.sign(speed + 1e-9) * np.clip(2 * missing, -1, 1)
    return np.where(cos > 0.85, np.clip(-10 * sin - 2 * speed, -2, 2), pump)


def _inverted(obs: np.ndarray) -> np.ndarray:
    """Keep the pole of InvertedPendulum-v5 upright."""
    return np.clip(obs @ np.array([[0.3], [5.0], [0.5], [1.2]]), -3, 3)


def _double(obs: np.ndarray) -> np.ndarray:
    """Keep both poles of InvertedDoublePendulum-v5 upright."""
    angles = np.arctan2(obs[:, 1:3], obs[:, 3:5])
    return np.clip(-np.hstack([obs[:, :1], angles, obs[:, 5:8]]) @ _DOUBLE, -1, 1)


def _balance(obs: np.ndarray) -> np.ndarray:
    """Keep the pole of dm_control's cart upright."""
    return np.clip(obs[:, [0, 3, 2, 4]] @ np.array([[0.3], [0.5], [5.0], [1.2]]), -1, 1)


def _point(obs: np.ndarray) -> np.ndarray:
    """Bring dm_control's point mass to the middle."""
    return np.clip(-8 * obs[:, 0:2] - 3 * obs[:, 2:4], -1, 1)


def _reach(obs: np.ndarray) -> np.ndarray:
    """Pull the finger of Reacher-v5 to its target, by the transposed Jacobian, and damp the joints."""
    first = np.arctan2(obs[:, 2], obs[:, 0])
    both = first + np.arctan2(obs[:, 3], obs[:, 1])
    outer = _REACH[1] * np.stack([-np.sin(both), np.cos(both)], axis=1)
    whole = outer + _REACH[0] * np.stack([-np.sin(first), np.cos(first)], axis=1)
    missing = -obs[:, 8:10]
    torque = np.stack([(part * missing).sum(axis=1) for part in (whole, outer)], axis=1)
    return np.clip(20 * torque - 0.08 * obs[:, 6:8], -1, 1)


def _cart(obs: np.ndarray) -> np.ndarray:
    """Keep the pole of CartPole-v1 upright."""
    return (obs @ np.array([0.1, 0.5, 5.0, 1.2]) > 0).astype(np.int64)


def _acrobot(obs: np.ndarray) -> np.ndarray:
    """Push the lower link of Acrobot-v1 against the upper one's speed."""
    return np.where(obs[:, 4] > 0, 0, 2)


@dataclass(frozen=True)
class Task:
    """One environment, the budget in decisions, and a controller that is its expert."""

    env: str
    steps: int
    expert: Callable[[np.ndarray], np.ndarray]
    action_repeat: int = 1
    agent: AgentOptions = _SAC

    def trained(self, seed: int) -> AgentOptions:
        """How an agent is trained."""
        return replace(self.agent, action_repeat=self.action_repeat, steps=self.steps, seed=seed)

    def demos(self) -> Path:
        """Return a file with 24 episodes of the expert."""
        path = CACHE / f"{self.env.replace('/', '-')}.npz"
        if not path.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            save_episodes([one.episode for one in play(self.env, self.expert, range(24), self.action_repeat)], path)
        return path


TASKS = {
    "pendulum": Task("Pendulum-v1", 6_000, _pendulum),
    "inverted": Task("InvertedPendulum-v5", 50_000, _inverted, agent=_PPO),
    "balance": Task("dmc/cartpole-balance", 8_000, _balance, 4),
    "double": Task("InvertedDoublePendulum-v5", 15_000, _double),
    "reach": Task("Reacher-v5", 10_000, _reach),
    "point": Task("dmc/point_mass-easy", 10_000, _point, 4),
    "cart": Task("CartPole-v1", 50_000, _cart, agent=_PPO),
    "acrobot": Task("Acrobot-v1", 100_000, _acrobot, agent=_PPO),
}
