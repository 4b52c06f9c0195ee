"""`PPOLagrangian`: PPO that keeps the cost of an episode below a limit (Ray, Achiam & Amodei 2019)."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BaseModel,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.utils import obs_as_tensor
from torch import Tensor, nn

from tsreward.errors import OptionError
from tsreward.rewards.lagrangian import dual_step
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs

COST_LIMIT = 25.0
"""Cost per episode that is acceptable where nothing else is said, as in Ray, Achiam & Amodei 2019."""
_LONGEST = 1_000.0
"""Steps that a cost is summed over at most, as the unit of the cost critic."""


_NOISE = 0.01
"""Fraction of the limit below which costs do not differ."""


class _CostCritic(ActorCriticPolicy):
    """A policy with a critic for costs, which learns apart, and the multiplier λ."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.cost_extractor = self.make_features_extractor()
        widths: Any = self.net_arch["vf"] if isinstance(self.net_arch, dict) else self.net_arch
        self.cost_net = nn.Sequential(*create_mlp(self.cost_extractor.features_dim, 1, widths, self.activation_fn))
        if self.ortho_init:
            layers = [layer for layer in self.cost_net if isinstance(layer, nn.Linear)]
            self.cost_extractor.apply(lambda module: self.init_weights(module, gain=2**0.5))
            for layer in layers[:-1]:
                self.init_weights(layer, gain=2**0.5)
            self.init_weights(layers[-1], gain=0.01)
        parts: Any = [*self.cost_extractor.parameters(), *self.cost_net.parameters()]
        self.cost_optimizer = self.optimizer_class(parts, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]
        self.register_buffer("multiplier", torch.tensor(0.0, dtype=torch.float64))

    def predict_costs(self, obs: Any) -> Tensor:
        """Return the cost [B] that is to come, in units of the horizon, from observations [B, *obs]."""
        features = BaseModel.extract_features(self, obs, self.cost_extractor)
        return self.cost_net(features).flatten()


class _CostCriticCnn(_CostCritic, ActorCriticCnnPolicy):
    pass


class _CostCriticDict(_CostCritic, MultiInputActorCriticPolicy):
    pass


class PPOLagrangian(PPO):
    """PPO on the advantage (A − λ · A_cost) / (1 + λ), with a critic for the cost and a multiplier λ that follows it.

    Both advantages are standardised over a rollout, A_cost by no less than a hundredth of the limit, so that noise does
    not count where nothing costs. After every rollout
    λ ← min(max(λ + `multiplier_rate` · clip(J / `cost_limit` − 1, −1, 1), 0), `multiplier_cap`), where J is the mean
    cost of the episodes that ended in it, or of the latest `num_envs` where these are fewer: the dual ascent of Ray,
    Achiam & Amodei 2019 ("Benchmarking Safe Exploration in Deep Reinforcement Learning") with an excess that
    is relative and bounded, so that λ falls as fast as it rises. Costs are discounted like rewards. Where an episode is
    truncated, the critics say what would still have come; where it terminates, nothing would.

    The logger gets `rollout/ep_cost_mean` (J), `train/multiplier` and `train/cost_value_loss`. λ and the cost critic
    are part of the policy, and of its files.

    Args:
        policy: as for PPO.
        env: as for PPO; every step must have a cost in its info.
        cost_limit: cost per episode, undiscounted, that is acceptable.
        multiplier_rate: how far λ moves after a rollout, at most.
        multiplier_cap: λ never exceeds this.
        costs: where the cost of a step is found.
        **options: those of PPO.

    Raises:
        OptionError: a limit, a rate or a cap that is not above 0.
        ProtocolError: in a step, there is no cost, or none that is a number.

    >>> agent = PPOLagrangian("MlpPolicy", "SafetyPointCircle1-v0", cost_limit=25)  # doctest: +SKIP
    """

    policy_aliases: ClassVar[dict[str, type]] = {
        "MlpPolicy": _CostCritic,
        "CnnPolicy": _CostCriticCnn,
        "MultiInputPolicy": _CostCriticDict,
    }

    def __init__(
        self,
        policy: Any,
        env: Any,
        *,
        cost_limit: float = COST_LIMIT,
        multiplier_rate: float = 0.1,
        multiplier_cap: float = 10.0,
        costs: Costs = CostOptions(),  # noqa: B008 - frozen
        **options: Any,
    ) -> None:
        for name, value in (("limit", cost_limit), ("rate", multiplier_rate), ("cap", multiplier_cap)):
            if not value > 0:
                raise OptionError(f"PPOLagrangian needs a {name} above 0, got {value}.")
        self.cost_limit, self.multiplier_rate, self.multiplier_cap = cost_limit, multiplier_rate, multiplier_cap
        self.costs = CostReader(costs).options
        self.episode_costs: list[float] = []
        """Costs of the latest episodes, the newest last."""
        self._seen: _SeenCosts | None = None
        super().__init__(policy, env, **options)

    @property
    def multiplier(self) -> float:
        """λ as it is now."""
        return float(self.policy.multiplier)  # type: ignore[arg-type]

    def train(self) -> None:
        """Move λ, then learn from the rollout."""
        self._move_multiplier()
        advantages, returns = self._valued_costs()
        buffer, multiplier = self.rollout_buffer, self.multiplier
        own = buffer.advantages
        if self.normalize_advantage:
            own = (own - own.mean()) / (own.std() + 1e-8)
        buffer.advantages = ((own - multiplier * (advantages - advantages.mean())) / (1 + multiplier)).astype(
            np.float32
        )
        super().train()  # which flattens what is in the buffer
        self._fit_costs(buffer.swap_and_flatten(returns).flatten())

    def _move_multiplier(self) -> None:
        seen = self._seen
        assert seen is not None, "a rollout comes before what is learned from it"
        self.episode_costs = [*self.episode_costs, *seen.ended][-max(len(seen.ended), self.n_envs) :]
        if self.episode_costs:
            mean = float(np.mean(self.episode_costs))
            excess = min(max(mean / self.cost_limit - 1, -1.0), 1.0)
            moved = dual_step(self.multiplier, excess, self.multiplier_rate, self.multiplier_cap)
            self.policy.multiplier.fill_(moved)  # type: ignore[operator]
            self.logger.record("rollout/ep_cost_mean", mean)
        self.logger.record("train/multiplier", self.multiplier)

    def _valued_costs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the advantages and returns [T, E] of the costs of the rollout."""
        seen, buffer = self._seen, self.rollout_buffer
        assert seen is not None and self._last_obs is not None
        costs = np.array(seen.costs, np.float32)
        for step, index, terminal in seen.truncated:
            costs[step, index] += self.gamma * float(self._cost_values(terminal)[0])
        twin = copy.copy(buffer)
        flat = self._flat(buffer.observations)
        twin.rewards, twin.values = costs, self._cost_values(flat).reshape(costs.shape).numpy()
        twin.advantages, twin.returns = np.zeros_like(costs), np.zeros_like(costs)
        last = self._cost_values(self._last_obs)
        assert self._last_episode_starts is not None
        twin.compute_returns_and_advantage(last, self._last_episode_starts)
        return twin.advantages, twin.returns

    def _cost_values(self, obs: Any) -> Tensor:
        """Return the discounted cost [B] that is to come from observations [B, *obs], or a dict of such."""
        count = len(next(iter(obs.values()))) if isinstance(obs, dict) else len(obs)
        with torch.no_grad():
            parts = [
                self.policy.predict_costs(obs_as_tensor(_rows(obs, slice(at, at + 256)), self.device))  # type: ignore[operator]
                for at in range(0, count, 256)
            ]
        return torch.cat(parts).cpu() * self._horizon

    def _fit_costs(self, returns: np.ndarray) -> None:
        """Let the cost critic learn the returns [T · E] of the rollout, which is flattened now."""
        optimizer: Any = self.policy.cost_optimizer
        self._update_learning_rate(optimizer)
        losses = []
        for _ in range(self.n_epochs):
            order = np.random.permutation(len(returns))  # noqa: NPY002 - seeded and kept with Stable-Baselines3's
            for at in range(0, len(order), self.batch_size):
                rows = order[at : at + self.batch_size]
                obs = obs_as_tensor(_rows(self.rollout_buffer.observations, rows), self.device)
                wanted = torch.as_tensor(returns[rows] / self._horizon, device=self.device)
                loss = nn.functional.mse_loss(self.policy.predict_costs(obs), wanted)  # type: ignore[operator]
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        optimizer.zero_grad()  # PPO clips the norm of all gradients of the policy, these among them
        self.logger.record("train/cost_value_loss", float(np.mean(losses)))

    @property
    def _horizon(self) -> float:
        """Unit of the cost critic: what a cost of 1 in every step adds up to."""
        return min(1 / max(1 - self.gamma, 1e-9), _LONGEST)

    @staticmethod
    def _flat(obs: Any) -> Any:
        """Return observations [T, E, *obs] as [T · E, *obs]."""
        if isinstance(obs, dict):
            return {key: PPOLagrangian._flat(part) for key, part in obs.items()}
        return obs.reshape(-1, *obs.shape[2:])

    def _init_callback(self, callback: Any, progress_bar: bool = False) -> BaseCallback:
        given = callback if isinstance(callback, list) else [callback]
        given = [one if isinstance(one, BaseCallback) else ConvertCallback(one) for one in given if one is not None]
        self._seen = _SeenCosts(CostReader(self.costs, needed=True), self._seen)
        return super()._init_callback(CallbackList([self._seen, *given]), progress_bar)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_seen"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        parts, variables = super()._get_torch_save_params()
        return [*parts, "policy.cost_optimizer"], variables


class _SeenCosts(BaseCallback):
    """Keeps the costs of a rollout, what was seen where episodes were truncated, and the costs of episodes."""

    def __init__(self, reader: CostReader, before: _SeenCosts | None) -> None:
        super().__init__()
        self._reader = reader
        self._running = None if before is None else before._running
        self.costs: list[list[float]] = []
        """[T, E]"""
        self.truncated: list[tuple[int, int, Any]] = []
        """Step, environment, and what was seen last [1, *obs]."""
        self.ended: list[float] = []
        """Costs of the episodes that ended."""

    def _on_training_start(self) -> None:
        starts = self.model._last_episode_starts
        assert starts is not None
        if self._running is None:
            self._running = np.zeros(len(starts))
        self._running[starts.astype(bool)] = 0.0

    def _on_rollout_start(self) -> None:
        self.costs, self.truncated, self.ended = [], [], []

    def _on_step(self) -> bool:
        infos, dones = self.locals["infos"], self.locals["dones"]
        costs = [self._reader.read(info, f"Environment {index}") for index, info in enumerate(infos)]
        for index in np.flatnonzero(dones):
            last = infos[index].get("terminal_observation")
            if last is not None and infos[index].get("TimeLimit.truncated", False):
                self.truncated.append((len(self.costs), int(index), _one_row(last)))
        self.costs.append(costs)
        assert self._running is not None
        self._running += costs
        self.ended += self._running[dones].tolist()
        self._running[dones] = 0.0
        return True


def _rows(obs: Any, rows: Any) -> Any:
    return {key: part[rows] for key, part in obs.items()} if isinstance(obs, dict) else obs[rows]


def _one_row(obs: Any) -> Any:
    return {key: part[None] for key, part in obs.items()} if isinstance(obs, dict) else obs[None]
