"""Forward–backward representation: how soon a goal can be reached from here (Touati and Ollivier 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tsreward.options import option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.goal_video import check_moving
from tsreward.scorers.gradient import GradientScorer
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class ForwardBackwardOptions(ScorerOptions):
    """Options of `ForwardBackward`."""

    path_length: int = option(60, low=2, high=10**6)
    """Steps from the start to the goal, at most. What lies further away than 1/(1 − γ) steps looks equally far."""
    discount: float | None = option(None, above=0, below=1)
    """γ; None takes 1 − 1/path_length, the least that reaches so far."""
    latent: int = option(64, high=4096)
    """Width of F and B."""
    hidden: int = option(128, high=8192)
    polyak: float = option(0.05, above=0, high=1)
    """How far the target networks move to the networks in one gradient step."""
    orthonormality: float = 1.0
    """Weight of the loss that keeps the B of different states apart."""
    expectile: float = option(0.9, low=0.5, below=1)
    """0.5 follows the policy of the data; towards 1, the best of what it did, as in implicit Q-learning."""
    goals: int = option(16, high=4096)
    """Last steps of normal episodes whose mean B is the goal, at most."""

    features: Literal["standardised", "raw"] = "standardised"
    """standardised: in units of the goal videos' own moments. raw: as they are, where a goal is one picture."""

    def check(self) -> None:
        if self.discount is not None and 1 / (1 - self.discount) < self.path_length * (1 - 1e-9):
            enough = math.ceil(1e4 * (1 - 1 / self.path_length)) / 1e4
            self.refuse("discount", f"{enough:g} or more for path_length={self.path_length}")

    @property
    def gamma(self) -> float:
        """The discount in use."""
        return 1 - 1 / self.path_length if self.discount is None else self.discount


@SCORERS.register("forward_backward")
class ForwardBackward(GradientScorer[ForwardBackwardOptions]):
    """−min(F₁(s, z)·z, F₂(s, z)·z), z = B(goal): F(s, z)·B(g) is the discounted number of visits to g from s on.

    Normal episodes are goal videos: their last steps are the goal, and how their steps score is what the calibration
    compares with. Negative windows are what agents have done, anything. Both are learned from as transitions (s, s′),
    the last two steps of a window, without actions; refresh it with `tsreward.ActiveLearner`. The transform `p_value`
    pays the fraction of the video that has been passed.

    With M_ij = F(s_i, z_i)·B(s′_j) and M′_ij = min over both heads of the target networks F̄(s′_i, z_i)·B̄(s′_j), a
    transition's loss is ½ mean_{j≠i} (M_ij − γM′_ij)² − M_ii, to which ω (½ mean_{i≠j} (B_i·B_j)² − mean_i ‖B_i‖²) is
    added, where ‖B‖ = ‖z‖ = √latent (Touati and Ollivier 2021, arXiv 2103.07945). In place of an actor that is greedy
    for z, transitions that gain, (B̄(s′) + γF̄(s′, z) − F̄(s, z))·z > 0, weigh `expectile` and others 1 − `expectile`
    (Kostrikov et al. 2021, arXiv 2110.06169). Half of the z are the goal's, half of states in the batch.

    >>> draw = torch.Generator().manual_seed(0)
    >>> walks = [torch.randn(50, 2, generator=draw).cumsum(0) for _ in range(8)]
    >>> windows = WindowSet.from_episodes(walks, window=2)
    >>> from tsreward.training import TrainOptions
    >>> scorer = ForwardBackward(2, ForwardBackwardOptions(hidden=16, latent=8))
    >>> scorer.fit(windows, windows, TrainOptions(epochs=1, windows_per_epoch=64))(torch.zeros(3, 2, 2)).shape
    torch.Size([3])
    >>> ForwardBackwardOptions(path_length=60, discount=0.95)
    Traceback (most recent call last):
    tsreward.errors.OptionError: ForwardBackwardOptions.discount must be 0.9834 or more for path_length=60, got 0.95.
    """

    Options = ForwardBackwardOptions
    needs_negative = True
    min_window = 2
    goal: Tensor

    def build(self) -> None:
        options = self.options
        self.forward_net = _network(self.dim + options.latent, options.hidden, 2 * options.latent)
        self.backward_net = _network(self.dim, options.hidden, options.latent)
        self.target_forward = _network(self.dim + options.latent, options.hidden, 2 * options.latent)
        self.target_backward = _network(self.dim, options.hidden, options.latent)
        self.target_forward.load_state_dict(self.forward_net.state_dict())
        self.target_backward.load_state_dict(self.backward_net.state_dict())
        for target in (self.target_forward, self.target_backward):
            target.requires_grad_(False)
        self.register_buffer("goal", torch.zeros(options.goals, self.dim))

    def before_fit(self, normal: WindowSet) -> None:
        check_moving(self)
        ends = torch.cat([normal.first[1:] != normal.first[:-1], torch.ones(1, dtype=torch.bool)])
        goals = normal.store[normal.last[ends]][: self.options.goals]
        self.goal.copy_(goals[[place % len(goals) for place in range(self.options.goals)]])

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        assert negative is not None, "fit refuses to learn without"
        if self.training:
            self._follow()
        windows = torch.cat([normal[: len(normal) // 4], negative])
        now, then = windows[:, -2], windows[:, -1]
        back, count, options = self._back(self.backward_net, then), len(then), self.options
        with torch.no_grad():
            slow = self._back(self.target_backward, then)
            tasks = self._tasks(slow, noise)
            later, earlier = (self._heads(self.target_forward, states, tasks).min(0).values for states in (then, now))
            gained = ((slow + options.gamma * later - earlier) * tasks).sum(1)
            weight = torch.where(gained > 0, options.expectile, 1 - options.expectile)
            weight = weight / weight.mean()
            target = options.gamma * (later @ slow.T)
        visits = self._heads(self.forward_net, now, tasks) @ back.T  # [2, B, B]
        apart = 1 - torch.eye(count, device=back.device)
        bellman = 0.5 * ((visits - target).square() * apart).sum(2) / (count - 1)
        reached = visits.diagonal(dim1=1, dim2=2)
        alike = back @ back.T
        spread = 0.5 * (alike.square() * apart).sum() / (count * (count - 1)) - alike.diagonal().mean()
        return (weight * (bellman - reached)).mean(1).sum() + options.orthonormality * spread

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows in the units of the goal videos, or as they are."""
        return rows.float() if self.options.features == "raw" else super().standardise(rows)

    def measure(self, windows: Tensor) -> Tensor:
        task = self._goal_task(self.backward_net)
        heads = self._heads(self.forward_net, windows[:, -1], task.expand(len(windows), -1))
        return -(heads @ task).min(0).values

    def _goal_task(self, network: nn.Module) -> Tensor:
        mean = self._back(network, self.goal).mean(0)
        return math.sqrt(self.options.latent) * normalize(mean, dim=0)

    def _tasks(self, slow: Tensor, noise: torch.Generator) -> Tensor:
        """Return z [B, Z]: the goal for every other row, states of the batch for the others."""
        order = torch.randperm(len(slow), generator=noise).to(slow.device)
        tasks = slow[order].clone()
        tasks[::2] = self._goal_task(self.target_backward)
        return tasks

    def _heads(self, network: nn.Module, states: Tensor, tasks: Tensor) -> Tensor:
        """Return F [2, B, Z] of states [B, D] for tasks z [B, Z]."""
        return network(torch.cat([states, tasks], 1)).reshape(len(states), 2, self.options.latent).transpose(0, 1)

    def _back(self, network: nn.Module, states: Tensor) -> Tensor:
        """Return B [B, Z] of states [B, D], of length √Z."""
        return math.sqrt(self.options.latent) * normalize(network(states), dim=-1)

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = ((self.forward_net, self.target_forward), (self.backward_net, self.target_backward))
        for network, target in pairs:
            for value, slow in zip(network.parameters(), target.parameters(), strict=True):
                slow.lerp_(value, self.options.polyak)


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.LayerNorm(hidden),
        nn.Tanh(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )
