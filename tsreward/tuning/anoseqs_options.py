"""What agents are trained when a safety penalty is tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tsreward.agents.options import AgentOptions
from tsreward.errors import OptionError


@dataclass(frozen=True)
class AnoSeqsTuning:
    """What agents are trained, and what they are tuned for."""

    env: str = "SafetyHopperVelocity-v1"
    """Environment of the source agents; it must give info["cost"]."""
    target_env: str | None = None
    """Environment of the target agents; None is the same."""
    cost_limit: float | None = None
    """Tune the return, and keep the mean cost of an episode below this; None searches the Pareto front of both."""
    seeds: int = 2
    """Target agents of every trial, with the seeds 0, 1, ...; their figures are averaged."""
    sources: int = 2
    """Source agents that the scorer of each of them learns from."""
    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    """Algorithm of every agent."""
    steps: int = 60_000
    """Decisions of every agent: environment steps, where no action is repeated."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    hidden: int = 64
    """Width of the two hidden layers of actor and critic."""
    rollout: int = 256
    """Steps of every environment between two updates (ppo)."""

    def __post_init__(self) -> None:
        for name in ("seeds", "sources"):
            if getattr(self, name) < 1:
                raise OptionError(f"AnoSeqsTuning.{name} must be at least 1, got {getattr(self, name)}.")
        if self.cost_limit is not None and not self.cost_limit > 0:
            raise OptionError(f"AnoSeqsTuning.cost_limit is None or positive, got {self.cost_limit}.")
        self.agent(0)

    @property
    def target(self) -> str:
        """Environment of the target agents."""
        return self.target_env or self.env

    def agent(self, seed: int) -> AgentOptions:
        """Return how an agent is trained."""
        return AgentOptions(
            algorithm=self.algorithm,
            steps=self.steps,
            action_repeat=self.action_repeat,
            hidden=self.hidden,
            rollout=self.rollout,
            seed=seed,
        )
