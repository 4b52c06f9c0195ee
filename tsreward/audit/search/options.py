"""Options of a search for exploits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self

from tsreward.options import Options, option


@dataclass(frozen=True)
class PlannerOptions(Options):
    """How far ahead is planned, and how often."""

    plans: int = option(24, low=2)
    """Plans that are tried in a round."""
    horizon: int = option(16, low=1)
    """Decisions in a plan."""
    followed: int = option(4, low=1)
    """Decisions before planning anew."""
    rounds: int = option(2, low=1)
    """Rounds, each around the best plans of the one before."""
    held: int = option(4, low=1)
    """Decisions that a plan holds an action for, at most."""

    def deeper(self, times: int) -> Self:
        """Return so many times the plans and the horizon."""
        return replace(self, plans=times * self.plans, horizon=times * self.horizon)


@dataclass(frozen=True)
class AttackOptions(Options):
    """How long is searched, and how."""

    seconds: float = option(120.0, above=0)
    """Seconds in all, which the attackers share."""
    attackers: tuple[Literal["planner", "agent"], ...] = ("planner", "agent")
    """planner: plans in a simulator that goes back (dm_control, MuJoCo, Atari). agent: a short training run."""
    episodes: int = option(8, low=2)
    """Episodes of an attacker that are looked at."""
    longest: int = option(1_000, low=1)
    """Decisions after which an episode of an attacker is cut off."""
    agents: int = option(2, low=1)
    """Agents that are trained, with seeds of their own, as long as there is time."""
    agent_steps: int = option(6_000, low=1)
    """Decisions of each: 5 to 20 % of those of a training run."""
    planner: PlannerOptions = field(default_factory=PlannerOptions)
    deeper: int = option(4, low=0)
    """Times that the planner begins again with twice the plans and the horizon, as long as there is time."""
    seed: int = option(0, low=0, high=2**31 - 1)
    """Every random number follows from it; where the seconds end a search, what was found depends on the machine."""

    def check(self) -> None:
        if not self.attackers:
            self.refuse("attackers", "one or more of planner and agent")
