"""The LSTM-DQN, its replay memory, the controller of λ, and the training loop."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tsreward.functional.seeding import generator
from tsreward.scorers.dqn.environment import ANOMALY, DQNOptions, Environment, with_flag
from tsreward.training import TrainOptions


class QNetwork(nn.Module):
    """Q(s, a) = V(s) ± A(s) / 2 (Wang et al. 2016): A is the advantage of "anomaly" over "normal".

    A is what the intrinsic reward pays for the answer, plus a residual that starts at 0: before labels say otherwise,
    the agent answers as the unsupervised errors do. The residual is linear in the last error and the summary, so that
    few labels can choose among the errors, and in the last state of an LSTM over the whole state. V reads the same
    features, of the state without its flag, and does not train them: a reward that both answers share moves V alone.

    `errors` [B, K] are the reconstruction errors of the window's steps, and `summary` [B, S] what else is known of the
    window.
    """

    def __init__(self, dim: int, hidden: int, summaries: int = 2) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(dim + 2, hidden, batch_first=True)
        self.state_weight = nn.Parameter(torch.zeros(hidden))
        self.error_weight = nn.Parameter(torch.zeros(1 + summaries))
        self.bias = nn.Parameter(torch.zeros(()))
        self.value = nn.Linear(hidden + 1 + summaries, 1)

    def parameter_groups(self, learning_rate: float, fast: float) -> list[dict[str, Any]]:
        """Return all parameters for an optimiser; those of the errors learn at the rate `fast`."""
        few = {"params": [self.error_weight, self.bias], "lr": fast}
        rest = [*self.recurrent.parameters(), self.state_weight, *self.value.parameters()]
        return [{"params": rest, "lr": learning_rate}, few]

    def features(self, states: Tensor, errors: Tensor, summary: Tensor) -> Tensor:
        """Return [B, hidden + 1 + S] of states [B, K, D + 1]."""
        hidden = self.recurrent(torch.cat([states, errors[..., None]], -1))[0][:, -1]
        return torch.cat([hidden, errors[:, -1:], summary], -1)

    def advantage(self, features: Tensor, prior: Tensor) -> Tensor:
        """Return A [B] = Q(anomaly) − Q(normal); `prior` [B] is what the intrinsic reward pays for the difference."""
        # Not a matrix product with one column, whose bits would depend on the batch.
        weight = torch.cat([self.state_weight, self.error_weight])
        return (features * weight).sum(-1) + self.bias + prior

    def forward(self, features: Tensor, without_flag: Tensor, prior: Tensor) -> Tensor:
        """Return Q [B, 2] from the features of a state and of the same state with the flag at 0."""
        value, advantage = self.value(without_flag.detach()), self.advantage(features, prior)[:, None]
        return torch.cat([value - advantage / 2, value + advantage / 2], 1)


class Transitions(NamedTuple):
    """B transitions. Positions stand for windows, and rewards follow from them: a label that comes later counts."""

    positions: Tensor
    """Windows [B] that were answered; the next one in the set follows."""
    flags: Tensor
    """Previous answers [B] in their states."""
    done: Tensor
    """Whether [B] nothing follows."""


class Replay:
    """The last `size` transitions.

    >>> replay = Replay(size=3)
    >>> for position in (1, 2, 3, 4):
    ...     replay.add(Transitions(torch.tensor([position]), torch.zeros(1), torch.tensor([False])))
    >>> sorted(replay.all().positions.tolist())
    [2, 3, 4]
    """

    def __init__(self, size: int, device: torch.device | str = "cpu") -> None:
        self.size, self.filled, self._next = size, 0, 0
        self._positions = torch.zeros(size, dtype=torch.long, device=device)
        self._flags = torch.zeros(size, device=device)
        self._done = torch.zeros(size, dtype=torch.bool, device=device)

    def add(self, new: Transitions) -> None:
        """Remember transitions, in the place of the oldest."""
        new = Transitions(*(part[-self.size :] for part in new))
        rows = (torch.arange(len(new.positions), device=new.positions.device) + self._next) % self.size
        self._positions[rows], self._flags[rows], self._done[rows] = new
        self._next = (self._next + len(rows)) % self.size
        self.filled = min(self.size, self.filled + len(rows))

    def all(self) -> Transitions:
        """Return everything that is remembered."""
        return self.at(torch.arange(self.filled, device=self._positions.device))

    def at(self, rows: Tensor) -> Transitions:
        """Return the transitions in these places."""
        return Transitions(self._positions[rows], self._flags[rows], self._done[rows])


class LambdaController:
    """Proportional control: λ ← clip(λ + rate · (target − episode's mean reward), min, max).

    Below the target reward the intrinsic reward gets more weight, above it less.

    >>> controller = LambdaController(DQNOptions(lambda_start=0.5, lambda_rate=0.25, lambda_target=0.0))
    >>> controller.update(-1.0)
    >>> controller.update(3.0)
    >>> controller.lambdas, controller.returns
    ([0.5, 0.75, 0.2], [-1.0, 3.0])
    """

    def __init__(self, options: DQNOptions) -> None:
        self.options = options
        self.lambdas = [options.lambda_start]
        """λ of every episode, and of the next one."""
        self.returns: list[float] = []
        """Mean reward per step of every episode."""

    @property
    def value(self) -> float:
        """λ of the next episode."""
        return self.lambdas[-1]

    def update(self, mean_reward: float) -> None:
        """Note an episode's mean reward per step, and set the next λ."""
        options = self.options
        value = self.value + options.lambda_rate * (options.lambda_target - mean_reward)
        self.lambdas.append(min(max(value, options.lambda_min), options.lambda_max))
        self.returns.append(mean_reward)


def epsilon(episode: int, episodes: int, options: DQNOptions) -> float:
    """Return the fraction of random answers in `episode` (from 0) of `episodes`: linear, then constant.

    >>> options = DQNOptions(epsilon_start=1.0, epsilon_end=0.2, epsilon_fraction=0.5)
    >>> [round(epsilon(episode, 9, options), 2) for episode in (0, 2, 4, 8)]
    [1.0, 0.6, 0.2, 0.2]
    """
    done = episode / max(1.0, options.epsilon_fraction * (episodes - 1))
    return options.epsilon_start + min(1.0, done) * (options.epsilon_end - options.epsilon_start)


def targets(rewards: Tensor, values: Tensor, done: Tensor, discount: float) -> Tensor:
    """Return r + γ V(s') [B, 2] for both answers; nothing follows where `done`.

    >>> targets(torch.ones(2, 2), torch.full((2, 2), 4.0), torch.tensor([False, True]), discount=0.5).tolist()
    [[3.0, 3.0], [1.0, 1.0]]
    """
    return rewards + discount * torch.where(done[:, None], 0.0, values)


def next_values(target: Tensor, online: Tensor, double: bool) -> Tensor:
    """Return V [...] from Q [..., 2]: the target network's value of the online network's choice, or of its own.

    `double` avoids the bias of choosing and valuing with one network (van Hasselt et al. 2016).

    >>> target, online = torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 0.0]])
    >>> next_values(target, online, double=True).item(), next_values(target, online, double=False).item()
    (1.0, 3.0)
    """
    chosen = (online if double else target).argmax(-1, keepdim=True)
    return target.gather(-1, chosen)[..., 0]


class Learner:
    """Plays episodes in an environment and improves a Q-network after each of them.

    `step_errors` [N, K] and `summary` [N] are the errors of the environment's windows. `groups` [N] divides the windows
    into 0 (nothing asked), 1 (known to be normal) and 2 (known to be anomalous); the last two, however rare, have half
    of `DQNOptions.labelled_fraction` each of the starts of walks and of what is remembered.
    """

    def __init__(
        self,
        network: QNetwork,
        environment: Environment,
        step_errors: Tensor,
        summary: Tensor,
        groups: Tensor,
        train: TrainOptions,
    ) -> None:
        self.network, self.environment, self.train = network, environment, train
        self.step_errors, self.summary, self.groups = step_errors, summary, groups
        self.options = environment.options
        self.controller = LambdaController(self.options)
        self.replay = Replay(self.options.replay, summary.device)
        self.target = copy.deepcopy(network).requires_grad_(False)
        # V and A have separate parameters, and Adam looks at each by itself: V cannot reach A through the optimiser.
        weights = network.parameter_groups(self.options.learning_rate, self.options.error_learning_rate)
        self.optimiser = torch.optim.Adam(weights, weight_decay=self.options.decay)
        self.noise = generator(train.seed, 1)
        self.updated = 0
        self.epsilons: list[float] = []

    def play(self, episodes: int) -> None:
        """Play this many of `TrainOptions.epochs` episodes, with updates after each."""
        for _ in range(episodes):
            self.environment.lam = self.controller.value
            self.epsilons.append(epsilon(len(self.epsilons), self.train.epochs, self.options))
            self.controller.update(self._walk(self.epsilons[-1]))
            for _ in range(self.options.updates):
                self._update()

    @torch.no_grad()
    def advantages(self, positions: Tensor) -> Tensor:
        """Return Q(anomaly) − Q(normal) [B] at these windows, with the flag at 0."""
        return torch.cat([self._advantage(part) for part in positions.split(4096)])

    @torch.no_grad()
    def _walk(self, epsilon: float) -> float:
        """Let all cursors walk, answering at random with probability `epsilon`; return the mean reward per step."""
        game, total = self.environment, 0.0
        game.start(self._drawn(self.options.walkers))
        for _ in range(self.options.steps):
            positions, flags = game.positions, game.flags
            greedy = self._advantage(positions, flags) > 0
            random = self._uniform(2, len(positions))
            actions = torch.where(random[0] < epsilon, random[1] < 0.5, greedy).long()
            step = game.step(actions)
            self.replay.add(Transitions(positions, flags, step.done))
            total += float(step.rewards.gather(1, actions[:, None]).mean())
            game.start(self._drawn(len(positions)), where=step.done)
        return total / self.options.steps

    def _update(self) -> None:
        batch = self._sample()
        features = self._features(self.network, batch.positions, batch.flags)
        with torch.no_grad():
            plain = self._features(self.network, batch.positions)
            following = torch.where(batch.done, batch.positions, batch.positions + 1)
            values = next_values(
                self._both(self.target, following), self._both(self.network, following), self.options.double
            )
            wanted = targets(self.environment.rewards(batch.positions), values, batch.done, self.options.discount)
        found = self.network(features, plain, self.environment.prior(batch.positions))
        loss = (found - wanted).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.updated += 1
        if self.updated % self.options.target_every == 0:
            self.target.load_state_dict(self.network.state_dict())

    def _both(self, network: QNetwork, positions: Tensor) -> Tensor:
        """Return Q [B, 2, 2] at the windows, for either flag."""
        plain = self._features(network, positions)
        flagged = self._features(network, positions, torch.full(positions.shape, float(ANOMALY), device=plain.device))
        prior = self.environment.prior(positions)
        return torch.stack([network(plain, plain, prior), network(flagged, plain, prior)], 1)

    def _advantage(self, positions: Tensor, flags: Tensor | None = None) -> Tensor:
        features = self._features(self.network, positions, flags)
        return self.network.advantage(features, self.environment.prior(positions))

    def _features(self, network: QNetwork, positions: Tensor, flags: Tensor | None = None) -> Tensor:
        flags = torch.zeros(positions.shape, device=positions.device) if flags is None else flags
        states = with_flag(self.environment.windows.gather(positions), flags)
        return network.features(states, self.step_errors[positions], self.summary[positions])

    def _drawn(self, number: int) -> Tensor:
        """Return windows [number] to start at."""
        return self._balanced(self.groups, number)

    def _sample(self) -> Transitions:
        known = self.replay.all().positions
        return self.replay.at(self._balanced(self.groups[known], self.options.batch))

    def _balanced(self, groups: Tensor, number: int) -> Tensor:
        """Draw places [number] in `groups` [N] so that every group that occurs has its fraction."""
        counts, labelled = groups.bincount(minlength=3), self.options.labelled_fraction
        fractions = counts.new_tensor([1 - labelled, labelled / 2, labelled / 2], dtype=torch.double)
        weights = (fractions / counts)[groups].cumsum(0)
        points = self._uniform(number) * weights[-1]
        return torch.searchsorted(weights, points).clamp_max(len(groups) - 1)

    def _uniform(self, *sizes: int) -> Tensor:
        return torch.rand(*sizes, generator=self.noise).to(self.summary.device)
