"""What changes from episode to episode: λ and ε."""

from __future__ import annotations

from tsreward.scorers.dqn.options import DQNOptions


class LambdaController:
    """Proportional control: λ ← clip(λ + rate · (target − episode's reward), min, max).

    An agent that earns less than the target is given more of the intrinsic reward, one that earns more is weaned off.

    >>> controller = LambdaController(DQNOptions(lambda_start=2.0, lambda_rate=0.5, lambda_target=0.0, lambda_min=1.0))
    >>> controller.update(-1.0)
    >>> controller.update(3.0)
    >>> controller.lambdas, controller.returns
    ([2.0, 2.5, 1.0], [-1.0, 3.0])
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
    """Return the share of random answers in `episode` (from 0) of `episodes`: linear, then at its end value.

    >>> options = DQNOptions(epsilon_start=1.0, epsilon_end=0.2, epsilon_share=0.5)
    >>> [round(epsilon(episode, 9, options), 2) for episode in (0, 2, 4, 8)]
    [1.0, 0.6, 0.2, 0.2]
    """
    done = episode / max(1.0, options.epsilon_share * (episodes - 1))
    return options.epsilon_start + min(1.0, done) * (options.epsilon_end - options.epsilon_start)
