"""PPO in a single file on a learned reward, as CleanRL lays it out: the vector environment is all that is exchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor, nn
from torch.distributions import Normal

import tsreward


@dataclass(frozen=True)
class Options:
    """Of PPO (Schulman et al. 2017)."""

    steps: int = 50_000
    num_envs: int = 4
    rollout: int = 128
    epochs: int = 4
    batch: int = 128
    learning_rate: float = 1e-3
    discount: float = 0.99
    decay: float = 0.95
    """λ of the advantages."""
    clip: float = 0.2
    seed: int = 0


def train(
    make: Callable[[], gymnasium.Env], model: tsreward.RewardModel | str, options: Options = Options()
) -> tuple[nn.Module, list[tuple[float, float]]]:
    """Return the policy, and learned and true return of every episode that ended."""
    torch.manual_seed(options.seed)
    plain = SyncVectorEnv([make] * options.num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    envs = tsreward.LearnedRewardVector(plain, model)  # the one line
    width, actions = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
    policy, critic = _net(width, actions), _net(width, 1)
    spread = nn.Parameter(torch.zeros(actions))
    parameters = [*policy.parameters(), *critic.parameters(), spread]
    optimizer, returns = torch.optim.Adam(parameters, options.learning_rate, eps=1e-5), []
    obs = torch.as_tensor(envs.reset(seed=options.seed)[0])
    for _ in range(max(1, options.steps // (options.rollout * options.num_envs))):
        seen, taken, odds, paid, going = [], [], [], [], []
        with torch.no_grad():
            for _ in range(options.rollout):
                chosen = Normal(policy(obs), spread.exp())
                action = chosen.sample()
                given, rewards, ended, cut, infos = envs.step(action.clamp(-1, 1).numpy())
                if cut.any():  # what would have come after an end that is only a time limit
                    last = torch.as_tensor(np.stack(infos["final_obs"][cut]))
                    rewards[cut] += options.discount * critic(last)[:, 0].numpy()
                for part, value in zip((seen, taken, odds), (obs, action, chosen.log_prob(action).sum(1)), strict=True):
                    part.append(value)
                paid.append(torch.as_tensor(rewards, dtype=torch.float32))
                going.append(torch.as_tensor(~(ended | cut)).float())
                for env in np.flatnonzero(ended | cut):
                    returns.append((float(infos["ep_learned_rew"][env]), float(infos["ep_true_rew"][env])))
                obs = torch.as_tensor(given)
            values = critic(torch.stack([*seen, obs]))[..., 0]
        advantages = _advantages(torch.stack(paid), values, torch.stack(going), options)
        wanted = (advantages + values[:-1]).flatten()
        rows = torch.cat(seen), torch.cat(taken), torch.cat(odds), advantages.flatten(), wanted
        for places in [
            part for _ in range(options.epochs) for part in torch.randperm(len(wanted)).split(options.batch)
        ]:
            state, action, before, gain, target = (part[places] for part in rows)
            ratio = (Normal(policy(state), spread.exp()).log_prob(action).sum(1) - before).exp()
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            least = torch.minimum(ratio * gain, ratio.clamp(1 - options.clip, 1 + options.clip) * gain)
            loss = 0.5 * (critic(state)[:, 0] - target).square().mean() - least.mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 0.5)
            optimizer.step()
    envs.close()
    return policy, returns


def _net(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


def _advantages(paid: Tensor, values: Tensor, going: Tensor, options: Options) -> Tensor:
    """Return generalised advantages [T, E] (Schulman et al. 2016)."""
    found, ahead = torch.zeros_like(paid), torch.zeros_like(paid[0])
    for step in reversed(range(len(paid))):
        surprise = paid[step] + options.discount * values[step + 1] * going[step] - values[step]
        found[step] = ahead = surprise + options.discount * options.decay * going[step] * ahead
    return found
