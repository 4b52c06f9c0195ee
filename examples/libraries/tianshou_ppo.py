"""A learned reward in Tianshou 2: its vector environments take `LearnedReward` as any environment of Gymnasium."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import torch
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic

import tsreward


def learned_envs(
    make: Callable[[], gymnasium.Env], model: tsreward.RewardModel | str, num_envs: int = 2, seed: int = 0
) -> DummyVectorEnv:
    """Return environments that pay learned rewards; their own are in `info["original_reward"]`."""
    envs = DummyVectorEnv([lambda: tsreward.LearnedReward(make(), model) for _ in range(num_envs)])
    envs.seed(seed)
    return envs


def train(envs: DummyVectorEnv, steps: int = 20_000, rollout: int = 1_000, seed: int = 0) -> PPO:
    """Return an agent of PPO."""
    torch.manual_seed(seed)
    space, actions = envs.observation_space[0], envs.action_space[0]
    nets = [Net(state_shape=space.shape, hidden_sizes=(64, 64), activation=torch.nn.Tanh) for _ in range(2)]
    actor = ContinuousActorProbabilistic(preprocess_net=nets[0], action_shape=actions.shape, unbounded=True)
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda given: torch.distributions.Independent(torch.distributions.Normal(*given), 1),
        action_space=actions,
    )
    agent = PPO(policy=policy, critic=ContinuousCritic(preprocess_net=nets[1]), optim=AdamOptimizerFactory(lr=1e-3))
    collector = Collector(agent, envs, VectorReplayBuffer(rollout, len(envs)))
    collector.reset()
    agent.run_training(
        OnPolicyTrainerParams(
            training_collector=collector,
            max_epochs=max(1, steps // rollout),
            epoch_num_steps=rollout,
            collection_step_num_env_steps=rollout,
            update_step_num_repetitions=4,
            batch_size=128,
            test_step_num_episodes=0,
            show_progress=False,
            verbose=False,
        )
    )
    return agent
