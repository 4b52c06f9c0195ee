"""`DrQ`: SAC for agents that see pictures, which are shifted at random in every gradient step."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN, SACPolicy
from torch import Tensor, nn

from tsreward.errors import OptionError
from tsreward.functional.pixels import random_shift


class PixelNetwork(BaseFeaturesExtractor):
    """Convolutions (3 x 3, stride 2, ReLU), then a projection to `features_dim` with LayerNorm and tanh.

    It takes pictures [B, C, H, W] in [0, 1] of any size. Sides above 48 pixels are halved first, by means of 2 x 2:
    that keeps where things are, and costs a quarter. The projection is that of Yarats et al. (2021).
    """

    def __init__(
        self, observation_space: gymnasium.Space, features_dim: int = 50, channels: tuple[int, ...] = (16, 32, 32)
    ) -> None:
        super().__init__(observation_space, features_dim)
        assert observation_space.shape is not None
        width, *sides = observation_space.shape
        layers: list[nn.Module] = []
        while min(sides) > 48:
            layers.append(nn.AvgPool2d(2))
            sides = [side // 2 for side in sides]
        for wider in channels:
            layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.ReLU()]
            width, sides = wider, [(side + 1) // 2 for side in sides]
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(width * int(np.prod(sides)), features_dim),
            nn.LayerNorm(features_dim),
            nn.Tanh(),
        )

    def forward(self, observations: Tensor) -> Tensor:
        """Return features [B, D]."""
        return self.layers(observations)


class DrQPolicy(SACPolicy):
    """Actor, critic and target critic look through one network, which the loss of the critic alone trains."""

    def _build(self, lr_schedule: Any) -> None:
        self.critic = self.make_critic()
        eyes = self.critic.features_extractor
        self.actor, self.critic_target = self.make_actor(eyes), self.make_critic(eyes)
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.critic_target.set_training_mode(False)
        actor: Any = self.actor
        own = [*actor.latent_pi.parameters(), *actor.mu.parameters(), *actor.log_std.parameters()]
        for part, weights in ((self.actor, own), (self.critic, self.critic.parameters())):
            optimizer: Any = self.optimizer_class
            part.optimizer = optimizer(weights, lr=lr_schedule(1), **self.optimizer_kwargs)


class DrQ(SAC):
    """SAC from pictures: every one of a batch is shifted by up to `pad` pixels, in each gradient step anew.

    DrQ (Kostrikov et al. 2021, arXiv 2004.13649, with K = M = 1) with the economies of DrQ-v2 (Yarats et al. 2022,
    arXiv 2107.09645): a picture is encoded once for critic and actor, and the target of the critic reads the features
    of the network as it is. The temperature begins at 0.1. The buffer holds every picture twice, as bytes.

    Args:
        policy: "CnnPolicy".
        env: environments that observe pictures.
        pad: pixels that a picture is shifted by at most.
        options: those of Stable-Baselines3's SAC.

    Raises:
        OptionError: noise that depends on the state (`use_sde`).
    """

    policy_aliases = {"CnnPolicy": DrQPolicy}  # noqa: RUF012 - as Stable-Baselines3 declares it

    def __init__(self, policy: Any, env: Any, pad: int = 4, **options: Any) -> None:
        if options.get("use_sde"):
            raise OptionError("DrQ draws the noise of its actions anew in every step: leave out use_sde.")
        self.pad = pad
        super().__init__(policy, env, **{"ent_coef": "auto_0.1", **options})

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Do gradient steps on batches of the replay buffer (Haarnoja et al. 2018, eqs. 5 to 7 and 18)."""
        self.policy.set_training_mode(True)
        buffer: Any = self.replay_buffer
        tempered, log_temperature = self.ent_coef_optimizer, cast(Tensor, self.log_ent_coef)
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer, *([tempered] if tempered else [])])
        for _ in range(gradient_steps):
            batch = buffer.sample(batch_size, env=self._vec_normalize_env)
            temperature = log_temperature.detach().exp() if tempered else self.ent_coef_tensor
            with torch.no_grad():
                ahead = self._features(batch.next_observations)
                actions, log_prob = self._act(ahead)
                value = _values(self.critic_target, ahead, actions).amin(0) - temperature * log_prob
                discount = self.gamma if batch.discounts is None else batch.discounts  # of several steps
                target = batch.rewards + (1 - batch.dones) * discount * value
            features = self._features(batch.observations)
            errors = _values(self.critic, features, batch.actions) - target
            critic_loss = 0.5 * errors.square().mean((1, 2)).sum()
            _descend(self.critic.optimizer, critic_loss)

            features = features.detach()
            actions, log_prob = self._act(features)
            actor_loss = (temperature * log_prob - _values(self.critic, features, actions).amin(0)).mean()
            _descend(self.actor.optimizer, actor_loss)
            if tempered:
                surplus = (log_prob + cast(float, self.target_entropy)).detach()
                _descend(tempered, -(log_temperature * surplus).mean())
            self._n_updates += 1
            if self._n_updates % self.target_update_interval == 0:
                polyak_update(_heads(self.critic), _heads(self.critic_target), self.tau)
            self.logger.record("train/ent_coef", temperature.item())
            self.logger.record("train/critic_loss", critic_loss.item())
            self.logger.record("train/actor_loss", actor_loss.item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _features(self, frames: Tensor) -> Tensor:
        """Return features [B, D] of pictures [B, C, H, W] (uint8), shifted."""
        return self.critic.extract_features(random_shift(frames, self.pad), self.critic.features_extractor)

    def _act(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions [B, A] and their log-probabilities [B, 1]."""
        actor: Any = self.actor
        latent = actor.latent_pi(features)
        log_std = actor.log_std(latent).clamp(LOG_STD_MIN, LOG_STD_MAX)
        actions, log_prob = actor.action_dist.log_prob_from_params(actor.mu(latent), log_std)
        return actions, log_prob[:, None]


def _values(critic: ContinuousCritic, features: Tensor, actions: Tensor) -> Tensor:
    """Return what every network of the critic says [2, B, 1]."""
    inputs = torch.cat([features, actions], 1)
    return torch.stack([network(inputs) for network in critic.q_networks])


def _heads(critic: ContinuousCritic) -> list[Tensor]:
    return [weight for network in critic.q_networks for weight in network.parameters()]


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
